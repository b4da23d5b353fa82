"""The creation of Meta's creatives and ads: a few ads in one batch with the creatives that they show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from campaign_automation.adapters.base import Access, AdOrder, CreativeOrder, Outcome, failed
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.reader import EDGES
from campaign_automation.adapters.meta.requests import creative_params
from campaign_automation.adapters.meta.wire import CONCURRENT_CALLS, Item, MetaWire, reference
from campaign_automation.models.campaigns import CampaignPlan
from campaign_automation.models.common import AdAccount, Level

Outcomes = dict[str, Outcome]


class _Piece(NamedTuple):
    """Calls that must be in one batch: a creative to create, and ads that show it or one that exists."""

    creative: CreativeOrder | None
    ads: Sequence[AdOrder]


class MetaAds:
    def __init__(self, wire: MetaWire) -> None:
        self._wire = wire

    async def create(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        orders: Sequence[AdOrder],
        creatives: Sequence[CreativeOrder],
    ) -> list[Outcome]:
        """Create the creatives and the ads, and return one outcome for each, in this order.

        An ad refers to the creative of its own batch; of a creative with more ads than a batch takes the
        others follow, once its id is known.
        """
        params = {item.tag: creative_params(item, plan, account) for item in creatives}
        first, later = _divided(orders, creatives)
        outcomes = await self._send(access, first, params)
        follow = [_Piece(None, [ad]) for ad in _with_ids(later, outcomes)]
        outcomes |= await self._send(access, follow, params)
        return [outcomes[item.tag] for item in creatives] + [_outcome(order, outcomes) for order in orders]

    async def _send(
        self, access: Access, pieces: Sequence[_Piece], params: Mapping[str, facts.Params]
    ) -> Outcomes:
        limit = asyncio.Semaphore(CONCURRENT_CALLS)

        async def send(batch: Sequence[_Piece]) -> list[Outcome]:
            items = dict(_items(access.platform_account_id, batch, params))
            async with limit:
                return await self._wire.send_items(access, items)

        answered = await asyncio.gather(*map(send, _packed(pieces)))
        return {outcome.tag: outcome for outcomes in answered for outcome in outcomes}


def _divided(
    orders: Sequence[AdOrder], creatives: Sequence[CreativeOrder]
) -> tuple[list[_Piece], list[AdOrder]]:
    """Return the pieces to be sent now, and the ads that wait for their creative's id."""
    shown: dict[str, list[AdOrder]] = {item.tag: [] for item in creatives}
    pieces = []
    for order in orders:
        if order.creative_id is None:
            shown[order.creative.tag].append(order)
        else:
            pieces.append(_Piece(None, [order]))
    pieces += [_Piece(item, shown[item.tag][: facts.ADS_PER_BATCH]) for item in creatives]
    return pieces, [order for ads in shown.values() for order in ads[facts.ADS_PER_BATCH :]]


def _packed(pieces: Iterable[_Piece]) -> list[list[_Piece]]:
    """Return the pieces in batches, each with no more ads and calls than it may hold."""
    batches: list[list[_Piece]] = []
    ads = calls = 0
    for piece in pieces:
        ads, calls = ads + len(piece.ads), calls + len(piece.ads) + (piece.creative is not None)
        if not batches or ads > facts.ADS_PER_BATCH or calls > facts.BATCH_LIMIT:
            batches.append([])
            ads, calls = len(piece.ads), len(piece.ads) + (piece.creative is not None)
        batches[-1].append(piece)
    return batches


def _items(
    account_id: str, batch: Sequence[_Piece], params: Mapping[str, facts.Params]
) -> Iterable[tuple[str, Item]]:
    for creative, ads in batch:
        if creative is not None:
            call = ("POST", (account_id, EDGES[Level.CREATIVE]), params[creative.tag])
            yield creative.tag, Item("create_creative", call, is_named=bool(ads))
        for order in ads:
            shown = order.creative_id or reference(order.creative.tag)
            fields: facts.Params = {
                "name": order.name,
                "adset_id": order.adset_id,
                "creative": {"creative_id": shown},
                "status": "PAUSED",
            }
            yield order.tag, Item("create_ad", ("POST", (account_id, EDGES[Level.AD]), fields))


def _with_ids(orders: Iterable[AdOrder], outcomes: Outcomes) -> list[AdOrder]:
    """Return the ads whose creative was made, with its id."""
    made = ((order, outcomes[order.creative.tag].platform_id) for order in orders)
    return [order._replace(creative_id=platform_id) for order, platform_id in made if platform_id]


def _outcome(order: AdOrder, outcomes: Outcomes) -> Outcome:
    """Return the ad's outcome; one that its creative kept from being made shares that one's error.

    Meta's own answer for it names the reference, which explains nothing, and would be final after a failure
    that passes.
    """
    own, creative = outcomes.get(order.tag), outcomes.get(order.creative.tag)
    is_made = own is not None and own.error is None
    if creative is not None and creative.error is not None and not is_made:
        return failed(order.tag, creative.error)
    return outcomes[order.tag]
