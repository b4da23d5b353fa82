"""Campaigns that somebody made elsewhere, as buyers' accounts are full of them: planned here, the same for
the same seed, and built by each platform past its own checks, with days of delivery behind them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

State = Literal["active", "paused", "archived"]
Budget = Literal["adset", "campaign", "shared", "total"]
Place = Literal["country", "region", "city"]
Ages = Literal["all", "adults", "none", "unknown"]

HISTORY_DAYS = 14
# In turns, so that a handful of campaigns has both budget models and a few states already.
_BUDGETS: tuple[Budget, ...] = ("adset", "campaign", "adset", "shared", "adset", "campaign", "total")
_STATES: tuple[State, ...] = (
    "active",
    "active",
    "active",
    "active",
    "paused",
    "active",
    "active",
    "archived",
)
_OBJECTIVES = ("sales", "sales", "sales", "traffic", "sales", "leads", "sales", "unknown", "sales")
_PLACES: tuple[Place, ...] = ("country", "region", "country", "city")
_AGES: tuple[Ages, ...] = ("all", "adults", "none", "unknown", "all")
_THEMES = (
    "Summer sale",
    "Prospecting",
    "Retargeting 30d",
    "Brand",
    "Schuhe DE/AT",
    "TEST do not touch",
    "Q4 🎁",
)


@dataclass(frozen=True)
class MadeElsewhere:
    """One campaign to build. `budgets` are whole dollars a day, one for each ad set; where the campaign has
    the budget it is their sum. "shared" is shared with other campaigns on Google, the campaign's own
    elsewhere; "total" is for all days together. `ages` "unknown" is a setting that clients do not know.
    """

    number: int
    name: str
    objective: str
    state: State
    budget: Budget
    place: Place
    ages: Ages
    budgets: tuple[int, ...]
    ads: int  # in each ad set
    age_days: int  # between its creation and now

    @property
    def creative(self) -> str:
        """The picture that its ads show."""
        return f"elsewhere-{self.number % 5}"

    @property
    def total(self) -> int:
        return sum(self.budgets)

    def made_at(self, now: datetime) -> datetime:
        return now - timedelta(days=self.age_days)


def planned(count: int, seed: int) -> Iterator[MadeElsewhere]:
    """Yield `count` campaigns, the same for the same seed."""
    for number in range(count):
        rng = Random(f"{seed}/elsewhere/{number}")
        yield MadeElsewhere(
            number,
            f"{rng.choice(_THEMES)} | {number + 1:02d}",
            _OBJECTIVES[number % len(_OBJECTIVES)],
            _STATES[number % len(_STATES)],
            _BUDGETS[number % len(_BUDGETS)],
            rng.choice(_PLACES) if number else "region",
            _AGES[number % len(_AGES)],
            tuple(10 * rng.randint(6, 12) for _ in range(rng.randint(1, 3))),
            rng.randint(1, 2),
            rng.randint(HISTORY_DAYS + 7, 300),
        )
