"""Answers as unkind as those of real accounts: objects of colleagues in the lists, optional fields missing,
small pages that overlap.

Everything is drawn from a seed and from the object that is shown, so that the same question has the same
answer in every run.
"""

from collections.abc import Collection, Mapping
from random import Random
from typing import Any

Json = dict[str, Any]
DEFAULT_SEED = 1
NAME = "Colleague's own, do not touch"
# Ends with half of an emoji, as a tool leaves it that counts in UTF-16; JSON carries it, and UTF-8 does not.
CUT_NAME = f"{NAME} \ud83d"
# Fewest and most rows of a page. Reports have hundreds of rows, and each page is a call.
_OBJECTS, _FIGURES = (3, 6), (40, 80)


class Unkind:
    """The switch of a sandbox: without a seed the answers are complete and hold nothing else."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    @property
    def is_on(self) -> bool:
        return self.seed is not None

    def page_size(self, asked: int, *, of_figures: bool = False) -> int:
        """The rows of a page of objects or of a report, which holds fewer than asked."""
        if not self.is_on:
            return asked
        return min(asked, self._random("pages").randint(*(_FIGURES if of_figures else _OBJECTS)))

    @property
    def overlap(self) -> int:
        """The rows with which a page repeats the end of the one before, as where objects come and go."""
        return 1 if self.is_on else 0

    def without(self, row: Json, optional: Collection[str], object_id: str) -> Json:
        """The row of an object without some of its optional fields."""
        left_out = {name for name in optional if self.leaves_out(name, object_id)}
        return {name: value for name, value in row.items() if name not in left_out}

    def leaves_out(self, field: str, object_id: str) -> bool:
        """Return whether an optional field of an object is missing."""
        return self.is_on and self._random(object_id, field).random() < 0.5

    def choice(self, about: object, *choices: Any) -> Any:
        return self._random(about).choice(choices)

    def _random(self, *about: object) -> Random:
        return Random(f"{self.seed}/{'/'.join(map(str, about))}")


def foreign_id(parent_id: str, level: str) -> str:
    """The id of a colleague's object below `parent_id`, which no object of the store has."""
    return f"9{level_digit(level)}{parent_id[-14:]}"


def level_digit(level: str) -> int:
    return {"adset": 1, "ad": 2, "campaign": 3}[level]


def shown(row: Json, asked: Collection[str]) -> Json:
    """The asked fields of a row, as far as it has them."""
    return {name: value for name, value in row.items() if name in asked}


def parent_of(filters: Mapping[str, Any], name: str) -> str | None:
    """The one parent that a list is limited to, when nothing else limits it."""
    values = filters.get(name)
    only = set(filters) <= {name, "campaign_automation_type"}
    return str(values[0]) if only and isinstance(values, list) and len(values) == 1 else None
