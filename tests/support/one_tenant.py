"""Tenants of one deployment in this process, with platforms, a Web Platform and a table in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from campaign_automation.capability import run_action
from campaign_automation.settings import parse_settings
from campaign_automation.wiring import Wiring
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.web_platform import MemoryWebPlatform

SETTINGS = {
    "TABLE_NAME": "Table",
    "KILL_SWITCH": "false",
    "MAX_BUDGET_STEP_PERCENT": "50",
    "MAX_BUDGET_DAY_PERCENT": "50",
    "ACCOUNT_DAILY_BUDGET_CAPS": "USD:1000",
    "SPECIAL_AD_CATEGORIES": "NONE",
}


class OneTenant:
    """The module with one platform or several; `ask` calls an action as the user "u"."""

    def __init__(
        self,
        *platforms: FakeAdapter,
        table: MemoryTable | None = None,
        web_platform: MemoryWebPlatform | None = None,
        **settings: str,
    ) -> None:
        adapters = platforms or (FakeAdapter("meta"),)
        self.adapter = adapters[0]
        self.web_platform = web_platform or MemoryWebPlatform()
        self.table = table or MemoryTable()
        self.wiring = Wiring(
            parse_settings({**SETTINGS, **settings}),
            mcp_client=self.web_platform,
            adapters={item.platform: item for item in adapters},
            table=self.table,
            runs_due=True,
        )

    async def ask_async(self, action: str, parameters: dict[str, Any], **context: Any) -> dict[str, Any]:
        return await run_action(self.wiring, action, parameters, {"user_id": "u", **context})

    def status(self, campaign_id: str) -> dict[str, Any]:
        return self.done("get_campaign_status", {"campaign_id": campaign_id})

    def ask(self, action: str, parameters: dict[str, Any], **context: Any) -> dict[str, Any]:
        return asyncio.run(self.ask_async(action, parameters, **context))

    def done(self, action: str, parameters: dict[str, Any], **context: Any) -> dict[str, Any]:
        """Call an action that has to succeed."""
        answer = self.ask(action, parameters, **context)
        assert answer["status"] in ("success", "partial"), answer
        return answer

    def run(self, scenario: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run(scenario())
