"""The messages that the Web Platform refused too often: shown to an operator, and sent again on request."""

from __future__ import annotations

import asyncio

from campaign_automation.models.campaign import OutboxEntry
from campaign_automation.models.common import Context
from campaign_automation.models.messages import (
    MOST_MESSAGES,
    ListQuarantinedMessages,
    MessagesResent,
    QuarantinedMessage,
    QuarantinedMessages,
    ResendMessages,
)
from campaign_automation.stores.campaign_rows import Pending
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.clock import at_ms
from campaign_automation.utils.languages.plurals import counted

_MOST_ROWS = 5000


class Quarantine:
    """The quarantine of the whole deployment, for callers who are named its operators.

    In one process a caller has every role unless told otherwise; such a caller sees the own tenant only.
    """

    def __init__(self, store: CampaignStore) -> None:
        self._store = store

    async def list_messages(self, request: ListQuarantinedMessages, caller: Context) -> QuarantinedMessages:
        held = (await self._held(caller))[: request.limit]
        messages = list(await asyncio.gather(*map(self._shown, held)))
        count = counted(len(messages), "message")
        return QuarantinedMessages(messages=messages, message=f"{count} held back")

    async def resend(self, request: ResendMessages, caller: Context) -> MessagesResent:
        """Let the messages be sent again; the next sweep sends them."""
        held = await self._held(caller)
        known = list(dict.fromkeys(item.item_id for item in held))
        chosen = known if request.item_ids is None else [name for name in request.item_ids if name in known]
        chosen = chosen[:MOST_MESSAGES]
        released = [item for item in held if item.item_id in chosen and await self._store.release(item)]
        count = counted(len(released), "message")
        return MessagesResent(item_ids=chosen, message=f"{count} will be sent within five minutes")

    async def _held(self, caller: Context) -> list[Pending]:
        held = await self._store.quarantined(_MOST_ROWS)
        if caller.is_named_operator:
            return held
        return [item for item in held if item.tenant == caller.user_id]

    async def _shown(self, item: Pending) -> QuarantinedMessage:
        found = await self._store.message(item)
        return QuarantinedMessage(
            tenant=item.tenant,
            kind=item.kind,
            item_id=item.item_id,
            tool=found.tool if isinstance(found, OutboxEntry) else None,
            refusals=None if found is None else found.refusals,
            error=(found and found.error) or "its row cannot be read",
            since=at_ms(item.since),
        )
