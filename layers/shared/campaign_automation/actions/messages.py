"""Actions on what was given up: messages that the Web Platform refused, calls that functions failed at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.models.common import Context, Role
from campaign_automation.models.messages import (
    DeadLetters,
    DeadLettersRedriven,
    ListDeadLetters,
    ListQuarantinedMessages,
    MessagesResent,
    QuarantinedMessages,
    RedriveDeadLetters,
    ResendMessages,
)

if TYPE_CHECKING:
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


@action("GET", "/v1/dead-letters", role=Role.OPERATOR)
async def list_dead_letters(parts: Wiring, request: ListDeadLetters, caller: Context) -> DeadLetters:
    """List the calls that scheduled functions failed at after their retries."""
    return await parts.redriving.list_letters(request, caller)


@action("POST", "/v1/dead-letters/redrives", key=Key.GIVEN, role=Role.OPERATOR)
async def redrive_dead_letters(
    parts: Wiring, request: RedriveDeadLetters, caller: Context
) -> DeadLettersRedriven:
    """Make failed calls of scheduled functions again, some or all, each once."""
    return await parts.redriving.redrive(request, caller)
