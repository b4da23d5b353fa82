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


_MOST_REFERENCES = 10_000  # in the memory of a process, a few hundred bytes each
AssetKey = tuple[str, str, str]  # tenant, account and digest of the file's address


class AdMaker:
    def __init__(self, store: CampaignStore, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._references: dict[AssetKey, str] = {}  # as they were read or stored last

    async def look_up(self, planned: Planned) -> None:
        """Read the references of files that were uploaded before, for `make` to have them at once.

        Another process that makes the ads reads them itself.
        """
        await self._known_assets(planned)

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
        keys = {name: _asset_key(planned, item) for name, item in planned.creation.creatives.items()}
        known = {key: self._references[key] for key in keys.values() if key in self._references}
        unread = list(dict.fromkeys(key for key in keys.values() if key not in known))
        read = await asyncio.gather(*(self._store.asset(*key) for key in unread))
        known |= {key: reference for key, reference in zip(unread, read, strict=True) if reference}
        self._keep(known)
        return {name: known[key] for name, key in keys.items() if key in known}

    def _keep(self, known: Mapping[AssetKey, str]) -> None:
        if len(self._references) + len(known) > _MOST_REFERENCES:
            self._references.clear()
        self._references.update(known)

    async def _upload(self, planned: Planned, known: Mapping[str, str]) -> dict[str, CreativeOrder]:
        """Return an order for each creative, its file uploaded once per account and URL."""
        creation = planned.creation

        async def order(item: CreativePlan) -> CreativeOrder:
            creative = creation.creatives[item.creative_id]
            before = known.get(item.creative_id)
            asset = await planned.adapter.upload(planned.access, creative, before)
            if asset != before:
                key = _asset_key(planned, creative)
                await self._store.save_asset(*key, asset)
                self._keep({key: asset})
            return CreativeOrder(item.tag, item.name, creative, creation.copies[item.creative_id], asset)

        plans = planned.plan.creatives
        orders = await asyncio.gather(*map(order, plans))
        return {item.creative_id: made for item, made in zip(plans, orders, strict=True)}


def _asset_key(planned: Planned, creative: Creative) -> AssetKey:
    digest = hashlib.sha256(creative.file_url.encode()).hexdigest()
    account = f"{planned.creation.spec.platform}:{planned.access.platform_account_id}"
    return planned.creation.tenant, account, digest


def _ad_order(planned: Planned, ad: AdPlan, orders: Mapping[str, CreativeOrder]) -> AdOrder:
    creative = orders[ad.creative_id]
    adset_id = planned.made_id(ad.adset_tag)
    return AdOrder(ad.tag, ad.name, adset_id, creative, planned.creation.platform_id(creative.tag))
