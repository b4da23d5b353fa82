"""Notices to a user that belong to no single campaign: stored first, then sent until a channel takes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.stores.notice_store import Channel, Notice, NoticeStore
from campaign_automation.utils.observability import emit, logger

TOOL = "create_notification"
# The Web Platform's words; it refuses all others. People may mute those that report no loss.
CATEGORIES = frozenset(
    "token_expired ad_rejected credit_low credit_depleted payment_success payment_failed report_ready"
    " creative_ready landing_page_ready budget_exhausted ad_paused optimization_suggestion weekly_summary"
    " new_feature system_maintenance system".split()
)
_DELIVERY_SECONDS = 120  # longer than any function lives that delivers

Publish = Callable[[str, str], None]  # subject and message


class Notices:
    """The notices that go through the Web Platform, and through a topic where the deployment has one."""

    def __init__(self, store: NoticeStore, tools: ToolCaller | None, publish: Publish | None = None) -> None:
        self._store = store
        self._tools = tools
        self._publish = publish

    def notice(self, tenant: str, notice_id: str, arguments: dict[str, Any]) -> list[Notice]:
        """Return the notice to store together with the state it reports; none without a channel."""
        waiting: list[Channel] = []
        if self._tools is not None:
            waiting.append("web_platform")
        if self._publish is not None:
            waiting.append("topic")
        if not waiting:
            return []
        return [Notice(tenant=tenant, notice_id=notice_id, arguments=arguments, waiting=waiting)]

    async def tell(self, tenant: str, notice_id: str, arguments: dict[str, Any]) -> None:
        """Store a notice that reports no state of ours and send it, once for all calls with its id."""
        for notice in self.notice(tenant, notice_id, arguments):
            if await self._store.add(notice):
                await self.deliver(tenant, notice_id)

    async def deliver(self, tenant: str, notice_id: str) -> None:
        """Send the notice on its waiting channels; one that fails keeps waiting.

        Delivery is at least once: neither channel can be asked whether it has a notice already.
        """
        notice = await self._store.load(tenant, notice_id)
        if notice is None or not notice.waiting or not await self._store.claim(notice, _DELIVERY_SECONDS):
            return
        waiting = [channel for channel in notice.waiting if not await self._sent(channel, notice)]
        await self._store.save(notice.model_copy(update={"waiting": waiting}))

    async def _sent(self, channel: Channel, notice: Notice) -> bool:
        try:
            await self._send(channel, notice)
        except Exception as error:  # any client may be handed in; the notice is stored and stays pending
            logger.warning("notice not taken", channel=channel, reason=f"{type(error).__name__}: {error}")
            emit("outbox_failures_total", tool=TOOL if channel == "web_platform" else "publish")
            return False
        return True

    def _send(self, channel: Channel, notice: Notice) -> Awaitable[Any]:
        if channel == "topic":
            assert self._publish is not None
            message = json.dumps({"tenant": notice.tenant, **notice.arguments}, ensure_ascii=False)
            return asyncio.to_thread(self._publish, notice.arguments["title"], message)
        assert self._tools is not None
        arguments = with_known_category(notice.arguments)
        return self._tools.call_tool(TOOL, {"user_id": notice.tenant, **arguments})


def with_known_category(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of create_notification with a category that the Web Platform takes.

    Notices that older versions stored carry words of their own, which it would refuse for ever.
    """
    return arguments if arguments.get("category") in CATEGORIES else {**arguments, "category": "system"}
