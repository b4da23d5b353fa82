"""Revenue as the shop itself counted it, from the Web Platform's reports: preferred where it is known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.models.common import Level
from campaign_automation.utils.observability import logger

Revenue = dict[date, Decimal]

_TOOL = "get_reports"
_PAGE_SIZE = 100  # more than the longest window has days
_AT_ONCE = 8
_LONGEST_SECONDS = 3.0  # an optimisation ends in 5; without an answer the platforms' revenue serves


class FirstPartyRevenue:
    def __init__(self, tools: ToolCaller | None) -> None:
        self._tools = tools

    async def read(
        self, tenant: str, level: Level, ids: Sequence[str], since: date, until: date
    ) -> tuple[Mapping[str, Revenue], list[str]]:
        """Return the revenue by platform id and day, as far as it is known, and warnings.

        All or nothing: after a failure no revenue is returned, and a warning.
        """
        if self._tools is None or not ids:
            return {}, []
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(item: str) -> Revenue:
            async with gate:
                return await self._one(tenant, level, item, since, until)

        # A failed call must not leave ad sets to be compared by revenue from two sources.
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                first = await one(ids[0])  # where the tool is missing, one call finds out
                others = await asyncio.gather(*(one(item) for item in ids[1:]))
        except Exception as error:  # any client may be handed in, and this is never worth a failure
            logger.warning("first-party revenue not read", reason=f"{type(error).__name__}: {error}")
            return {}, ["first-party revenue is not available: the platforms' own revenue is used"]
        return dict(zip(ids, [first, *others], strict=True)), []

    async def _one(self, tenant: str, level: Level, item: str, since: date, until: date) -> Revenue:
        assert self._tools is not None
        answer = await self._tools.call_tool(
            _TOOL,
            {
                "user_id": tenant,
                "entity_type": str(level),
                "entity_id": item,
                "start_date": str(since),
                "end_date": str(until),
                "page": 1,
                "page_size": _PAGE_SIZE,
            },
        )
        days = dict.fromkeys(_day(row) for row in answer["metrics"])  # a row may be told again
        told = [day for day, _ in days]
        # Of two figures of one day neither is known to be right.
        return {day: amount for day, amount in days if amount is not None and told.count(day) == 1}


def _day(row: Mapping[str, Any]) -> tuple[date, Decimal | None]:
    """Return the day of a row and its revenue; None for one that is missing or no amount."""
    try:
        amount = Decimal(str(row.get("revenue")))
    except InvalidOperation:
        amount = Decimal("NaN")
    revenue = amount if amount.is_finite() and amount >= 0 else None
    return date.fromisoformat(str(row["timestamp"])[:10]), revenue
