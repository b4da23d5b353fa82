"""The store of conversions as counted by each day: the growth of a day's count shows the reporting lag.

| pk                                     | sk           | holds                                            |
|----------------------------------------|--------------|--------------------------------------------------|
| <tenant>#insights#<account>#<campaign> | <report day> | conversions by day, of the first report on it    |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.table import Absent, Put, Row, Table

KEPT_DAYS = 100

Counts = Mapping[date, Decimal | None]  # None: unknown


class InsightStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep(
        self, tenant: str, account: str, campaign_id: str, report_day: date, conversions: Counts
    ) -> bool:
        """Store a report. Return whether it was the first of its day: later ones change nothing."""
        known = {str(day): str(count) for day, count in conversions.items() if count is not None}
        row: Row = {
            "pk": _pk(tenant, account, campaign_id),
            "sk": str(report_day),
            "conversions": json.dumps(known),
            "expires_at": machine_now() + timedelta(days=KEPT_DAYS) // timedelta(seconds=1),
        }
        return await self._table.try_write(Put(row, when=Absent()))

    async def since(
        self, tenant: str, account: str, campaign_id: str, first: date
    ) -> dict[date, dict[date, Decimal]]:
        """Return conversions by day, for each report day from `first` on."""
        rows = await self._table.query(_pk(tenant, account, campaign_id), since=str(first))
        return {
            date.fromisoformat(row["sk"]): {
                date.fromisoformat(day): Decimal(count)
                for day, count in json.loads(row["conversions"]).items()
            }
            for row in rows
        }


def _pk(tenant: str, account: str, campaign_id: str) -> str:
    return f"{tenant}#insights#{account}#{campaign_id}"
