"""The health of the module and of the parts that it stands on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.models.accounts import CheckHealth, PartHealth, PartsChecked
from campaign_automation.models.common import Context
from campaign_automation.settings import module_version
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.table import Key, Table
from campaign_automation.utils import clock
from campaign_automation.utils.cache_manager import CacheManager

_SECONDS = 5.0  # for each part; one that hangs is failing
_MOST = 1000
_OVERDUE_MS = 30 * 60_000
Check = Callable[[], Awaitable[PartHealth]]


class HealthChecks:
    def __init__(
        self,
        table: Table,
        store: CampaignStore,
        cache: CacheManager,
        tools: ToolCaller | None,
        scheduler: str,
    ) -> None:
        """Take the description of what carries schedules out."""
        self._table = table
        self._store = store
        self._cache = cache
        self._tools = tools
        self._scheduler = scheduler

    async def parts(self, request: CheckHealth, context: Context) -> PartsChecked:
        """Ask each part, all at once; one that fails does not hide the others."""
        checks: dict[str, Check] = {
            "table": self._table_health,
            "cache": self._cache_health,
            "web_platform": lambda: self._web_platform(context),
            "outbox": self._outbox,
            "schedules": self._schedules,
        }
        found = await asyncio.gather(*(_checked(check) for check in checks.values()))
        parts = dict(zip(checks, found, strict=True))
        failing = [name for name, part in parts.items() if part.state == "failing"]
        return PartsChecked(
            status="partial" if failing else "success",
            version=module_version(),
            parts=parts,
            message=f"failing: {', '.join(failing)}" if failing else "all parts answer",
        )

    async def _table_health(self) -> PartHealth:
        await self._table.get(Key("health", "health"))
        return PartHealth(state="ok", detail=self._table.place)

    async def _cache_health(self) -> PartHealth:
        if not self._cache.is_on:
            return PartHealth(state="off", detail="CACHE_URL is not set")
        is_up = await self._cache.is_up()
        return PartHealth(state="ok" if is_up else "failing", detail="" if is_up else "it does not answer")

    async def _web_platform(self, context: Context) -> PartHealth:
        if self._tools is None:
            return PartHealth(state="off", detail="MCP_URL is not set")
        await self._tools.call_tool("get_campaigns", {"user_id": context.user_id, "page_size": 1})
        return PartHealth(state="ok")

    async def _outbox(self) -> PartHealth:
        waiting, held = await asyncio.gather(self._store.pending(_MOST), self._store.quarantined(_MOST))
        oldest = min((item.since for item in waiting), default=None)
        age = 0 if oldest is None else max(0, clock.now_ms() - oldest)
        state = "failing" if held or age > _OVERDUE_MS else "ok"
        figures = {"waiting": len(waiting), "age_seconds": age // 1000, "quarantined": len(held)}
        return PartHealth(state=state, figures=figures)

    async def _schedules(self) -> PartHealth:
        rows = await self._table.indexed("reconcile", limit=_MOST)
        oldest = min((int(row["due"]) for row in rows), default=clock.now_ms())
        late = max(0, clock.now_ms() - oldest)
        state = "failing" if late > _OVERDUE_MS else "ok"
        figures = {"visits_waiting": len(rows), "late_seconds": late // 1000}
        return PartHealth(state=state, detail=self._scheduler, figures=figures)


async def _checked(check: Check) -> PartHealth:
    started = time.monotonic()
    try:
        async with asyncio.timeout(_SECONDS):
            found = await check()
    except TimeoutError:
        return PartHealth(state="failing", detail=f"no answer within {_SECONDS:.0f} seconds")
    except Exception as error:  # of any kind: it is what this is asked for
        return PartHealth(state="failing", detail=str(error) or type(error).__name__)
    took = round((time.monotonic() - started) * 1000)
    return found.model_copy(update={"figures": {**found.figures, "milliseconds": took}})
