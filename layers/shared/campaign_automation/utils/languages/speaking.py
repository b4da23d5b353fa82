"""Whole answers and notices in a reader's language: their sentences change, and nothing that programs read.

Codes, details, names of fields, identifiers, a person's own words and the ads' texts stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from campaign_automation.utils.languages import CHINESE, Language, reader

# The fields of answers that hold sentences of ours, or lists of them.
SPOKEN = frozenset(
    "message warnings note summary sentence explanation would_change outcome_reason detail problem purpose"
    " limits drift reason notification end_reason".split()
)
_SUMMARY = {"text", "source"}  # the fields of a plan's summary, the one `text` that is ours
_HAN = re.compile("[\u4e00-\u9fff]")


@lru_cache(maxsize=2000)
def chinese(text: str) -> str:
    """Return one of our sentences in Chinese."""
    # Here, since a process whose callers read English needs neither the phrases nor their parser.
    from campaign_automation.utils.languages.catalogue import book

    return book().read(text).said


def say(text: str, language: Language) -> str:
    """Return one of our sentences in a language."""
    return chinese(text) if language == CHINESE else text


def told(text: str) -> str:
    """Return one of our sentences in the language of who is being shown a page."""
    return say(text, reader.get())


def answer_in(answer: dict[str, Any], language: Language) -> dict[str, Any]:
    """Return the JSON values of an answer or an error's envelope with their sentences in a language."""
    return _within(answer) if language == CHINESE else answer


def notice_in(arguments: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return the arguments of a notice with its title and message in a language."""
    texts = {name: say(arguments[name], language) for name in ("title", "message") if name in arguments}
    return {**arguments, **texts}


def _within(holder: dict[str, Any]) -> dict[str, Any]:
    return {name: _part(value, _is_spoken(name, holder), holder) for name, value in holder.items()}


def _is_spoken(name: str, holder: Mapping[str, Any]) -> bool:
    # The reason of a change or a switch is what its actor gave, as the trail keeps it.
    if name == "reason":
        return "actor" not in holder
    return name in SPOKEN or (name == "text" and holder.keys() == _SUMMARY)


def _part(value: Any, is_spoken: bool, holder: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return value if value is holder.get("details") else _within(value)
    if isinstance(value, list):
        return [_part(item, is_spoken, holder) for item in value]
    if not isinstance(value, str) or not is_spoken:
        return value
    return _error(value, holder["type"]) if {"code", "type"} <= holder.keys() else chinese(value)


def _error(message: str, kind: str) -> str:
    """Return the message of an error; a platform's own words follow the kind of error that they are."""
    said = chinese(message)
    if _HAN.search(said):
        return said
    from campaign_automation.utils.languages.catalogue import ERRORS, phrases

    return f"{phrases()[ERRORS].get(kind, kind)}：{said}"
