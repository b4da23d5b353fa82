"""The outbox: messages to the Web Platform, in order per campaign, each sent until it is acknowledged.

A message that it refuses again and again is quarantined (quarantine.py); one that it cannot take now waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from campaign_automation.clients.functions.background import BackgroundFunction
from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.managers.shared.notices import (
    REFUSALS,
    Notices,
    is_refusal,
    reason_of,
    with_known_category,
)
from campaign_automation.managers.shared.web_platform_record import (
    CREATE,
    DELETE,
    UPDATE,
    create_arguments,
    find_record,
    whole_state,
)
from campaign_automation.models.campaign import Campaign, Creation, OutboxEntry
from campaign_automation.stores.campaign_rows import Mailbox, Pending
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.webhooks import told
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    NotFoundError,
    WebPlatformUnavailableError,
)
from campaign_automation.utils.observability import emit, internal_error, logger
from campaign_automation.utils.retry_strategy import with_retries

SWEEP_LIMIT = 5000  # the messages whose keys one sweep reads
_SWEEP_SECONDS = 80  # the function that sweeps may run for 110
_DELIVERY_SECONDS = 120  # longer than any function lives that delivers
PATIENCE_SECONDS = 1.0  # of an answer, where the program may end after it
_CLOSING_SECONDS = 10  # for messages under way; what is not sent by then the next sweep sends
# A create without an answer may still be carried out, so that a look right after it proves nothing.
_GRACE_MS = 120_000
# An update without one may be carried out after a newer one: then what was told last is told once more, soon
# and, for a platform that is slower still, an hour later.
_CONFIRMED_AFTER_MS = (_GRACE_MS, 60 * 60_000)
_CHANGES = (UPDATE, DELETE)  # each tells the whole state, so that the newest alone counts


class Outbox:
    """The messages, written with the state they report; `deliver` sends the pending ones and may fail.

    No caller waits for a Web Platform that hangs. Messages are handed to a `function` where there is one.
    Elsewhere a process that goes on after its answers has `patience`: the seconds that an answer waits for a
    delivery, which then goes on beside it; None waits for its end. Who `tells_later` sees to the delivery.
    """

    def __init__(
        self,
        store: CampaignStore,
        tools: ToolCaller | None,
        notices: Notices | None = None,
        function: BackgroundFunction | None = None,
    ) -> None:
        self._store = store
        self._tools = tools
        self._notices = notices
        self._function = function
        self.patience: float | None = None
        self.tells_later = False
        self._under_way: set[asyncio.Task[Any]] = set()

    # --- messages ---------------------------------------------------------------------------------------

    def entry(self, campaign: Creation | Campaign, tool: str, arguments: dict[str, Any]) -> list[OutboxEntry]:
        """Return the next message of this campaign; none without a Web Platform."""
        if self._tools is None:
            return []
        latest = max((item.number for item in campaign.outbox), default=0)
        return [OutboxEntry(number=latest + 1, tool=tool, arguments=arguments)]

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
            (entry,) = self.entry(campaign, UPDATE, whole_state(campaign, status)) or (None,)
        return entry

    # --- delivery ---------------------------------------------------------------------------------------

    async def tell(self, tenant: str, campaign_id: str) -> None:
        """Have the campaign's messages sent; what hangs goes on without the caller."""
        if self._tools is None or self.tells_later:
            return
        if self._function is not None:
            # The next sweep finds messages that are not taken now.
            if await self._function.hand_over({"tenant": tenant, "campaign_id": campaign_id}):
                told(tenant)  # the function sends the tenant's events too
        elif self.patience is None:
            await self.deliver(tenant, campaign_id)
        else:
            await self._beside(self.deliver(tenant, campaign_id), self.patience)

    async def tell_events(self, tenant: str, deliver: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Have a tenant's events sent as messages are; a function that cannot hand them over leaves them to
        the sweep, which alone knows the event bus."""
        if self.tells_later:
            return
        if self._function is not None:
            await self._function.hand_over({"tenant": tenant})
        elif self.patience is not None:
            await self._beside(deliver(), self.patience)

    async def _beside(self, delivery: Coroutine[Any, Any, Any], patience: float) -> None:
        # In a context of its own: the caller's deadline is not the message's.
        task = asyncio.create_task(delivery, context=contextvars.Context())
        self._under_way.add(task)  # the event loop itself keeps only a weak reference
        task.add_done_callback(self._under_way.discard)
        # Programs that end after an answer have told the Web Platform, unless it hangs.
        done, _ = await asyncio.wait([task], timeout=patience)
        for task in done:
            task.result()  # what ends the process ends its caller too

    async def drain(self) -> None:
        """Wait for the messages under way, for some seconds; none is lost by that, each is a row."""
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._under_way if task.get_loop() is loop]
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING_SECONDS)

    async def deliver(self, tenant: str, campaign_id: str) -> Exception | None:
        """Send the campaign's messages in order; the rest stays pending after a failure, which is returned.

        It never raises: what the messages report is done and recorded.
        """
        try:
            return await self._send_waiting(tenant, campaign_id)
        except Exception as error:  # of the store, say: the next sweep reads the messages again
            logger.warning("messages left pending", campaign_id=campaign_id, reason=reason_of(error))
            return error

    async def _send_waiting(self, tenant: str, campaign_id: str) -> Exception | None:
        """Send the campaign's messages; one process at a time sends for a campaign."""
        failure = None
        while failure is None and self._tools is not None:
            mailbox = await self._store.mailbox(tenant, campaign_id)
            now = clock.now_ms()
            if not any(entry.is_due(now) for entry in mailbox.outbox):
                return None
            # Two processes could both find that the campaign is not recorded there, and record it twice.
            token = await self._store.claim_delivery(mailbox, _DELIVERY_SECONDS)
            if token is None:
                return None  # the process that has it reads the messages again when it is done
            taken: list[OutboxEntry] = []
            try:
                if any(entry.tool == CREATE and entry.is_waiting for entry in mailbox.outbox):
                    mailbox.creation = await self._store.load(tenant, campaign_id)
                failure, taken = await self._deliver(self._tools, mailbox)
            finally:
                # A lease that nobody gave back would hold up the next messages until it is over.
                release = partial(self._store.release_delivery, mailbox, token, taken)
                await with_retries(release, what="release_delivery")
        return failure

    async def _deliver(
        self, tools: ToolCaller, mailbox: Mailbox
    ) -> tuple[Exception | None, list[OutboxEntry]]:
        """Send what waits; return the failure that ended it, and the messages still to be stored as taken."""
        await self._begin_confirmation(mailbox)
        answers: dict[str, dict[str, Any]] = {}
        newest = max(
            (item.number for item in mailbox.outbox if item.sent and item.tool in _CHANGES), default=0
        )
        taken: list[OutboxEntry] = []
        for entry in list(mailbox.outbox):
            await self._store.save_messages(mailbox, taken)
            taken = []
            if entry.sent:
                answers[entry.tool] = entry.answer
            elif entry.tool in _CHANGES and CREATE not in answers:
                await self._quarantine(mailbox, entry, "the campaign is not recorded there")
            elif entry.is_waiting and entry.tool == UPDATE and entry.number < newest:
                # An operator released it, and a newer state was told meanwhile.
                await self._store.save_messages(mailbox, [entry.model_copy(update={"sent": True})])
            elif not entry.is_quarantined:
                sent_at = clock.now_ms()
                try:
                    answers[entry.tool] = await self._send(tools, mailbox, entry, answers)
                except asyncio.CancelledError:  # the process ends: the request may still be carried out
                    doubtful = entry.model_copy(update={"doubtful_since": clock.now_ms()})
                    await self._store.keep_unsent(mailbox, doubtful)
                    raise
                # Any error, also of an answer without sense: the change itself is done and recorded.
                except Exception as error:
                    if not await self._refused(mailbox, entry, error):
                        return error, []
                else:
                    taken = _taken(mailbox, entry, answers[entry.tool], sent_at=sent_at)
        return None, taken

    async def _begin_confirmation(self, mailbox: Mailbox) -> None:
        """Let what was told last be sent again, where an update may have been carried out after it."""
        now = clock.now_ms()
        newest = next((entry for entry in reversed(mailbox.outbox) if entry.tool in _CHANGES), None)
        if newest is None or not any(entry.sent and entry.is_due(now) for entry in mailbox.outbox):
            return
        if newest.is_quarantined:
            # Nothing newer than what an operator decides on.
            await self._store.save_messages(mailbox, _confirmed(mailbox, now))
        elif newest.sent:
            again = newest.model_copy(update={"sent": False})
            await self._store.save_messages(mailbox, [again])
            mailbox.outbox = [again if entry is newest else entry for entry in mailbox.outbox]

    async def _refused(self, mailbox: Mailbox, entry: OutboxEntry, error: Exception) -> bool:
        """Keep a message that was not taken, and return whether it is quarantined now."""
        reason = reason_of(error)
        logger.warning("web platform not told", tool=entry.tool, reason=reason)
        emit("outbox_failures_total", tool=entry.tool)
        changed = {"error": reason, "refusals": entry.refusals + is_refusal(error)}
        if isinstance(error, CampaignAutomationError) and error.details.get("outcome_unknown"):
            changed["doubtful_since"] = clock.now_ms()
        kept = entry.model_copy(update=changed)
        if kept.refusals >= REFUSALS:
            await self._quarantine(mailbox, kept, reason)
            return True
        await self._store.keep_unsent(mailbox, kept)
        return False

    async def _quarantine(self, mailbox: Mailbox, entry: OutboxEntry, reason: str) -> None:
        if not entry.is_quarantined:
            emit("outbox_quarantined_total", tool=entry.tool)
            kept = entry.model_copy(update={"is_quarantined": True, "error": reason})
            await self._store.keep_unsent(mailbox, kept)

    async def _send(
        self, tools: ToolCaller, mailbox: Mailbox, entry: OutboxEntry, answers: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        arguments = {"user_id": mailbox.tenant, **entry.arguments}
        if entry.tool == CREATE:
            return await self._record(tools, mailbox, entry, arguments)
        if entry.tool not in _CHANGES:  # a notice, which older versions sent with the campaign
            return await tools.call_tool(entry.tool, with_known_category(arguments))
        try:
            return await tools.call_tool(entry.tool, {**arguments, "campaign_id": answers[CREATE]["id"]})
        except NotFoundError:
            # Its owner deleted the record there: no retry would bring it back.
            logger.warning("campaign is not on the web platform", campaign_id=mailbox.campaign_id)
            return {}

    async def _record(
        self, tools: ToolCaller, mailbox: Mailbox, entry: OutboxEntry, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        """Record the campaign there, unless it is."""
        # The Web Platform has no idempotency, and a create whose answer was lost may have been carried out.
        creation = mailbox.creation
        if creation is None:
            raise NotFoundError("the campaign of the message is gone")
        known = await find_record(tools, creation)
        if known is not None:
            return known
        if entry.doubtful_since is not None and clock.now_ms() < entry.doubtful_since + _GRACE_MS:
            raise WebPlatformUnavailableError("an earlier create may still be carried out")
        made = await tools.call_tool(CREATE, arguments)
        if made.get("id") is not None:
            return made
        # Every later message names the record by its id, and another create would make a second record.
        found = await find_record(tools, creation)
        if found is None:
            raise WebPlatformUnavailableError("the create was answered without an id", outcome_unknown=True)
        return found

    # --- sweeps -----------------------------------------------------------------------------------------

    async def sweep(self) -> dict[str, int]:
        """Send the pending messages, each tenant in turn; return their numbers before and after.

        Depth, age (seconds) and the number of quarantined messages are metrics: a Web Platform that is down
        shows there, and loses nothing.
        """
        waiting = await self._store.pending(SWEEP_LIMIT)
        emit("outbox_depth", len(waiting))
        oldest = min((item.since for item in waiting), default=None)
        emit("outbox_age_seconds", 0 if oldest is None else (clock.now_ms() - oldest) / 1000)
        until = time.monotonic() + _SWEEP_SECONDS
        for item in in_turns([*waiting, *await self._store.to_confirm(SWEEP_LIMIT)]):
            failure = await self._sweep_one(item, waiting)
            is_throttled = isinstance(failure, CampaignAutomationError) and failure.code == "1003"
            if is_throttled or time.monotonic() > until:
                break  # the next sweep goes on
        emit("outbox_quarantined", len(await self._store.quarantined(SWEEP_LIMIT)))
        return {"before": len(waiting), "after": len(await self._store.pending(SWEEP_LIMIT))}

    async def _sweep_one(self, item: Pending, waiting: list[Pending]) -> Exception | None:
        try:
            if item.kind == "campaign":
                return await self._send_waiting(item.tenant, item.item_id)
            return None if self._notices is None else await self._notices.deliver(item.tenant, item.item_id)
        except CampaignAutomationError as error:  # the store, or a row of a later version of the module
            logger.warning("message not read", kind=item.kind, id=item.item_id, reason=error.message)
            return error
        except Exception as error:  # a row that cannot be read must not hold the others up
            internal_error("message quarantined", kind=item.kind, id=item.item_id)
            emit("outbox_quarantined_total", tool="unreadable")
            await self._set_aside(row for row in waiting if row[:3] == item[:3])
            return error

    async def _set_aside(self, rows: Iterable[Pending]) -> None:
        """Quarantine rows that cannot be read; where that fails, the next sweep does it."""
        try:
            for row in rows:
                await self._store.quarantine(row)
        except CampaignAutomationError as error:
            logger.warning("message not quarantined", reason=error.message)


def _taken(
    mailbox: Mailbox, entry: OutboxEntry, answer: dict[str, Any], *, sent_at: int
) -> list[OutboxEntry]:
    """Return an acknowledged message, and those whose doubts or arguments it ends, as they are stored now."""
    kept = [
        entry.model_copy(update={"sent": True, "answer": answer, "confirm_at": _confirm_at(entry, sent_at)})
    ]
    if entry.tool in _CHANGES:
        # A message told before is never sent again, and each change reads all that its campaign has.
        superseded = {"arguments": {}, "is_superseded": True}
        kept += [item.model_copy(update=superseded) for item in mailbox.outbox if _is_superseded(item, entry)]
        kept += _confirmed(mailbox, sent_at)
    return list({item.number: item for item in kept}.values())


def _confirmed(mailbox: Mailbox, sent_at: int) -> list[OutboxEntry]:
    """Return the updates that were not answered and whose state is told again at another time, now that it
    was told."""
    changed = []
    for number, entry in enumerate(mailbox.outbox):
        due = _confirm_at(entry, sent_at)
        if entry.sent and due != entry.confirm_at:
            mailbox.outbox[number] = entry.model_copy(update={"confirm_at": due})
            changed.append(mailbox.outbox[number])
    return changed


def _is_superseded(item: OutboxEntry, entry: OutboxEntry) -> bool:
    """Return whether a message is never sent again, now that `entry` was told."""
    is_change = item.tool in _CHANGES and not item.is_superseded
    # A later one may have been told before: of a doubt about that one its arguments are told again.
    return is_change and item.sent and not item.confirm_at and item.number < entry.number


def _confirm_at(entry: OutboxEntry, told_at: int) -> int | None:
    """Return when the state is told again after an update without an answer; told last at `told_at`."""
    if entry.doubtful_since is None or entry.tool != UPDATE:
        return None
    times = (entry.doubtful_since + after for after in _CONFIRMED_AFTER_MS)
    return next((at for at in times if told_at < at), None)


def in_turns(waiting: list[Pending]) -> list[Pending]:
    """Return one message per campaign or notice, the tenants in turn, in each round its oldest or its newest.

    So neither the many failures of one tenant nor its own old ones keep new messages from being sent.
    """
    tenants: dict[str, deque[Pending]] = {}
    for item in {item[:3]: item for item in waiting}.values():
        tenants.setdefault(item.tenant, deque()).append(item)
    turns: list[Pending] = []
    for take in itertools.cycle((deque.popleft, deque.pop)):
        turns += [take(items) for items in tenants.values()]
        tenants = {tenant: items for tenant, items in tenants.items() if items}
        if not tenants:
            return turns
    return turns
