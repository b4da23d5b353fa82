"""The actions on messages that the Web Platform refuses: list, and send again."""

from __future__ import annotations

from campaign_automation.actions.action import Key, action
from campaign_automation.models.common import Context, Role
from campaign_automation.models.messages import (
    ListQuarantinedMessages,
    MessagesResent,
    QuarantinedMessages,
    ResendMessages,
)
from campaign_automation.wiring import Wiring


@action("GET", "/v1/quarantined-messages", role=Role.OPERATOR)
async def list_quarantined_messages(
    parts: Wiring, request: ListQuarantinedMessages, caller: Context
) -> QuarantinedMessages:
    """List the messages that the Web Platform refused too often to be sent again."""
    return await parts.quarantine.list_messages(request, caller)


@action("POST", "/v1/quarantined-messages/resends", key=Key.GIVEN, role=Role.OPERATOR)
async def resend_quarantined_messages(
    parts: Wiring, request: ResendMessages, caller: Context
) -> MessagesResent:
    """Let quarantined messages be sent again, some or all."""
    return await parts.quarantine.resend(request, caller)
