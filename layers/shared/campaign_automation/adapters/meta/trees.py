"""A campaign of Meta with its ad sets and ads, read with one call where they fit into it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from campaign_automation.adapters.base import Access, Tree
from campaign_automation.adapters.common.reading import UNREADABLE, fields_of, listed, tree_of
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.answers import MISSING, ad_node, adset_node, campaign_node
from campaign_automation.adapters.meta.errors import is_too_much
from campaign_automation.adapters.meta.wire import MetaWire
from campaign_automation.utils.error_handler import PlatformUnavailableError

_ADS_PAGE = 500


class MetaTrees:
    """Reads of whole campaigns."""

    def __init__(self, wire: MetaWire) -> None:
        self._wire = wire

    async def read(self, access: Access, campaign_id: str, currency: str) -> Tree:
        data = await self._expanded(access, campaign_id)
        step = facts.budget_step(currency) or Decimal(1)
        adsets = await self._whole_edge(access, campaign_id, data, "adsets", facts.ADSET_FIELDS)
        ads = await self._whole_edge(access, campaign_id, data, "ads", facts.AD_FIELDS)
        campaign = campaign_node({**data, "id": campaign_id}, step, adsets or ())
        return tree_of(campaign, adsets, ads, partial(adset_node, step=step), ad_node)

    async def _expanded(self, access: Access, campaign_id: str) -> dict[str, Any]:
        """The campaign with the first pages of its ad sets and ads, halved as long as Meta asks for less."""
        adsets, ads = facts.ADSETS_PER_CAMPAIGN, _ADS_PAGE
        while True:
            fields = (
                f"{facts.CAMPAIGN_FIELDS},adsets.limit({adsets}){{{facts.ADSET_FIELDS}}},"
                f"ads.limit({ads}){{{facts.AD_FIELDS}}}"
            )
            try:
                return await self._wire.get(access, "read_campaign", campaign_id, fields)
            except PlatformUnavailableError as error:
                if not is_too_much(error) or adsets == 1:
                    raise
            adsets, ads = adsets // 2, ads // 2

    async def _whole_edge(
        self, access: Access, campaign_id: str, data: Mapping[str, Any], name: str, fields: str
    ) -> list[Any] | None:
        """The expanded edge, or all its pages when the expansion held only the first; None for no list."""
        edge = data.get(name, MISSING)
        try:
            if edge is not MISSING and "next" not in fields_of(edge.get("paging")):
                return listed(edge, "data")
        except UNREADABLE:
            return None
        # An edge that is left out of an expansion may be empty, and its own address says so.
        params = {"fields": fields, "limit": 200}
        return await self._wire.get_all(access, f"list_{name}", campaign_id, name, params)
