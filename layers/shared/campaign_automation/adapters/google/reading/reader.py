"""Reads of Google's objects: ids by name or tag, and a campaign's whole tree."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.common.listings import ids_by_name
from campaign_automation.adapters.common.reading import tree_of, typed_errors
from campaign_automation.adapters.common.refusals import another_campaign
from campaign_automation.adapters.google import answers, facts, queries
from campaign_automation.adapters.google.facts import PLATFORM
from campaign_automation.adapters.google.messages import enum_name
from campaign_automation.adapters.google.options.criteria import Stored, stored_of
from campaign_automation.adapters.google.reading.echo import Echo, Echoes
from campaign_automation.adapters.google.reading.lookbacks import Lookbacks
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.adapters.tree import Depth, Tree, Trees, each_tree
from campaign_automation.models.common import Level

# Google does not answer budgets or criteria in one query with ads.
_WHOLE = (queries.CAMPAIGN, queries.AD_GROUPS, queries.ADS, queries.PLACES, queries.PEOPLE)
_QUERIES: dict[Depth, Sequence[str]] = {"adsets": _WHOLE[:2], "ads": _WHOLE[:3], "whole": _WHOLE}


class GoogleReader:
    """The reads of one adapter; `echoes` hold what answers of its creations told already."""

    def __init__(self, wire: GoogleWire, echoes: Echoes) -> None:
        self._wire = wire
        self._echoes = echoes
        self._lookbacks = Lookbacks(wire)

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        """Find campaigns and ad groups by exact name, and ads, which have no name, by our tag at its end."""
        if level is Level.AD:
            return await self._find_ads(access, names, campaign_id)
        query = queries.by_name(level, names, campaign_id)
        rows = await self._wire.search(access, f"list_{level}s", query)
        items = (getattr(row, queries.KINDS[level]) for row in rows)
        found = ids_by_name(((item.name, item.id) for item in items), set(names))
        return {name: found[name] for name in names if name in found}

    async def _find_ads(
        self, access: Access, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        """Find ads by tag; an app campaign's ad has no URL and so no tag, but is alone in its campaign."""
        by_tag = {name.rpartition(" ")[2]: name for name in names}
        found: dict[str, list[str]] = {}
        for row in await self._wire.search(access, "list_ads", queries.ads_with_tags(campaign_id)):
            is_app = enum_name(row.campaign, "advertising_channel_type") == facts.APP
            is_lone = is_app and campaign_id is not None and len(names) == 1
            name = names[0] if is_lone else by_tag.get(answers.tag_of(row))
            if name:
                found.setdefault(name, []).append(answers.ad_id(row))
        return {name: list(dict.fromkeys(ids)) for name, ids in found.items()}

    async def tree(self, access: Access, campaign_id: str, *, depth: Depth = "whole") -> Tree:
        """Read a campaign to a depth, with two to five queries; right after its creation, whose answers told
        the rest, with one."""
        echo = self._echoes.take(campaign_id)
        if echo:
            tree = _tree_of_echo(echo, await self._query(access, campaign_id, queries.ADS))
            if tree:
                return tree
        asked = _QUERIES[depth]
        lists = await asyncio.gather(*(self._query(access, campaign_id, query) for query in asked))
        lookback = await self._lookbacks.of(access) if depth == "whole" else None
        tree = _tree_of_rows(campaign_id, dict(zip(asked, lists, strict=True)), lookback)
        return tree.without_ads() if depth == "adsets" else tree

    async def trees(self, access: Access, campaign_ids: Sequence[str]) -> Trees:
        """Read campaigns with five queries for all, or one by one where a row does not tell its campaign."""
        if len(campaign_ids) < 2:
            return await each_tree(partial(self.tree, access), campaign_ids)
        asked = (queries.of_campaigns(query, campaign_ids) for query in _WHOLE)
        lists = await asyncio.gather(*(self._wire.search(access, "read_campaign", query) for query in asked))
        if any(row.campaign.id == 0 for rows in lists for row in rows):
            return await each_tree(partial(self.tree, access), campaign_ids)
        parts = dict(zip(_WHOLE, map(_by_campaign, lists), strict=True))
        lookback = await self._lookbacks.of(access)

        @typed_errors(PLATFORM)
        async def read(campaign_id: str) -> Tree:
            rows = {query: part.get(campaign_id, []) for query, part in parts.items()}
            return _tree_of_rows(campaign_id, rows, lookback)

        return await each_tree(read, campaign_ids)

    async def _query(self, access: Access, campaign_id: str, query: str) -> list[Any]:
        rows = await self._wire.search(access, "read_campaign", queries.of_campaign(query, campaign_id))
        asked = [row for row in rows if row.campaign.id in (0, int(campaign_id))]  # 0 where it is not shown
        if rows and not asked:
            raise another_campaign(PLATFORM)
        return asked


def _by_campaign(rows: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(str(row.campaign.id), []).append(row)
    return found


def _tree_of_rows(campaign_id: str, rows: Mapping[str, list[Any]], lookback: int | None) -> Tree:
    """Return the tree of what queries found of a campaign; criteria that were not asked for are unknown."""
    if not rows[queries.CAMPAIGN]:
        raise answers.gone(campaign_id)
    campaign, *_ = rows[queries.CAMPAIGN]
    groups, ads = rows[queries.AD_GROUPS], rows.get(queries.ADS, [])
    # Google shows removed campaigns for ever, and what was in them as it was.
    if answers.is_removed(campaign):
        groups, ads = [], []
    stored = Stored.without_criteria(answers.budget_of(campaign))
    if queries.PLACES in rows:
        stored = stored_of(stored.daily_budget, rows[queries.PLACES], rows[queries.PEOPLE])
    return _tree(campaign, groups, ads, stored).model_copy(update={"lookback_days": lookback})


def _tree_of_echo(echo: Echo, rows: Sequence[Any]) -> Tree | None:
    """The tree of the ads in `rows` and of the echo; None when it lacks an ad group or was removed."""
    groups = {str(row.ad_group.id) for row in rows}
    if not rows or not groups <= echo.ages.keys() or answers.is_removed(rows[0]):
        return None
    return _tree(rows[0], rows, rows, echo.stored)


def _tree(campaign: Any, groups: Sequence[Any], ads: Sequence[Any], stored: Stored) -> Tree:
    """Build the tree; rows of `groups` may repeat an ad group."""
    distinct = {row.ad_group.id: row for row in groups}
    root = answers.campaign_node(campaign, stored)
    adset_node = partial(answers.adset_node, stored=stored)
    return tree_of(root, list(distinct.values()), ads, adset_node, answers.ad_node)
