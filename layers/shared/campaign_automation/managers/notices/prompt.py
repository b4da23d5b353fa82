"""The delivery of events right after the action that wrote them; what is not sent then the sweep sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from campaign_automation.managers.notices.webhooks import Webhooks
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.stores.operations.webhooks import news


class PromptDelivery:
    """The delivery; its parts are made when there is something to send."""

    def __init__(self, outbox: Callable[[], Outbox], webhooks: Callable[[], Webhooks]) -> None:
        self._outbox = outbox
        self._webhooks = webhooks

    @asynccontextmanager
    async def after(self) -> AsyncIterator[None]:
        """Have the events sent that are written within the block, also where it fails."""
        with news() as tenants:
            try:
                yield
            finally:
                for tenant in sorted(tenants):
                    deliver = partial(self._webhooks().deliver_safely, tenant)
                    await self._outbox().tell_events(tenant, deliver)
