"""Long lists in parts, and listed objects by their name."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from campaign_automation.adapters.common.reading import UNREADABLE, id_of, text_of
from campaign_automation.adapters.tree import CampaignNode
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.common import Objective
from campaign_automation.utils.observability import logger

T = TypeVar("T")
R = TypeVar("R")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, at most `size` in each part."""
    return (items[start : start + size] for start in range(0, len(items), size))


def ids_by_name(objects: Iterable[tuple[Any, Any]], wanted: Container[str]) -> dict[str, list[str]]:
    """Ids of the (name, id) pairs whose whole name is wanted.

    Names are compared here because the platforms' own searches are fuzzy or not documented. Raises an error
    of UNREADABLE for an object without a name: it may be the one that is wanted, and would be made again.
    """
    found: dict[str, list[str]] = {}
    for told, platform_id in objects:
        if (name := text_of(told)) in wanted:
            found.setdefault(name, []).append(id_of(platform_id))
    # Pages overlap where somebody adds or removes meanwhile: one object told twice is no duplicate.
    return {name: list(dict.fromkeys(ids)) for name, ids in found.items()}


def found_campaigns(rows: Iterable[T], read: Callable[[T], FoundCampaign]) -> list[FoundCampaign]:
    """The live campaigns in the rows, each once: pages overlap where somebody adds or removes meanwhile."""
    found = {campaign.platform_id: campaign for campaign in _readable(rows, read)}
    return [campaign for campaign in found.values() if campaign.status != "deleted"]


def names_by_id(rows: Iterable[T], read: Callable[[T], tuple[Any, Any]]) -> dict[str, str]:
    """The names of the campaigns in the rows, from their (id, name) pairs; one that has none has no tag."""
    return dict(_readable(rows, lambda row: _named(*read(row))))


def _named(platform_id: Any, name: Any) -> tuple[str, str]:
    return id_of(platform_id), text_of(name)


def _readable(rows: Iterable[T], read: Callable[[T], R]) -> Iterator[R]:
    """Yield what is read of each row, without those of an unknown form: the others are still to be found."""
    for row in rows:
        try:
            found = read(row)
        except UNREADABLE as error:
            logger.warning("campaign not read", reason=repr(error))
            continue
        yield found


def found_campaign(node: CampaignNode, objective: Objective | None) -> FoundCampaign:
    """A campaign of a list, from its node; a budget that is not changed from here is one of its limits."""
    unread = (f"its {name} is set to something that this module does not know" for name in node.unread)
    return FoundCampaign(
        platform_id=node.platform_id,
        name=node.name,
        status=node.status,
        platform_status=node.platform_status,
        objective=objective,
        daily_budget=node.daily_budget,
        created_at=node.created_at,
        limits=[*([node.fixed_budget] if node.fixed_budget else []), *unread],
    )


TOTAL_BUDGET = "it has a total budget instead of a daily one, which is changed on the platform"
