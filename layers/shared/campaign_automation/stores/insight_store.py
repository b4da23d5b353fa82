"""What the platforms had counted by when: the growth of a day's conversions shows how late they arrive.

| pk                                     | sk           | holds                                            |
|----------------------------------------|--------------|--------------------------------------------------|
| <tenant>#insights#<account>#<campaign> | <report day> | conversions by day as the first report of it told |
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from campaign_automation.stores.table import TableStore, offloaded

KEPT_DAYS = 100

Counts = Mapping[date, Decimal | None]  # None: unknown


class InsightStore(TableStore):
    @offloaded
    def keep(
        self, tenant: str, account: str, campaign_id: str, report_day: date, conversions: Counts
    ) -> bool:
        """Whether this was the first report of that day: later ones change nothing."""
        known = {str(day): str(count) for day, count in conversions.items() if count is not None}
        return self._put_new(
            {
                "pk": _pk(tenant, account, campaign_id),
                "sk": str(report_day),
                "conversions": json.dumps(known),
                "expires_at": int(time.time()) + timedelta(days=KEPT_DAYS) // timedelta(seconds=1),
            }
        )

    @offloaded
    def since(
        self, tenant: str, account: str, campaign_id: str, first: date
    ) -> dict[date, dict[date, Decimal]]:
        """Conversions by day, for each report day from `first` on."""
        rows = self._query(_pk(tenant, account, campaign_id), since=str(first))
        return {
            date.fromisoformat(row["sk"]): {
                date.fromisoformat(day): Decimal(count)
                for day, count in json.loads(row["conversions"]).items()
            }
            for row in rows
        }


def _pk(tenant: str, account: str, campaign_id: str) -> str:
    return f"{tenant}#insights#{account}#{campaign_id}"
