"""The actions on notifications: where a tenant is told what, and whether its webhook answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.models.common import Context, Role
from campaign_automation.models.notices import (
    GetNotifications,
    NotificationsSet,
    NotificationsShown,
    SetNotifications,
    TryWebhook,
    WebhookTried,
)

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("POST", "/v1/notifications", key=Key.GIVEN, role=Role.OPERATOR)
async def set_notifications(parts: Wiring, request: SetNotifications, caller: Context) -> NotificationsSet:
    """Set the tenant's channels, webhook and daily digest, or give its webhook a new secret."""
    return await parts.notification_choices.set(request, caller)


@action("GET", "/v1/notifications", role=Role.OPERATOR)
async def get_notifications(parts: Wiring, request: GetNotifications, caller: Context) -> NotificationsShown:
    """Show the tenant's channels, webhook and digest, and what waits for the webhook."""
    return await parts.notification_choices.show(request, caller)


@action("POST", "/v1/notifications/tests", key=Key.GIVEN, role=Role.OPERATOR)
async def try_webhook(parts: Wiring, request: TryWebhook, caller: Context) -> WebhookTried:
    """Send the tenant's webhook a test event, and show how it answers."""
    return await parts.notification_choices.try_webhook(request, caller)
