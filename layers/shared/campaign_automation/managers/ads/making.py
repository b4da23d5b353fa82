"""The making of planned ads: files uploaded, then creative objects, then the ads, all by the journal."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping

from campaign_automation.adapters.base import AdOrder, CreativeOrder, Outcome
from campaign_automation.managers.campaigns.journal import Journal, Planned
from campaign_automation.models.campaigns import AdPlan, Creative, CreativePlan
from campaign_automation.models.common import Level
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.error_handler import PlatformRejectedError
from campaign_automation.utils.observability import logger

# Invalid request, not found, creative rejected: a reference of a deleted file may give any of these.
_PERHAPS_A_MISSING_FILE = frozenset({"1001", "5000", "6003"})


class AdMaker:
    def __init__(self, store: CampaignStore, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    async def make(self, planned: Planned) -> None:
        """Make the ads of the plan that are missing, with all that they show."""
        assets = await self._known_assets(planned)
        try:
            await self._create_ads_with(planned, await self._upload(planned, assets))
        except PlatformRejectedError as error:
            if not assets or error.code not in _PERHAPS_A_MISSING_FILE:
                raise
            # A file that was uploaded long ago may have been deleted since: upload once more.
            logger.info("files uploaded anew", campaign_id=planned.creation.campaign_id)
            await self._create_ads_with(planned, await self._upload(planned, {}))

    async def _create_ads_with(self, planned: Planned, orders: Mapping[str, CreativeOrder]) -> None:
        plan = planned.plan
        names = {Level.AD: {ad.tag: ad.name for ad in plan.ads}}
        if Level.CREATIVE in planned.adapter.levels:
            names = {Level.CREATIVE: {item.tag: item.name for item in plan.creatives}, **names}

        async def send(tags: Collection[str]) -> list[Outcome]:
            ads = [_ad_order(planned, ad, orders) for ad in plan.ads if ad.tag in tags]
            creatives = [order for order in orders.values() if order.tag in tags]
            root = planned.made_id(plan.tag)
            return await planned.adapter.create_ads(
                planned.access, plan, planned.account, root, ads, creatives
            )

        await self._journal.make_all(planned, names, send)

    async def _known_assets(self, planned: Planned) -> dict[str, str]:
        """Return the platform's references of files uploaded before, by creative."""
        asked = list(planned.creation.creatives.values())
        known = await asyncio.gather(*(self._store.asset(*_asset_key(planned, item)) for item in asked))
        keys = planned.creation.creatives
        return {key: asset for key, asset in zip(keys, known, strict=True) if asset}

    async def _upload(self, planned: Planned, known: Mapping[str, str]) -> dict[str, CreativeOrder]:
        """Return an order for each creative, its file uploaded once per account and URL."""
        creation = planned.creation

        async def order(item: CreativePlan) -> CreativeOrder:
            creative = creation.creatives[item.creative_id]
            before = known.get(item.creative_id)
            asset = await planned.adapter.upload(planned.access, creative, before)
            if asset != before:
                await self._store.save_asset(*_asset_key(planned, creative), asset)
            return CreativeOrder(item.tag, item.name, creative, creation.copies[item.creative_id], asset)

        plans = planned.plan.creatives
        orders = await asyncio.gather(*map(order, plans))
        return {item.creative_id: made for item, made in zip(plans, orders, strict=True)}


def _asset_key(planned: Planned, creative: Creative) -> tuple[str, str, str]:
    digest = hashlib.sha256(creative.file_url.encode()).hexdigest()
    account = f"{planned.creation.spec.platform}:{planned.access.platform_account_id}"
    return planned.creation.tenant, account, digest


def _ad_order(planned: Planned, ad: AdPlan, orders: Mapping[str, CreativeOrder]) -> AdOrder:
    creative = orders[ad.creative_id]
    adset_id = planned.made_id(ad.adset_tag)
    return AdOrder(ad.tag, ad.name, adset_id, creative, planned.creation.platform_id(creative.tag))
