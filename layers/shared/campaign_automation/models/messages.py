"""The requests and answers of the actions on messages that the Web Platform refuses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from campaign_automation.models.common import Answer, Model, Text, unique

MOST_MESSAGES = 100


class ListQuarantinedMessages(Model):
    """The oldest messages that were quarantined, of all tenants."""

    limit: Annotated[int, Field(ge=1, le=MOST_MESSAGES)] = 50


class QuarantinedMessage(Model):
    """A message that is sent no more: `item_id` is its campaign or its notice, `error` the last refusal."""

    tenant: str
    kind: Literal["campaign", "notice"]
    item_id: str
    tool: str | None = None
    refusals: int | None = None
    error: str
    since: datetime


class QuarantinedMessages(Model):
    status: Literal["success"] = "success"
    messages: list[QuarantinedMessage]
    message: str


class ResendMessages(Model):
    """The messages to send again: those of some campaigns and notices, or all."""

    item_ids: (
        Annotated[
            list[Annotated[Text, Field(max_length=128)]],
            Field(min_length=1, max_length=MOST_MESSAGES),
            AfterValidator(unique),
        ]
        | None
    ) = None


class MessagesResent(Answer):
    status: Literal["success"] = "success"
    item_ids: list[str]
    message: str
