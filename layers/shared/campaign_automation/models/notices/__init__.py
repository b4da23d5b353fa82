"""The shapes of notifications: where a tenant is told what, and by which webhook."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from campaign_automation.models.changes import Flag
from campaign_automation.models.common import Answer, Model, Record, Text, unique
from campaign_automation.utils.languages import ENGLISH, Language

Channel = Literal["web_platform", "topic", "webhook"]
ALL_CHANNELS: tuple[Channel, ...] = ("web_platform", "topic", "webhook")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _is_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("should be an address such as https://example.com/hooks, without a user or fragment")
    return value


def _is_hour(value: str) -> str:
    if not _HOUR.fullmatch(value):
        raise ValueError("should be a time of day such as 08:00")
    return value


def _is_zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (ValueError, KeyError, OSError):
        raise ValueError("is no time zone such as Europe/Berlin") from None


Channels = Annotated[list[Channel], AfterValidator(unique)]  # none at all is a choice, too


class Digest(Model):
    """The daily digest: from this time of day on, in this time zone, about the day before."""

    at: Annotated[str, AfterValidator(_is_hour)] = "08:00"
    time_zone: Annotated[str, AfterValidator(_is_zone)] = "UTC"


class WebhookSecret(Record):
    """A secret that signs, until `until` where another has taken its place."""

    secret: str
    until: datetime | None = None


class NotificationSettings(Record):
    """The settings of a tenant as they are stored."""

    channels: list[Channel] = list(ALL_CHANNELS)
    webhook_url: str | None = None
    secrets: list[WebhookSecret] = []
    digest: Digest | None = None
    language: Language = ENGLISH

    @property
    def has_webhook(self) -> bool:
        return self.webhook_url is not None and "webhook" in self.channels


class SetNotifications(Model):
    """Parameters of set_notifications: what is left out stays as it is, null turns a webhook or digest off.

    A first webhook gets a secret; `rotate_secret` gives a new one, and both sign for a day.
    """

    webhook_url: Annotated[Text, Field(max_length=2000), AfterValidator(_is_url)] | None = None
    rotate_secret: Flag = False
    channels: Channels | None = None
    digest: Digest | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(
                "webhook_url: give one of webhook_url, rotate_secret, channels, digest and language"
            )
        return self


class GetNotifications(Model):
    """Parameters of get_notifications: none."""


class NotificationsShown(Model):
    """The settings. `waiting` events are still to be sent to the webhook; `failing_since` it takes none."""

    status: Literal["success"] = "success"
    channels: Channels
    webhook_url: str | None
    digest: Digest | None
    language: Language = ENGLISH
    waiting: int = 0
    failing_since: datetime | None = None
    error: str | None = None


class NotificationsSet(Answer):
    """The settings as they are now. `secret` is shown this once, when it is new."""

    status: Literal["success"] = "success"
    channels: Channels
    webhook_url: str | None
    digest: Digest | None
    language: Language = ENGLISH
    secret: str | None = None
    message: str


class TryWebhook(Model):
    """Parameters of try_webhook: none."""


class WebhookTried(Answer):
    """The answer of the webhook to an event of kind `test`, sent once."""

    status: Literal["success"] = "success"
    is_taken: bool
    http_status: int | None = None
    error: str | None = None
    event_id: str
    message: str
