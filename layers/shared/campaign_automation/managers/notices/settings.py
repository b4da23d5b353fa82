"""A tenant's notification settings: channels, webhook with its secrets, digest."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaign_automation.clients.webhook_client import new_secret
from campaign_automation.managers.notices import wording
from campaign_automation.managers.notices.webhooks import Webhooks
from campaign_automation.models.common import Context
from campaign_automation.models.notices import (
    ALL_CHANNELS,
    Digest,
    GetNotifications,
    NotificationSettings,
    NotificationsSet,
    NotificationsShown,
    SetNotifications,
    TryWebhook,
    WebhookSecret,
    WebhookTried,
)
from campaign_automation.models.notices.events import WebhookTrial
from campaign_automation.stores.operations.webhooks import WEBHOOK, WebhookEvent, WebhookStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.languages import ENGLISH

ROTATION = timedelta(days=1)  # so long the secret before a new one signs too
_MOST_SECRETS = 4


class NotificationChoices:
    def __init__(self, store: WebhookStore, webhooks: Webhooks) -> None:
        self._store = store
        self._webhooks = webhooks

    async def set(self, request: SetNotifications, caller: Context) -> NotificationsSet:
        """Change the settings that are given. Raises InvalidRequestError for a rotation without a webhook."""
        before = (await self._store.settings(caller.user_id)).settings
        given = request.model_fields_set
        changed: dict[str, Any] = {name: getattr(request, name) for name in given & {"webhook_url", "digest"}}
        if "channels" in given:
            changed["channels"] = list(ALL_CHANNELS) if request.channels is None else request.channels
        if "language" in given:
            changed["language"] = request.language or ENGLISH
        after = before.model_copy(update=changed)
        if request.rotate_secret and after.webhook_url is None:
            raise InvalidRequestError("rotate_secret: there is no webhook", field="rotate_secret")
        secret = None
        if after.webhook_url is not None and (request.rotate_secret or not after.secrets):
            secret = new_secret()
            after = after.model_copy(update={"secrets": _rotated(before, secret)})
        await self._store.save(caller.user_id, after, next_digest(after.digest, clock.now()))
        return NotificationsSet(
            channels=after.channels,
            webhook_url=after.webhook_url,
            digest=after.digest,
            language=after.language,
            secret=secret,
            message=wording.notifications_set(after, is_new_secret=secret is not None),
        )

    async def show(self, request: GetNotifications, caller: Context) -> NotificationsShown:
        """Return the settings, and what waits for the webhook."""
        stored = await self._store.settings(caller.user_id)
        settings, failing = stored
        waiting = await self._store.events(caller.user_id) if settings.has_webhook else []
        return NotificationsShown(
            channels=settings.channels,
            webhook_url=settings.webhook_url,
            digest=settings.digest,
            language=settings.language,
            waiting=sum(WEBHOOK not in event.taken for event in waiting),
            failing_since=None if failing is None else clock.at_ms(failing.since),
            error=None if failing is None else failing.error,
        )

    async def try_webhook(self, request: TryWebhook, caller: Context) -> WebhookTried:
        """Send the webhook an event of kind `test`, once. Raises InvalidRequestError without a webhook."""
        settings = (await self._store.settings(caller.user_id)).settings
        if settings.webhook_url is None:
            raise InvalidRequestError("webhook_url: there is no webhook to try", field="webhook_url")
        event_id = f"test-{uuid.uuid4().hex}"
        data = WebhookTrial(message="This is a test.")
        event = WebhookEvent(caller.user_id, event_id, data.type, clock.now_ms(), data.model_dump())
        delivery = await self._webhooks.send(settings, event)
        return WebhookTried(
            is_taken=delivery.is_taken,
            http_status=delivery.http_status,
            error=delivery.error,
            event_id=event_id,
            message=wording.webhook_tried(delivery.error),
        )


def next_digest(digest: Digest | None, now: datetime) -> int | None:
    """Return the next moment (epoch milliseconds) at which a digest is due; None without one."""
    if digest is None:
        return None
    zone = ZoneInfo(digest.time_zone)
    hour, minute = map(int, digest.at.split(":"))
    today = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    due = today if today > now else today + timedelta(days=1)  # the same time of day, also across DST
    return int(due.timestamp() * 1000)


def _rotated(before: NotificationSettings, secret: str) -> list[WebhookSecret]:
    """Return the new secret first, and those before it for some time.

    The answer of a rotation may be lost: then the receiver has the one before both.
    """
    now = clock.now()
    old = [item.model_copy(update={"until": item.until or now + ROTATION}) for item in before.secrets]
    standing = [item for item in old if item.until is not None and item.until > now]
    return [WebhookSecret(secret=secret), *standing[: _MOST_SECRETS - 1]]
