"""Events for tenants' webhooks and the event bus, from the rows of the outbox: each sent until it is taken.

A webhook that is down blocks its own events alone: they wait for up to 30 days, and none overtakes another.
On the bus none overtakes another of its campaign.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from campaign_automation.clients.event_bus import MOST_AT_ONCE, EventBus
from campaign_automation.clients.webhook_client import Delivery, WebhookClient
from campaign_automation.models.notices import NotificationSettings
from campaign_automation.models.notices.events import NoticeData, WebhookTrial
from campaign_automation.stores.operations.webhooks import BUS, WEBHOOK, Failing, WebhookEvent, WebhookStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.languages.speaking import notice_in
from campaign_automation.utils.observability import emit, internal_error, logger
from campaign_automation.utils.retry_strategy import with_retries

# Their words are in the tenant's language; typed events, which programs read, are as the event bus has them.
_FOR_PEOPLE = (NoticeData.type, WebhookTrial.type)
_MOST_EVENTS = 5000  # whose keys one sweep reads
_AT_ONCE = 8  # tenants
_SWEEP_SECONDS = 80.0  # the function that sweeps may run for 110
_TENANT_SECONDS = 20.0  # of one tenant in a sweep; the next one goes on
_LEASE_SECONDS = 120  # longer than the function lives that sends


class Webhooks:
    """The sender; typed events go to the deployment's `bus` too, where it has one."""

    def __init__(self, store: WebhookStore, client: WebhookClient, bus: EventBus | None = None) -> None:
        self._store = store
        self._client = client
        self._bus = bus

    async def sweep(self) -> dict[str, int]:
        """Send what waits for all tenants, some at the same time; return how many events were sent.

        A tenant whose turn does not come in time, or that fails, is served by the next sweep.
        """
        tenants = await self._store.waiting(_MOST_EVENTS)
        limit, until = asyncio.Semaphore(_AT_ONCE), time.monotonic() + _SWEEP_SECONDS

        async def one(tenant: str) -> int:
            async with limit:
                return 0 if time.monotonic() > until else await self.deliver_safely(tenant)

        return {"webhooks": len(tenants), "events": sum(await asyncio.gather(*map(one, tenants)))}

    async def deliver_safely(self, tenant: str) -> int:
        """Send a tenant's events; it never raises."""
        try:
            return await self.deliver(tenant)
        except CampaignAutomationError as error:
            logger.warning("webhook not served", reason=error.message)
        except Exception:  # of one tenant: the others are still to be told
            internal_error("webhook not served")
        return 0

    async def deliver(self, tenant: str) -> int:
        """Send a tenant's events in order until one is not taken; return how many its webhook took.

        At least once: an event whose answer is lost is sent again under the same id. Nobody waits for an
        event that has no webhook and is not for the bus: it is removed.
        """
        sent, tried, until = 0, set[str](), time.monotonic() + _TENANT_SECONDS
        while time.monotonic() < until and (token := await self._store.begin_sending(tenant, _LEASE_SECONDS)):
            sent += await self._deliver(tenant, token, tried)
            # Again for what came meanwhile: its own process found the lease taken.
            if tried.issuperset(event.event_id for event in await self._store.events(tenant)):
                break
        return sent

    async def _deliver(self, tenant: str, token: str, tried: set[str]) -> int:
        """Send what waits once, under the lease of sending, and give it back; note what was `tried`."""
        sent, gone = 0, list[WebhookEvent]()
        failing, is_read = None, False
        try:
            settings, failing = await self._store.settings(tenant)
            is_read = True
            events = await self._store.events(tenant)
            tried.update(event.event_id for event in events)
            left, gone = await self._to_bus(events, settings)
            if settings.has_webhook:
                sent, failing = await self._to_webhook(left, settings, failing)
        finally:
            # A lease that nobody gave back would hold up the next events until it is over.
            end = partial(self._store.end_sending, tenant, token, failing, gone, is_read=is_read)
            await with_retries(end, what="end_sending")
        return sent

    async def _to_bus(
        self, events: Sequence[WebhookEvent], settings: NotificationSettings
    ) -> tuple[list[WebhookEvent], list[WebhookEvent]]:
        """Put on the bus what is for it, and return what then waits for the webhook, and what for nobody.

        What the bus refuses holds up its own campaign alone, until the next sweep.
        """
        queues: dict[Any, deque[WebhookEvent]] = {}
        for event in filter(self._is_for_bus, events):
            queues.setdefault(event.about["campaign_id"], deque()).append(event)
        taken: dict[str, WebhookEvent] = {}
        gone: list[WebhookEvent] = []
        until = time.monotonic() + _TENANT_SECONDS
        while self._bus is not None and queues and time.monotonic() < until:
            await self._store.drop(gone)  # the last of them go with the end of the lease
            some = list(itertools.islice(queues.items(), MOST_AT_ONCE))
            answers = await self._bus.put([_body(queue[0]) for _, queue in some])
            new = [queue.popleft() for (_, queue), is_taken in zip(some, answers, strict=True) if is_taken]
            gone = [] if settings.has_webhook else new  # nobody else waits for them
            if settings.has_webhook:
                await self._store.taken(new, BUS)
            taken |= {event.event_id: event.taken_by(BUS) for event in new}
            if refused := answers.count(False):
                emit("event_bus_failures_total", refused)
            for (campaign_id, queue), is_taken in zip(some, answers, strict=True):
                if not queue or not is_taken:
                    del queues[campaign_id]
        left = [taken.get(event.event_id, event) for event in events]
        if not settings.has_webhook:
            others = [event for event in left if event.event_id not in taken]
            gone = [*gone, *(event for event in others if not self._is_for_bus(event))]
        return [event for event in left if WEBHOOK not in event.taken], gone

    async def _to_webhook(
        self, events: Iterable[WebhookEvent], settings: NotificationSettings, failing: Failing | None
    ) -> tuple[int, Failing | None]:
        sent, until = 0, time.monotonic() + _TENANT_SECONDS
        for event in events:
            delivery = await self.send(settings, event)
            if not delivery.is_taken:
                emit("webhook_failures_total")
                logger.warning("webhook took no event", event_id=event.event_id, reason=delivery.error)
                since = clock.now_ms() if failing is None else failing.since
                return sent, Failing(since, str(delivery.error))
            if self._is_for_bus(event):
                await self._store.taken([event], WEBHOOK)
            else:
                await self._store.drop([event])
            sent, failing = sent + 1, None
            if time.monotonic() > until:
                break
        return sent, failing

    def _is_for_bus(self, event: WebhookEvent) -> bool:
        """Return whether the bus is still to take an event."""
        return self._bus is not None and bool(event.about) and BUS not in event.taken

    async def send(self, settings: NotificationSettings, event: WebhookEvent) -> Delivery:
        """Send one event now, signed with each secret that holds."""
        url, body = settings.webhook_url or "", _body(event)
        if event.kind in _FOR_PEOPLE:
            body |= {"data": notice_in(event.data, settings.language)}
        return await self._client.send(url, event.event_id, body, _signing(settings))


def _body(event: WebhookEvent) -> dict[str, Any]:
    """Return an event as it is told: its fields are those of models/notices/events.py."""
    at = clock.iso(clock.at_ms(event.at_ms))
    plain = {"id": event.event_id, "type": event.kind, "at": at, "tenant": event.tenant}
    return {**plain, **event.about, "data": event.data}


def _signing(settings: NotificationSettings) -> Sequence[str]:
    now = clock.now()
    return [item.secret for item in settings.secrets if item.until is None or item.until > now]
