"""The vocabulary of rules: metrics, operators, windows and durations.

A word outside the vocabulary is refused when the rule is saved, with the nearest word of it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
)
from pydantic_core import PydanticCustomError

from campaign_automation.models.common import Amount, Text, unique
from campaign_automation.models.schedule_expressions import parse_schedule

MAX_DEPTH = 5  # of all, any and not inside each other


MAX_LEAVES = 50


MAX_DAYS = 90  # insights are read no further back


DEFAULT_SCHEDULE = "rate(6 hours)"


COUNTED = ("spend", "impressions", "clicks", "conversions", "revenue")


RATIOS = ("ctr", "cpc", "cpm", "conversion_rate", "cpa", "roas")


# Of the object itself: no time_range. The limits are what its platform may spend of its daily budget at most.
SETTINGS = (
    "daily_budget",
    "day_spend_limit",
    "week_spend_limit",
    "month_spend_limit",
    "age_days",
    "hours_past_pause_until",
)


METRICS = (*COUNTED, *RATIOS, *SETTINGS)


LATE_METRICS = frozenset({"conversions", "revenue", "conversion_rate", "cpa", "roas"})  # arrive days later


# Spend and impressions are in neither set: more of them is neither better nor worse.
LOWER_IS_BETTER = frozenset({"cpc", "cpm", "cpa"})


HIGHER_IS_BETTER = frozenset({"clicks", "conversions", "revenue", "ctr", "conversion_rate", "roas"})


OPERATORS = (
    "greater_than",
    "greater_than_or_equal",
    "less_than",
    "less_than_or_equal",
    "equals",
    "between",
    "not_equals",
    "not_between",
)


OPERATOR_ALIASES = {
    ">": "greater_than",
    ">=": "greater_than_or_equal",
    "<": "less_than",
    "<=": "less_than_or_equal",
    "=": "equals",
    "==": "equals",
    "!=": "not_equals",
    "gt": "greater_than",
    "gte": "greater_than_or_equal",
    "lt": "less_than",
    "lte": "less_than_or_equal",
    "eq": "equals",
    "ne": "not_equals",
    "in_range": "between",
    "not_in_range": "not_between",
}


NAMED_WINDOWS = ("today", "yesterday", "lifetime", "since_last_action")


_DURATION = re.compile(r"(?:last_)?(\d{1,4})[ _]?(h|hours?|d|days?)")


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def unknown_word(kind: str, value: Any, allowed: Iterable[str]) -> PydanticCustomError:
    words = list(allowed)
    near = difflib.get_close_matches(str(value).lower(), words, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return PydanticCustomError(
        "unknown_word",
        "{word} is not a known {kind}{hint} Allowed: {expected}",
        {"word": repr(value)[:80], "kind": kind, "hint": hint or ".", "expected": ", ".join(words)},
    )


def known(kind: str, allowed: Iterable[str], aliases: Mapping[str, str] | None = None) -> BeforeValidator:
    words = tuple(allowed)

    def check(value: Any) -> Any:
        word = (aliases or {}).get(value, value) if isinstance(value, str) else value
        if word not in words:
            raise unknown_word(kind, value, words)
        return word

    return BeforeValidator(check, json_schema_input_type=Literal[words])


@lru_cache(maxsize=1024)
def hours_of(duration: str) -> int:
    """Return the hours of a duration such as "24h", "7d" or "last_7_days"; ValueError for anything else."""
    found = _DURATION.fullmatch(duration.strip().lower())
    if not found:
        raise ValueError("should be a duration such as 24h or 7d")
    return int(found[1]) * (24 if found[2].startswith("d") else 1)


@lru_cache(maxsize=1024)
def days_of(time_range: str) -> int | None:
    """Return the number of full days that a window covers; None for a named window such as "today"."""
    # Rounded up: a window of hours covers the full days that it touches.
    return None if time_range in NAMED_WINDOWS else -(-hours_of(time_range) // 24)


def _time_range(value: Any) -> Any:
    if not isinstance(value, str) or (value not in NAMED_WINDOWS and not _DURATION.fullmatch(value.lower())):
        raise unknown_word("time_range", value, (*NAMED_WINDOWS, "24h", "3d", "7d", "14d", "30d"))
    if not 1 <= (days_of(value) or 1) <= MAX_DAYS or value.startswith("0"):
        raise ValueError(f"should cover 1 to {MAX_DAYS} days")
    return value.lower()


def _duration(value: str) -> str:
    if hours_of(value) > 24 * MAX_DAYS:
        raise ValueError(f"should be at most {MAX_DAYS} days")
    return value


def _zone(value: Any) -> Any:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        near = difflib.get_close_matches(str(value), available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{str(value)[:60]!r} is not an IANA time zone such as Europe/Berlin{hint}"
        ) from None
    return value


def _schedule(value: str) -> str:
    return str(parse_schedule(value))


Metric = Annotated[str, known("metric", METRICS)]


Operator = Annotated[str, known("operator", OPERATORS, OPERATOR_ALIASES)]


TimeRange = Annotated[str, BeforeValidator(_time_range)]


Duration = Annotated[str, AfterValidator(_duration)]


TimeZone = Annotated[str, BeforeValidator(_zone)]


Schedule = Annotated[str, Field(max_length=256), AfterValidator(_schedule)]


Flag = Annotated[bool, Field(strict=True)]


Share = Annotated[float, Field(gt=0, le=1)]


Id = Annotated[Text, Field(max_length=128)]


Ids = Annotated[list[Id], Field(min_length=1, max_length=1000), AfterValidator(unique)]


Number = Annotated[Amount, Field(gt=-(10**12), lt=10**12)]


WINDOW = Field(default=None, validation_alias=AliasChoices("time_range", "window"))
