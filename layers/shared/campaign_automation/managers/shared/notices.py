"""Notices to a user that belong to no single campaign: stored first, then sent until a channel takes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.managers.notices.links import LINK_TO, Links
from campaign_automation.models.notices import Channel
from campaign_automation.stores.notice_store import Notice, NoticeStore
from campaign_automation.stores.operations.events import NewEvent
from campaign_automation.stores.operations.webhooks import WebhookStore
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.languages.speaking import notice_in
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.redaction import redact

TOOL = "create_notification"
# The Web Platform's words; it refuses all others. People may mute those that report no loss.
CATEGORIES = frozenset(
    "token_expired ad_rejected credit_low credit_depleted payment_success payment_failed report_ready"
    " creative_ready landing_page_ready budget_exhausted ad_paused optimization_suggestion weekly_summary"
    " new_feature system_maintenance system".split()
)
# A message is quarantined after so many: with a sweep every five minutes that is an hour.
REFUSALS = 12
# A service token that is refused (3000) or not configured (6000) concerns all messages, not the one in hand.
_OF_THE_DEPLOYMENT = frozenset({"3000", "6000"})
_LONGEST_REASON = 500
_DELIVERY_SECONDS = 120  # longer than any function lives that delivers

Publish = Callable[[str, str], None]  # subject and message


class Notices:
    """The notices that go through the Web Platform, through a topic where the deployment has one, and to the
    tenant's webhook (managers/notices/webhooks.py); a tenant chooses its channels."""

    def __init__(
        self,
        store: NoticeStore,
        choices: WebhookStore,
        tools: ToolCaller | None,
        publish: Publish | None = None,
        links: Links | None = None,
    ) -> None:
        self._links = links
        self._store = store
        self._choices = choices
        self._tools = tools
        self._publish = publish

    def notice(
        self,
        tenant: str,
        notice_id: str,
        arguments: dict[str, Any],
        channels: Sequence[Channel] | None = None,
    ) -> list[Notice]:
        """Return the notice to store together with the state it reports, for some channels or all."""
        there: list[Channel] = []
        if self._tools is not None:
            there.append("web_platform")
        if self._publish is not None:
            there.append("topic")
        waiting = [item for item in there if channels is None or item in channels]
        only = None if channels is None else list(channels)
        return [Notice(tenant=tenant, notice_id=notice_id, arguments=arguments, waiting=waiting, only=only)]

    async def tell(
        self, tenant: str, notice_id: str, arguments: dict[str, Any], events: Sequence[NewEvent] = ()
    ) -> None:
        """Store a notice that reports no state of ours and send it, once for all calls with its id."""
        if await self.leave(tenant, notice_id, arguments, events=events):
            await self.deliver(tenant, notice_id)

    async def leave(
        self,
        tenant: str,
        notice_id: str,
        arguments: dict[str, Any],
        channels: Sequence[Channel] | None = None,
        events: Sequence[NewEvent] = (),
    ) -> bool:
        """Store a notice and events for the next sweep, once for all calls with its id; return whether it is
        new."""
        notices = self.notice(tenant, notice_id, arguments, channels)
        return any([await self._store.add(item, events) for item in notices])

    async def deliver(self, tenant: str, notice_id: str) -> Exception | None:
        """Send the notice on its waiting channels; one that fails keeps waiting.

        Delivery is at least once: neither channel can be asked whether it has a notice already. The last
        failure is returned.
        """
        notice = await self._store.load(tenant, notice_id)
        if notice is None or not notice.waiting or not await self._store.claim(notice, _DELIVERY_SECONDS):
            return None
        settings = (await self._choices.settings(tenant)).settings
        wanted = [channel for channel in notice.waiting if channel in settings.channels]
        # Stored in English, and told in the language that the tenant has chosen since.
        told = notice.model_copy(update={"arguments": notice_in(notice.arguments, settings.language)})
        errors = {channel: await self._failure(channel, told) for channel in wanted}
        failures = {channel: error for channel, error in errors.items() if error is not None}
        kept = notice.model_copy(update={"waiting": list(failures), **_refusals(notice, failures.values())})
        if kept.is_quarantined:
            emit("outbox_quarantined_total", tool=TOOL)
        await self._store.save(kept)
        return next(iter(failures.values()), None)

    async def _failure(self, channel: Channel, notice: Notice) -> Exception | None:
        try:
            await self._send(channel, notice)
        except Exception as error:  # any client may be handed in; the notice is stored and stays pending
            logger.warning("notice not taken", channel=channel, reason=reason_of(error))
            emit("outbox_failures_total", tool=TOOL if channel == "web_platform" else "publish")
            return error
        return None

    def _send(self, channel: Channel, notice: Notice) -> Awaitable[Any]:
        if channel == "topic":
            assert self._publish is not None
            # Readers of the topic are not the owner: no link that decides goes there.
            told = {name: value for name, value in notice.arguments.items() if name != LINK_TO}
            message = json.dumps({"tenant": notice.tenant, **told}, ensure_ascii=False)
            return asyncio.to_thread(self._publish, notice.arguments["title"], message)
        assert self._tools is not None
        arguments = with_known_category(notice.arguments)
        if LINK_TO in arguments and self._links is not None:
            arguments = self._links.with_link(notice.tenant, arguments)
        return self._tools.call_tool(TOOL, {"user_id": notice.tenant, **arguments})


def is_refusal(error: Exception) -> bool:
    """Return whether an error is an answer to this message, which will be the same next time."""
    if not isinstance(error, CampaignAutomationError):
        return True
    return not error.retryable and error.code not in _OF_THE_DEPLOYMENT


def reason_of(error: Exception) -> str:
    """Return an error as it is logged and kept with its message."""
    return redact(f"{type(error).__name__}: {error}")[:_LONGEST_REASON]


def _refusals(notice: Notice, failures: Collection[Exception]) -> dict[str, Any]:
    refusals = notice.refusals + any(map(is_refusal, failures))
    reason = "; ".join(map(reason_of, failures)) or None
    return {"refusals": refusals, "error": reason, "is_quarantined": bool(failures) and refusals >= REFUSALS}


def with_known_category(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of create_notification with a category that the Web Platform takes.

    Notices that older versions stored carry words of their own, which it would refuse for ever.
    """
    return arguments if arguments.get("category") in CATEGORIES else {**arguments, "category": "system"}
