"""The read-back of a creation: the differences between the plan and the objects on the platform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from campaign_automation.adapters.tree import AdNode, AdSetNode, Node, Tree
from campaign_automation.managers.campaigns.wording import differs
from campaign_automation.models.campaign import Creation
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan
from campaign_automation.models.creation.options import Keyword

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


class Drift(NamedTuple):
    """One difference. A serious one concerns money, status, targeting or existence."""

    message: str
    is_serious: bool


def compare(plan: CampaignPlan, tree: Tree, creation: Creation) -> list[Drift]:
    """Return every difference between the plan and the tree."""
    return [
        *_compare_campaign(plan, tree),
        *_compare_adsets(plan, tree, creation),
        *_compare_ads(plan, tree, creation),
        *_compare_times(plan, tree, creation),
    ]


def _compare_campaign(plan: CampaignPlan, tree: Tree) -> Iterator[Drift]:
    if tree.campaign.status != "paused":
        yield Drift(differs("the campaign is", tree.campaign.status, "paused"), True)
    budget, total = tree.campaign.daily_budget, sum(adset.daily_budget for adset in plan.adsets)
    if budget is not None and budget != total:
        yield Drift(differs("the campaign's daily budget is", budget, total), True)
    if tree.campaign.negative_keywords is not None:
        stored, wanted = _words(tree.campaign.negative_keywords), _words(plan.negative_keywords)
        if stored != wanted:
            yield Drift(differs("the campaign's negative keywords are", stored, wanted), True)
    if tree.campaign.name != plan.name:
        yield Drift(differs("the campaign is named", repr(tree.campaign.name), repr(plan.name)), False)


def _compare_adsets(plan: CampaignPlan, tree: Tree, creation: Creation) -> Iterator[Drift]:
    stored = {node.platform_id: node for node in tree.adsets}
    for adset in plan.adsets:
        node = stored.get(creation.platform_id(adset.tag) or "")
        if node is None:
            yield Drift(f"ad set {adset.name!r} is missing", True)
        else:
            yield from _compare_adset(adset, node, plan, has_own_budget=tree.campaign.daily_budget is None)


def _compare_times(plan: CampaignPlan, tree: Tree, creation: Creation) -> Iterator[Drift]:
    """Yield the ad sets whose start or end the platform did not store."""
    # Without its end a test would spend on when this deployment is dead. Where the campaign carries a time,
    # the ad sets need none.
    stored = {node.platform_id: node for node in tree.adsets}
    for edge, asked in (("start", plan.starts_at), ("end", plan.ends_at)):
        if asked is None or _is_as_asked(_time(tree.campaign, edge), asked):
            continue
        for adset in plan.adsets:
            node = stored.get(creation.platform_id(adset.tag) or "")
            if node and not _is_as_asked(_time(node, edge), asked):
                yield Drift(differs(f"ad set {adset.name!r}: {edge}", _time(node, edge), asked), True)


def _time(node: Node, edge: str) -> datetime | None:
    return node.starts_at if edge == "start" else node.ends_at


def _is_as_asked(stored: datetime | None, asked: datetime) -> bool:
    """Return whether a time is as asked; platforms round it to the second or up to the end of the day."""
    return stored is not None and -_SECOND < stored - asked < _DAY


def _compare_adset(
    asked: AdSetPlan, node: AdSetNode, plan: CampaignPlan, *, has_own_budget: bool
) -> Iterator[Drift]:
    facts = (
        # None on both sides where the campaign has the budget.
        ("daily budget", asked.daily_budget if has_own_budget else None, node.daily_budget),
        ("status", "paused", node.status),
        ("ages", _ages(asked), _ages(node)),
        ("countries", _countries(asked), _countries(node)),
        *((field.replace("_", " "), *_both(asked, node, field)) for field in _PEOPLE),
        ("audiences", plan.audiences(asked), _sorted(node, "audiences")),
        *_placements(asked, node),
        *_keywords(asked, node),
        ("bid strategy", asked.bid_strategy, node.bid_strategy),
        ("bid target", asked.bid_target, node.bid_target),
    )
    for setting, wanted, stored in facts:
        if wanted != stored:
            yield Drift(differs(f"ad set {asked.name!r}: {setting}", stored, wanted), True)


def _ages(item: AdSetPlan | AdSetNode) -> tuple[int | None, int | None] | None:
    return (item.targeting.age_min, item.targeting.age_max) if item.targeting else None


_PEOPLE = ("genders", "languages", "places", "excluded_countries", "excluded_audiences")


def _countries(item: AdSetPlan | AdSetNode) -> list[str] | None:
    """Return the countries as whole ones; regions and cities stand in their place."""
    if isinstance(item, AdSetPlan) and item.targeting.places:
        return []
    return sorted(item.targeting.countries) if item.targeting else None


def _both(asked: AdSetPlan, node: AdSetNode, field: str) -> tuple[list[str] | None, list[str] | None]:
    return _sorted(asked, field), _sorted(node, field)


def _keywords(asked: AdSetPlan, node: AdSetNode) -> Iterator[tuple[str, object, object]]:
    # None: they were not read. A plan of an earlier version holds none.
    if asked.keywords and node.keywords is not None:
        yield "keywords", _words(asked.keywords), _words(node.keywords)


def _words(keywords: Sequence[Keyword]) -> list[str]:
    return sorted(f"{item.text.casefold()} ({item.match_type})" for item in keywords)


def _placements(asked: AdSetPlan, node: AdSetNode) -> Iterator[tuple[str, object, object]]:
    if asked.placements == "automatic":
        yield "placements", asked.placements, node.placements
    else:
        yield "placements", sorted(asked.placements), sorted(node.placed)


def _sorted(item: AdSetPlan | AdSetNode, field: str) -> list[str] | None:
    return sorted(getattr(item.targeting, field)) if item.targeting else None


def _compare_ads(plan: CampaignPlan, tree: Tree, creation: Creation) -> Iterator[Drift]:
    stored = {node.platform_id: node for node in tree.ads}
    for ad in plan.ads:
        node = stored.get(creation.platform_id(ad.tag) or "")
        if node is None:
            yield Drift(f"ad {ad.name!r} is missing", True)
            continue
        if node.status != "paused":
            yield Drift(differs(f"ad {ad.name!r}: status", node.status, "paused"), True)
        if node.adset_id != creation.platform_id(ad.adset_tag):
            yield Drift(f"ad {ad.name!r} is in another ad set than planned", True)
        # A changed text costs no money, so it is reported and not undone; None: the platform shows no text.
        copy = creation.copies[ad.creative_id]
        if node.primary_text is not None and node.primary_text != copy.primary_text:
            yield Drift(f"ad {ad.name!r}: the platform changed its text", False)
        yield from _compare_links(plan, node, ad.name)


def _compare_links(plan: CampaignPlan, node: AdNode, name: str) -> Iterator[Drift]:
    """Yield another button, and URL parameters that are missing or changed; more of them are fine."""
    if plan.call_to_action and node.call_to_action != plan.call_to_action:
        yield Drift(differs(f"ad {name!r}: call to action", node.call_to_action, plan.call_to_action), False)
    asked = plan.tracking.url_parameters if plan.tracking else {}
    stored = node.url_parameters or {}
    if not asked.items() <= stored.items():
        yield Drift(differs(f"ad {name!r}: URL parameters", stored, asked), False)
