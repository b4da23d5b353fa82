"""Events for tenants' webhooks: each sent until it is taken, in order, from the rows of the outbox.

A webhook that is down blocks its own events alone: they wait for up to 30 days, and none overtakes another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from campaign_automation.clients.webhook_client import Delivery, WebhookClient
from campaign_automation.models.notices import NotificationSettings
from campaign_automation.stores.operations.webhooks import Failing, WebhookEvent, WebhookStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import emit, internal_error, logger

_MOST_EVENTS = 5000  # whose keys one sweep reads
_AT_ONCE = 8  # tenants
_SWEEP_SECONDS = 80.0  # the function that sweeps may run for 110
_TENANT_SECONDS = 20.0  # of one tenant in a sweep; the next one goes on
_LEASE_SECONDS = 120  # longer than the function lives that sends


class Webhooks:
    def __init__(self, store: WebhookStore, client: WebhookClient) -> None:
        self._store = store
        self._client = client

    async def sweep(self) -> dict[str, int]:
        """Send what waits for all tenants, some at the same time; return how many events were sent.

        A tenant whose turn does not come in time, or that fails, is served by the next sweep.
        """
        tenants = await self._store.waiting(_MOST_EVENTS)
        limit, until = asyncio.Semaphore(_AT_ONCE), time.monotonic() + _SWEEP_SECONDS

        async def one(tenant: str) -> int:
            async with limit:
                return 0 if time.monotonic() > until else await self._deliver_safely(tenant)

        return {"webhooks": len(tenants), "events": sum(await asyncio.gather(*map(one, tenants)))}

    async def _deliver_safely(self, tenant: str) -> int:
        try:
            return await self.deliver(tenant)
        except CampaignAutomationError as error:
            logger.warning("webhook not served", reason=error.message)
        except Exception:  # of one tenant: the others are still to be told
            internal_error("webhook not served")
        return 0

    async def deliver(self, tenant: str) -> int:
        """Send a tenant's events in order until one is not taken; return how many were.

        At least once: an event whose answer is lost is sent again under the same id. Without a webhook the
        events are removed.
        """
        stored = await self._store.settings(tenant)
        if not stored.settings.has_webhook:
            await self._store.drop(await self._store.events(tenant))
            return 0
        token = await self._store.begin_sending(tenant, _LEASE_SECONDS)
        if token is None:
            return 0
        failing, sent = stored.failing, 0
        try:
            sent, failing = await self._send_all(tenant, stored.settings, failing)
        finally:
            await self._store.end_sending(tenant, token, failing)
        return sent

    async def _send_all(
        self, tenant: str, settings: NotificationSettings, failing: Failing | None
    ) -> tuple[int, Failing | None]:
        sent, until = 0, time.monotonic() + _TENANT_SECONDS
        for event in await self._store.events(tenant):
            delivery = await self.send(settings, event)
            if not delivery.is_taken:
                emit("webhook_failures_total")
                logger.warning("webhook took no event", event_id=event.event_id, reason=delivery.error)
                since = clock.now_ms() if failing is None else failing.since
                return sent, Failing(since, str(delivery.error))
            await self._store.sent(event)
            sent, failing = sent + 1, None
            if time.monotonic() > until:
                break
        return sent, failing

    async def send(self, settings: NotificationSettings, event: WebhookEvent) -> Delivery:
        """Send one event now, signed with each secret that holds."""
        body = {
            "id": event.event_id,
            "type": event.kind,
            "at": clock.iso(clock.at_ms(event.at_ms)),
            "tenant": event.tenant,
            "data": event.data,
        }
        url = settings.webhook_url or ""
        return await self._client.send(url, event.event_id, body, _signing(settings))


def _signing(settings: NotificationSettings) -> Sequence[str]:
    now = clock.now()
    return [item.secret for item in settings.secrets if item.until is None or item.until > now]
