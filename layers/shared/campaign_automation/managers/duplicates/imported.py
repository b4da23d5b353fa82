"""The request that would make a campaign like one that was made elsewhere, as far as it is shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NoReturn

from campaign_automation.adapters.tree import AdSetNode, Tree
from campaign_automation.models.common import Level, StoredTargeting
from campaign_automation.utils.error_handler import InvalidRequestError

_PEOPLE = ("genders", "languages", "excluded_countries", "audiences", "excluded_audiences")


def refuse(field: str, problem: str, *, can_leave_out: bool = True) -> NoReturn:
    """Raise InvalidRequestError for a setting that a copy cannot have, with what to do instead."""
    instead = f'; make the copy without it by leave_out ["{field}"]' if can_leave_out else ""
    raise InvalidRequestError(f"{field}: {problem}{instead}", field=field)


def request_like(tree: Tree, leave_out: Collection[str]) -> dict[str, Any]:
    """Return people, places, placements, keywords and links of a tree as a creation takes them.

    Raises InvalidRequestError, by field, for what is not known here, or differs between its ad sets or ads.
    """
    adsets = [node for node in tree.adsets if node.status != "deleted"]
    if not adsets or Level.ADSET in tree.lost:
        refuse("campaign_id", "its ad sets are not known here", can_leave_out=False)
    targetings = [_targeting(node, leave_out) for node in adsets]
    people = {name: _common(name, targetings, name, leave_out) for name in _PEOPLE}
    ads = [node for node in tree.ads if node.status != "deleted"]
    settings = {
        "placements": _common("placements", adsets, _placements, leave_out),
        "keywords": _common("keywords", adsets, "keywords", leave_out),
        "call_to_action": _common("call_to_action", ads, "call_to_action", leave_out),
        "tracking": _common("tracking", ads, _tracking, leave_out),
        "negative_keywords": tree.campaign.negative_keywords,
    }
    known = {name: value for name, value in {**people, **settings}.items() if value}
    return {**known, **_cells(targetings)}


def _targeting(node: AdSetNode, leave_out: Collection[str]) -> StoredTargeting:
    targeting = node.targeting
    if targeting is None or targeting.age_min is None or targeting.age_max is None or not targeting.countries:
        if targeting is not None and targeting.places:
            refuse("target_countries", "the countries of its places are not known here", can_leave_out=False)
        refuse("campaign_id", "ages or countries of its ad sets are not known here", can_leave_out=False)
    if targeting.places and "places" not in leave_out:
        refuse("places", "whether its places are regions or cities is not known here")
    others = [*targeting.more, *targeting.beside]
    if others and "other_targeting" not in leave_out:
        refuse("other_targeting", f"an ad set has {', '.join(others)} set too")
    return targeting


def _common(
    field: str, nodes: Sequence[Any], read: str | Callable[[Any], Any], leave_out: Collection[str]
) -> Any:
    """Return the value that all nodes have; None of a field that is left out."""
    if field in leave_out or not nodes:
        return None
    values = [getattr(node, read) if isinstance(read, str) else read(node) for node in nodes]
    if any(value != values[0] for value in values):
        refuse(field, "is not the same in all of its parts")
    return values[0]


def _placements(node: AdSetNode) -> list[str] | None:
    if node.placements == "automatic":
        return None
    if not node.placed:
        refuse("placements", "its chosen placements have no names here")
    return node.placed


def _tracking(node: Any) -> dict[str, Any] | None:
    return {"url_parameters": node.url_parameters} if node.url_parameters else None


def _cells(targetings: Sequence[StoredTargeting]) -> dict[str, Any]:
    """Return ages, countries and the split that makes these ad sets."""
    cells = [((item.age_min, item.age_max), tuple(sorted(item.countries))) for item in targetings]
    ages, places = _distinct(age for age, _ in cells), _distinct(place for _, place in cells)
    if len(set(cells)) < len(cells):
        refuse("campaign_id", "several of its ad sets reach the same people", can_leave_out=False)
    if len(places) == 1:
        return {"age_groups": ages, "target_countries": list(places[0]), "split_by": "age"}
    is_single = all(len(place) == 1 for place in places)
    if not is_single or len(cells) != len(ages) * len(places):
        problem = "ages and countries of its ad sets are no split by age, by country, or by both"
        refuse("campaign_id", problem, can_leave_out=False)
    countries = [place[0] for place in places]
    split = "country" if len(ages) == 1 else "country_age"
    return {"age_groups": ages, "target_countries": countries, "split_by": split}


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
