"""The people and places of an ad set as Meta writes them, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from campaign_automation.adapters.common.reading import rows_of
from campaign_automation.adapters.meta.options.rules import GENDERS, LOCALES
from campaign_automation.models.common import Gender, Targeting

# The fields of Meta's targeting that these functions read.
READ = frozenset({"genders", "locales"})
_GENDERS: dict[int, Gender] = {number: gender for gender, number in GENDERS.items()}  # type: ignore[misc]


def people_params(targeting: Targeting) -> dict[str, Any]:
    """Return genders and languages, as far as they are chosen."""
    params: dict[str, Any] = {}
    if targeting.genders:
        params["genders"] = [GENDERS[gender] for gender in targeting.genders]
    if targeting.languages:
        params["locales"] = [number for code in targeting.languages for number in _locales(code)]
    return params


def _locales(code: str) -> list[int]:
    return LOCALES.get(code) or [int(code)]


def people_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the chosen genders and languages of stored targeting. Raises an error of UNREADABLE."""
    genders = {_GENDERS[int(number)] for number in rows_of(settings.get("genders"))}
    return {
        "genders": sorted(genders) if len(genders) < len(GENDERS) else [],
        "languages": _languages(rows_of(settings.get("locales"))),
    }


def _languages(locales: Sequence[Any]) -> list[str]:
    """Return our codes for the numbers that one stands for together, and the other numbers as they are."""
    left = {int(number) for number in locales}
    found = []
    for code, numbers in LOCALES.items():
        if left >= set(numbers):
            left -= set(numbers)
            found.append(code)
    return [*found, *map(str, sorted(left))]
