"""Creation of campaigns, ad groups and ads on TikTok, in the manual family and in Upgraded Smart+.

Source: platforms.md section 3.2, after "Create a campaign", "Create an ad group", "Create ads" and their like
for Upgraded Smart+.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from campaign_automation.adapters.base import Access, AdOrder, Outcome
from campaign_automation.adapters.common.listings import chunks
from campaign_automation.adapters.common.reading import fields_of, id_of, id_or_none, rows_of
from campaign_automation.adapters.tiktok import facts, requests
from campaign_automation.adapters.tiktok.answers import id_field
from campaign_automation.adapters.tiktok.echo import Echoes
from campaign_automation.adapters.tiktok.errors import unavailable, with_smart_plus_advice
from campaign_automation.adapters.tiktok.objects import path_of
from campaign_automation.adapters.tiktok.wire import Answer, TikTokWire
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformError

Made = tuple[list[Outcome], list[facts.Params]]  # the outcomes, and the ads as TikTok answered them


class TikTokCreation:
    """Creates objects, each request once, and keeps the answers in `echoes`."""

    def __init__(self, wire: TikTokWire, echoes: Echoes) -> None:
        self._wire = wire
        self._echoes = echoes

    async def campaign(
        self, access: Access, plan: CampaignPlan, account: AdAccount, family: facts.Family
    ) -> Outcome:
        body = requests.campaign_body(plan, account, family)
        outcome, data = await self._create(access, Level.CAMPAIGN, family, plan.tag, body)
        if outcome.platform_id is not None:
            self._echoes.campaign(outcome.platform_id, family, data, len(plan.ads))
        return outcome

    async def adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        family: facts.Family,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        """Create the ad groups, one request each."""
        now = clock.now()

        async def create(adset: AdSetPlan) -> Outcome:
            body = requests.adset_body(plan, account, campaign_id, adset, family, now)
            return (await self._create(access, Level.ADSET, family, adset.tag, body))[0]

        return await asyncio.gather(*map(create, adsets))

    async def ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        family: facts.Family,
        campaign_id: str,
        orders: Sequence[AdOrder],
    ) -> list[Outcome]:
        """Create the ads: manual ones with one request per ad group and up to 20 ads, Smart+ ones singly."""
        if family == "smart_plus":
            work = [self._smart_plus_ad(access, plan, account, order) for order in orders]
        else:
            work = [self._manual_ads(access, plan, account, some) for some in _by_adset(orders)]
        made = await asyncio.gather(*work)
        by_tag = {outcome.tag: outcome for outcomes, _ in made for outcome in outcomes}
        if any(outcome.error is not None for outcome in by_tag.values()):
            self._echoes.spoil(campaign_id)
        for data in (item for _, items in made for item in items):
            self._echoes.ad(campaign_id, data)
        return [by_tag[order.tag] for order in orders]

    async def _manual_ads(
        self, access: Access, plan: CampaignPlan, account: AdAccount, orders: Sequence[AdOrder]
    ) -> Made:
        creatives = [requests.ad_creative(plan, account, order) for order in orders]
        body = {"adgroup_id": orders[0].adset_id, "creatives": creatives}
        try:
            answer = await self._wire.change(access, "create_ad", "ad/create", body)
        except PlatformError as error:
            return [Outcome(order.tag, error=error) for order in orders], []
        return _ad_outcomes(orders, answer), _rows_with_ids(answer.data)

    async def _smart_plus_ad(
        self, access: Access, plan: CampaignPlan, account: AdAccount, order: AdOrder
    ) -> Made:
        body = requests.smart_plus_ad_body(plan, account, order)
        outcome, data = await self._create(access, Level.AD, "smart_plus", order.tag, body)
        return [outcome], [data] if outcome.error is None else []

    async def _create(
        self, access: Access, level: Level, family: facts.Family, tag: str, body: facts.Params
    ) -> tuple[Outcome, facts.Params]:
        """The outcome, and the object as TikTok answered it."""
        path = path_of(level, family, "create")
        try:
            answer = await self._wire.change(access, f"create_{level}", path, body)
        except PlatformError as error:
            return Outcome(tag, error=with_smart_plus_advice(error) if family == "smart_plus" else error), {}
        platform_id = id_or_none(answer.data, id_field(level, family))
        if platform_id is None:
            return Outcome(tag, error=unavailable(f"tiktok: {path} answered without an id")), {}
        if family == "smart_plus":
            self._echoes.remember_smart_plus([platform_id])
        return Outcome(tag, platform_id, request_id=answer.request_id), answer.data


def _by_adset(orders: Sequence[AdOrder]) -> list[Sequence[AdOrder]]:
    """The orders of each ad group, at most as many together as one call takes."""
    ordered = sorted(orders, key=lambda order: order.adset_id)
    groups = (list(members) for _, members in groupby(ordered, key=lambda order: order.adset_id))
    return [some for members in groups for some in chunks(members, facts.CREATIVES_PER_CALL)]


def _rows_with_ids(data: Any) -> list[facts.Params]:
    """The ads that the answer of ad/create/ tells with their ids."""
    told = data.get("creatives") if isinstance(data, Mapping) else None
    return [item for item in (told if isinstance(told, list) else []) if id_or_none(item, "ad_id")]


def _listed_ids(data: Any) -> list[str]:
    """The ids of an answer of ad/create/ in the order of the request; none when one is unreadable."""
    try:
        return [id_of(item) for item in rows_of(fields_of(data).get("ad_ids"))]
    except ValueError:
        return []


def _ad_outcomes(orders: Sequence[AdOrder], answer: Answer) -> list[Outcome]:
    """One outcome per order, by the names in the answer, or by position when it has none."""
    named = {str(item.get("ad_name")): id_of(item["ad_id"]) for item in _rows_with_ids(answer.data)}
    ids = _listed_ids(answer.data)
    if not named and len(ids) == len(orders):
        named = {order.name: item for order, item in zip(orders, ids, strict=True)}
    # An ad without an id in the answer may exist all the same, so its outcome is unknown.
    lost = unavailable("tiktok: ad/create answered without the ad's id")
    return [
        Outcome(order.tag, named[order.name], request_id=answer.request_id)
        if order.name in named
        else Outcome(order.tag, error=lost)
        for order in orders
    ]
