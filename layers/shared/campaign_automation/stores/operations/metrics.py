"""The counts that a scrape shows, summed over all invocations.

| pk      | sk     | holds                                                                      |
|---------|--------|----------------------------------------------------------------------------|
| metrics | 0 to 7 | a number per series; a gauge (`code`) with the time it was set (`code@`)   |

Each invocation adds what it counted to one of the rows, drawn at random: DynamoDB takes a thousand small
writes a second for one row, and a longer row counts as several.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import Any

from campaign_automation.stores.table import Key, Table, Update
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import StoreError
from campaign_automation.utils.metrics.families import FAMILIES, Tally
from campaign_automation.utils.observability import logger, tally

ROWS = 8
_PARTITION = "metrics"
_GAUGES = frozenset(family.code for family in FAMILIES.values() if family.kind == "gauge")
_RANDOM = SystemRandom()  # a snapshot clones the state of the module's own generator


@asynccontextmanager
async def counted(store: MetricStore | None) -> AsyncIterator[None]:
    """Store at the end what this process counted, where a scrape is to see it."""
    try:
        yield
    finally:
        if store is not None:
            await store.add(tally)


class MetricStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def add(self, tally: Tally) -> None:
        """Store and forget what `tally` counted. Counts that the table does not take are lost, not raised:
        they are worth no request."""
        taken = tally.take()
        if not taken:
            return
        gauges: dict[str, Any] = {**taken.gauges, **{f"{code}@": now_ms() for code in taken.gauges}}
        key = Key(_PARTITION, str(_RANDOM.randrange(ROWS)))
        try:
            await self._table.write(Update(key, set=gauges, add=taken.counts, makes_row=True))
        except StoreError as error:
            logger.warning("metrics not stored", reason=error.message)

    async def totals(self) -> Tally:
        """Return the sums over all rows, and of each gauge what was set last."""
        totals, set_at = Tally(), dict.fromkeys(_GAUGES, 0)
        for row in await self._table.query(_PARTITION):
            for name, value in row.items():
                if name in _GAUGES and row[f"{name}@"] > set_at[name]:
                    totals.gauges[name], set_at[name] = value, row[f"{name}@"]
                elif "|" in name:
                    totals.counts[name] += int(value)
        return totals
