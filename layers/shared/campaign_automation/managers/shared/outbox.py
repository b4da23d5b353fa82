"""The outbox: messages to the Web Platform, in order per campaign, each sent until it is acknowledged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.managers.shared.notices import Notices, with_known_category
from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry, OutboxEntry
from campaign_automation.models.common import Level, Objective
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import NotFoundError
from campaign_automation.utils.observability import emit, logger

SWEEP_LIMIT = 500  # the messages that one sweep reads
_DELIVERY_SECONDS = 120  # longer than any function lives that delivers
CREATE, UPDATE, DELETE = (
    "create_campaign",
    "update_campaign",
    "delete_campaign",
)


class Outbox:
    """The messages, written with the state they report; `deliver` sends the pending ones and may fail."""

    def __init__(
        self, store: CampaignStore, tools: ToolCaller | None, notices: Notices | None = None
    ) -> None:
        self._store = store
        self._tools = tools
        self._notices = notices

    def entry(self, campaign: Creation | Campaign, tool: str, arguments: dict[str, Any]) -> list[OutboxEntry]:
        """Return the next message of this campaign; none without a Web Platform."""
        if self._tools is None:
            return []
        return [OutboxEntry(number=len(campaign.outbox) + 1, tool=tool, arguments=arguments)]

    def created(self, creation: Creation, platform_campaign_id: str) -> list[OutboxEntry]:
        """Return the messages of a campaign that was just created, paused unless it is started at once."""
        messages = self.entry(creation, CREATE, create_arguments(creation, platform_campaign_id))
        if messages and not creation.spec.activate:
            # Every record begins as a draft there, whatever its campaign is; a start sends its own status.
            messages.append(OutboxEntry(number=2, tool=UPDATE, arguments={"status": "paused"}))
        return messages

    def change(self, campaign: Campaign) -> OutboxEntry | None:
        """Return the next message after a change: the whole state of the campaign, or None.

        It is right even when the message before was never read.
        """
        if all(entry.tool != CREATE for entry in campaign.outbox):
            return None  # the Web Platform does not know the campaign
        status = campaign.root.status or "paused"
        if status == "deleted":
            (entry,) = self.entry(campaign, DELETE, {}) or (None,)
        else:
            (entry,) = self.entry(campaign, UPDATE, _state(campaign, status)) or (None,)
        return entry

    async def deliver(self, tenant: str, campaign_id: str) -> None:
        """Send the campaign's messages in order and stop at the first failure; the rest stays pending.

        One process at a time sends for a campaign.
        """
        is_all_sent = True
        while is_all_sent and self._tools is not None:
            creation = await self._store.load(tenant, campaign_id)
            if creation is None or all(entry.sent for entry in creation.outbox):
                return
            # Two processes could both find that the campaign is not recorded there, and record it twice.
            token = await self._store.claim_delivery(creation, _DELIVERY_SECONDS)
            if token is None:
                return  # the process that has it reads the messages again when it is done
            try:
                is_all_sent = await self._deliver(self._tools, creation)
            finally:
                await self._store.release_delivery(creation, token)

    async def _deliver(self, tools: ToolCaller, creation: Creation) -> bool:
        answers: dict[str, dict[str, Any]] = {}
        for entry in creation.outbox:
            if entry.sent:
                answers[entry.tool] = entry.answer
                continue
            try:
                answers[entry.tool] = await self._send(tools, creation, entry, answers)
            # Any error, also of an answer without sense: the change itself is done and recorded.
            except Exception as error:
                logger.warning(
                    "web platform not told", tool=entry.tool, reason=f"{type(error).__name__}: {error}"
                )
                emit("outbox_failures_total", tool=entry.tool)
                return False
            await self._store.mark_sent(creation, entry, answers[entry.tool])
        return True

    async def sweep(self) -> dict[str, int]:
        """Send the pending messages, the oldest first; return their numbers before and after.

        Depth and age (seconds) are metrics: a Web Platform that is down shows there, and loses nothing.
        """
        waiting = await self._store.pending(SWEEP_LIMIT)
        emit("outbox_depth", len(waiting))
        oldest = min((item.since for item in waiting), default=None)
        emit("outbox_age_seconds", 0 if oldest is None else (clock.now_ms() - oldest) / 1000)
        for tenant, kind, item_id in dict.fromkeys(item[:3] for item in waiting):
            if kind == "campaign":
                await self.deliver(tenant, item_id)
            elif self._notices is not None:
                await self._notices.deliver(tenant, item_id)
        return {"before": len(waiting), "after": len(await self._store.pending(SWEEP_LIMIT))}

    async def _send(
        self, tools: ToolCaller, creation: Creation, entry: OutboxEntry, answers: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        arguments = {"user_id": creation.tenant, **entry.arguments}
        if entry.tool == CREATE:
            known = await self._find(tools, creation)
            return known or await tools.call_tool(CREATE, arguments)
        if entry.tool not in (UPDATE, DELETE):  # a notice, which older versions sent with the campaign
            return await tools.call_tool(entry.tool, with_known_category(arguments))
        try:
            return await tools.call_tool(entry.tool, {**arguments, "campaign_id": answers[CREATE]["id"]})
        except NotFoundError:
            # Its owner deleted the record there: no retry would bring it back.
            logger.warning("campaign is not on the web platform", campaign_id=creation.campaign_id)
            return {}

    async def _find(self, tools: ToolCaller, creation: Creation) -> dict[str, Any] | None:
        """Return the record of the campaign on the Web Platform, or None."""
        # The Web Platform has no idempotency, and a create whose answer was lost may have been carried out.
        page = 1
        while True:
            answer = await tools.call_tool(
                "get_campaigns",
                {"user_id": creation.tenant, "platform": creation.spec.platform, "page": page},
            )
            for campaign in answer.get("campaigns", []):
                if (campaign.get("targeting") or {}).get("campaign_id") == creation.campaign_id:
                    return {"id": campaign["id"]}
            if not answer.get("has_more"):
                return None
            page += 1


def _state(campaign: Campaign, status: str) -> dict[str, Any]:
    """Return the arguments of update_campaign; `targeting` also carries changed ad sets and ads."""
    # The Web Platform replaces `targeting` as a whole, so that the ids of the create go along.
    created = next(entry for entry in campaign.outbox if entry.tool == CREATE)
    changed = {
        f"{level}s": {
            entry.tag: _shown(entry)
            for entry in campaign.objects.values()
            if entry.level is level and (entry.status or entry.daily_budget is not None)
        }
        for level in (Level.ADSET, Level.AD)
    }
    parts = {name: objects for name, objects in changed.items() if objects}
    return {
        "status": status,
        "budget": float(_daily_budget(campaign)),
        "targeting": {**created.arguments["targeting"], **parts},
    }


def _shown(entry: ObjectEntry) -> dict[str, Any]:
    budget = None if entry.daily_budget is None else float(entry.daily_budget)
    shown = {"status": entry.status or "paused", "daily_budget": budget}
    return {name: value for name, value in shown.items() if value is not None}


def _daily_budget(campaign: Campaign) -> Decimal:
    """Return the campaign's own budget where it was changed, else the sum of its ad sets' budgets."""
    own = campaign.root.daily_budget
    if own is not None:
        return own
    adsets = [entry for entry in campaign.objects.values() if entry.level is Level.ADSET]
    budgets = [entry.planned_budget if entry.daily_budget is None else entry.daily_budget for entry in adsets]
    return sum((budget for budget in budgets if budget is not None), Decimal(0))


def create_arguments(creation: Creation, platform_campaign_id: str) -> dict[str, Any]:
    """Return the arguments of the Web Platform's create_campaign."""
    spec, (plan, account) = creation.spec, creation.planned()
    arguments: dict[str, Any] = {
        "ad_account_id": int(account.ad_account_id or 0),
        "name": plan.name,
        # The Web Platform has no objective for apps.
        "objective": "conversions" if spec.objective is Objective.APP_PROMOTION else str(spec.objective),
        "budget": float(spec.daily_budget),
        "budget_type": "daily",
        # There is no field for ids of ours or the platform's, so `targeting` carries them.
        "targeting": {
            "campaign_id": creation.campaign_id,
            "platform_campaign_id": platform_campaign_id,
            "countries": spec.target_countries,
            "age_groups": [list(group) for group in spec.age_groups],
        },
    }
    # Creatives given inline have no number there.
    numbers = [int(item) for item in spec.creative_ids or [] if item.isdecimal()]
    return arguments | ({"creative_ids": numbers} if numbers else {})
