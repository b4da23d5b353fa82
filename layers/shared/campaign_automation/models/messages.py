"""Requests and answers about what was given up: messages that the Web Platform refused, calls that failed."""

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


class ListDeadLetters(Model):
    """The oldest calls that scheduled functions failed at, of all tenants."""

    limit: Annotated[int, Field(ge=1, le=MOST_MESSAGES)] = 50


class DeadLetter(Model):
    """A call that was given up. Of its input only ids are shown: `item_id` is a rule, test or campaign."""

    letter_id: str
    function: str
    failed_at: datetime
    condition: str
    error: str
    tenant: str | None = None
    item_id: str | None = None
    scheduled_time: str | None = None


class DeadLetters(Model):
    status: Literal["success"] = "success"
    letters: list[DeadLetter]
    message: str


class RedriveDeadLetters(Model):
    """The calls to make again: some, or all, at most a hundred at once."""

    letter_ids: (
        Annotated[
            list[Annotated[Text, Field(max_length=128)]],
            Field(min_length=1, max_length=MOST_MESSAGES),
            AfterValidator(unique),
        ]
        | None
    ) = None


class Redrive(Model):
    """One call that was made again. `is_sent`: its function has taken it."""

    function: str
    actor: str
    at: datetime
    is_sent: bool = False


class NotRedriven(Model):
    letter_id: str
    reason: str


class DeadLettersRedriven(Answer):
    """`failed` letters stay in the queue."""

    status: Literal["success"] = "success"
    letter_ids: list[str]
    failed: list[NotRedriven]
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: each call was taken."""
        return not self.failed
