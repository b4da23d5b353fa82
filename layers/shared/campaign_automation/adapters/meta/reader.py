"""Reads of Meta's objects and their delivery: lists, a campaign's whole tree, daily reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from campaign_automation.adapters.base import Access, DailyInsight
from campaign_automation.adapters.common.listings import chunks
from campaign_automation.adapters.common.reading import (
    UNREADABLE,
    distinct_insights,
    fields_of,
    id_or_none,
    listed,
    tree_of,
    typed_errors,
)
from campaign_automation.adapters.common.refusals import another_campaign
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.answers import (
    MISSING,
    ad_node,
    adset_node,
    campaign_node,
    insight_of_row,
)
from campaign_automation.adapters.meta.errors import is_too_much, is_too_wide
from campaign_automation.adapters.meta.wire import MetaWire
from campaign_automation.adapters.tree import Depth, Tree, Trees, each_tree
from campaign_automation.models.common import Level, Objective
from campaign_automation.utils.error_handler import (
    PlatformError,
    PlatformRejectedError,
    PlatformUnavailableError,
)

EDGES = {Level.CAMPAIGN: "campaigns", Level.ADSET: "adsets", Level.AD: "ads", Level.CREATIVE: "adcreatives"}
_ADS_PAGE = 500
_REPORTED: tuple[Level, ...] = (Level.CAMPAIGN, Level.ADSET, Level.AD)


class MetaReader:
    """The reads of one adapter."""

    def __init__(self, wire: MetaWire) -> None:
        self._wire = wire

    async def children(
        self, access: Access, level: Level, parent: str, names: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return all objects of a level, at least those with the names; none asks for no name."""
        params: facts.Params = {"limit": facts.SHORT_ROWS}
        if level is Level.CAMPAIGN and len(names) == 1:
            # CONTAIN on this edge is unverified: a refusal is answered by the list without a filter.
            tag = names[0].rsplit(" ", 1)[-1]
            params["filtering"] = [{"field": "name", "operator": "CONTAIN", "value": tag}]

        arguments = (access, f"list_{level}s", parent, EDGES[level])
        try:
            return await self._wire.get_all(*arguments, params)
        except PlatformRejectedError:
            if params.pop("filtering", None) is None:
                raise
            return await self._wire.get_all(*arguments, params)

    async def tree(self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole") -> Tree:
        """Read a campaign to a depth, mostly with one request."""
        with_ads = depth != "adsets"
        data = await self._expanded(access, campaign_id, with_ads=with_ads)
        if with_ads:
            return await self._tree_of(access, campaign_id, currency, data)
        ads: dict[str, Any] = {EDGES[Level.AD]: {"data": []}}
        return (await self._tree_of(access, campaign_id, currency, {**data, **ads})).without_ads()

    async def trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        """Read campaigns with their ad sets and ads, in batches; Meta counts each of them as a call."""
        if len(campaign_ids) < 2:
            return await each_tree(lambda item: self.tree(access, item, currency), campaign_ids)
        found: Trees = {}
        for some in chunks(campaign_ids, facts.BATCH_LIMIT):
            answers = await self._expanded_each(access, some)
            read = partial(self._tree_of_answer, access, currency, answers)
            found |= await each_tree(read, some)
        return found

    async def _expanded_each(
        self, access: Access, campaign_ids: Sequence[str]
    ) -> dict[str, dict[str, Any] | PlatformError]:
        fields = _expanded_fields(facts.ADSETS_PER_CAMPAIGN, _ADS_PAGE)
        answers = await self._wire.get_each(access, "read_campaign", campaign_ids, fields)
        failures = [item for item in answers.values() if isinstance(item, PlatformUnavailableError)]
        if len(failures) == len(answers) > 1:
            raise failures[0]  # of the platform, and of no campaign
        return answers

    @typed_errors(facts.PLATFORM)
    async def _tree_of_answer(
        self,
        access: Access,
        currency: str,
        answers: Mapping[str, dict[str, Any] | PlatformError],
        campaign_id: str,
    ) -> Tree:
        answer = answers[campaign_id]
        if isinstance(answer, PlatformUnavailableError):
            # Too much data for one item, say: alone it is asked for by parts.
            return await self.tree(access, campaign_id, currency)
        if isinstance(answer, PlatformError):
            raise answer
        return await self._tree_of(access, campaign_id, currency, answer)

    async def _tree_of(
        self, access: Access, campaign_id: str, currency: str, data: Mapping[str, Any]
    ) -> Tree:
        if id_or_none(data, "id") not in (None, campaign_id):
            raise another_campaign(facts.PLATFORM)
        step = facts.budget_step(currency) or Decimal(1)
        whole = {**data, "id": campaign_id}
        adsets = await self._whole_edge(access, whole, Level.ADSET, facts.ADSET_FIELDS)
        ads = await self._whole_edge(access, whole, Level.AD, facts.AD_FIELDS)
        campaign = campaign_node(whole, step, adsets or ())
        return tree_of(campaign, adsets, ads, partial(adset_node, step=step), ad_node)

    async def _expanded(self, access: Access, campaign_id: str, *, with_ads: bool) -> dict[str, Any]:
        """The campaign with the first pages of its ad sets and ads, halved as long as Meta asks for less."""
        adsets, ads = facts.ADSETS_PER_CAMPAIGN, _ADS_PAGE if with_ads else 0
        while True:
            fields = _expanded_fields(adsets, ads)
            try:
                return await self._wire.get(access, "read_campaign", campaign_id, fields)
            except PlatformUnavailableError as error:
                if not is_too_much(error) or adsets == 1:
                    raise
            adsets, ads = adsets // 2, ads // 2

    async def _whole_edge(
        self, access: Access, data: Mapping[str, Any], level: Level, fields: str
    ) -> list[Any] | None:
        """The expanded edge, or all its pages when the expansion held only the first; None for no list."""
        edge = data.get(EDGES[level], MISSING)
        try:
            if edge is not MISSING and "next" not in fields_of(edge.get("paging")):
                return listed(edge, "data")
        except UNREADABLE:
            return None
        # An edge that is left out of an expansion may be empty, and its own address says so.
        params = {"fields": fields, "limit": 200}
        return await self._wire.get_all(access, f"list_{level}s", data["id"], EDGES[level], params)

    async def daily(
        self,
        access: Access,
        level: Level,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        """Read delivery by account day of campaigns of one objective.

        Where Meta says that it is too much, half of the days are asked for at once.
        """
        if not campaign_ids:
            return []
        try:
            rows = await self._report(access, level, campaign_ids, since, until)
        except PlatformUnavailableError as error:
            if not is_too_wide(error) or since == until:
                raise
            middle = since + (until - since) // 2
            halves = ((since, middle), (middle + timedelta(days=1), until))
            days = [await self.daily(access, level, campaign_ids, *half, objective) for half in halves]
            return [row for half in days for row in half]
        actions = facts.GOALS[Objective(objective)].result_actions
        return distinct_insights(insight_of_row(row, level, actions) for row in rows)

    async def _report(
        self, access: Access, level: Level, campaign_ids: Sequence[str], since: date, until: date
    ) -> list[dict[str, Any]]:
        parents = [f"{each}_id" for each in _REPORTED[: _REPORTED.index(level) + 1]]
        params = {
            "level": str(level),
            "filtering": [{"field": "campaign.id", "operator": "IN", "value": list(campaign_ids)}],
            "time_range": {"since": since.isoformat(), "until": until.isoformat()},
            "time_increment": 1,
            "fields": ",".join([*parents, "spend,impressions,clicks,actions,action_values"]),
            "limit": 500,
        }
        return await self._wire.get_all(access, "insights", access.platform_account_id, "insights", params)


def _expanded_fields(adsets: int, ads: int) -> str:
    fields = f"{facts.CAMPAIGN_FIELDS},adsets.limit({adsets}){{{facts.ADSET_FIELDS}}}"
    return f"{fields},ads.limit({ads}){{{facts.AD_FIELDS}}}" if ads else fields
