"""The people and places of an ad set as Meta writes them, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from campaign_automation.adapters.common.reading import fields_of, id_of, rows_of, text_of
from campaign_automation.adapters.meta.options.rules import GENDERS, LOCALES
from campaign_automation.models.common import Gender, Targeting

# The fields of Meta's targeting that these functions read.
READ = frozenset({"genders", "locales", "custom_audiences", "excluded_custom_audiences"})
_PLACES = ("regions", "cities")
_GENDERS: dict[int, Gender] = {number: gender for gender, number in GENDERS.items()}  # type: ignore[misc]


def people_params(targeting: Targeting) -> dict[str, Any]:
    """Return genders and languages, as far as they are chosen."""
    params: dict[str, Any] = {}
    if targeting.genders:
        params["genders"] = [GENDERS[gender] for gender in targeting.genders]
    if targeting.languages:
        params["locales"] = [number for code in targeting.languages for number in _locales(code)]
    return params


def places_params(targeting: Targeting) -> dict[str, Any]:
    """Return the places: the countries, or in their stead the regions and cities in them."""
    places: dict[str, Any] = {"countries": targeting.countries}
    if targeting.places:
        keys = {"regions": targeting.regions, "cities": targeting.cities}
        places = {kind: [{"key": key} for key in some] for kind, some in keys.items() if some}
    params: dict[str, Any] = {"geo_locations": {**places, "location_types": ["home", "recent"]}}
    if targeting.excluded_countries:
        params["excluded_geo_locations"] = {"countries": targeting.excluded_countries}
    return params


def audiences_params(targeting: Targeting, lookalike: str | None) -> dict[str, Any]:
    """Return the lists of people to reach and to leave out."""
    included = dict.fromkeys([*([lookalike] if lookalike else []), *targeting.audiences])
    lists = {"custom_audiences": included, "excluded_custom_audiences": targeting.excluded_audiences}
    return {name: [{"id": item} for item in ids] for name, ids in lists.items() if ids}


def places_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return places and lists of people of stored targeting. Raises an error of UNREADABLE."""
    places = fields_of(settings.get("geo_locations"))
    excluded = fields_of(settings.get("excluded_geo_locations"))
    return {
        "countries": rows_of(places.get("countries")),
        "places": [text_of(str(item["key"])) for kind in _PLACES for item in rows_of(places.get(kind))],
        "excluded_countries": rows_of(excluded.get("countries")),
        "audiences": _audiences(settings, "custom_audiences"),
        "excluded_audiences": _audiences(settings, "excluded_custom_audiences"),
    }


def _audiences(settings: Mapping[str, Any], field: str) -> list[str]:
    return [id_of(item["id"]) for item in rows_of(settings.get(field))]


def placed(settings: Mapping[str, Any]) -> list[str]:
    """Return the chosen placements; none where only positions or devices were chosen."""
    if positions(settings):
        return []
    return [text_of(name) for name in rows_of(settings.get("publisher_platforms"))]


def positions(settings: Mapping[str, Any]) -> list[str]:
    """Return the names of the chosen positions within placements."""
    return [name for name in settings if name.endswith("_positions")]


def _locales(code: str) -> list[int]:
    return LOCALES.get(code) or [int(code)]


def people_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the chosen genders and languages of stored targeting. Raises an error of UNREADABLE."""
    return {
        "genders": _genders(rows_of(settings.get("genders"))),
        "languages": _languages(rows_of(settings.get("locales"))),
    }


def _genders(numbers: Sequence[Any]) -> list[Gender]:
    """Return the chosen genders, none where all of them are."""
    if not numbers:
        return []
    genders = {_GENDERS[int(number)] for number in numbers}
    return sorted(genders) if len(genders) < len(GENDERS) else []


def _languages(locales: Sequence[Any]) -> list[str]:
    """Return our codes for the numbers that one stands for together, and the other numbers as they are."""
    if not locales:
        return []
    left = {int(number) for number in locales}
    found = []
    for code, numbers in LOCALES.items():
        if left >= set(numbers):
            left -= set(numbers)
            found.append(code)
    return [*found, *map(str, sorted(left))]
