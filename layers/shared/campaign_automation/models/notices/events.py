"""The events that webhooks and the event bus get, as their JSON Schema describes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, create_model

from campaign_automation.models.ab_tests import TestState
from campaign_automation.models.changes import ChangedItem, Operation
from campaign_automation.models.common import Amount, Level, Model, Objective, Platform
from campaign_automation.models.proposals import ProposedAction


class EventData(Model):
    """The content of an event of one type."""

    type: ClassVar[str]


class CampaignMade(EventData):
    """A campaign was made here, paused; a start of it is a campaign.changed of its own."""

    type: ClassVar[str] = "campaign.created"
    platform: Platform
    ad_account_id: str
    platform_campaign_id: str
    name: str
    objective: Objective
    currency: str
    daily_budget: Amount
    duplicated_from: str | None = None


class CampaignChange(Model):
    """One change as the audit trail has it: `id` is ours, values of budgets are text in the major unit."""

    audit_id: str
    operation: Operation
    level: Level
    id: str
    platform_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class CampaignChanges(EventData):
    """The changes of one run; one with more than 50 has several events."""

    type: ClassVar[str] = "campaign.changed"
    run_id: str
    reason: str
    changes: list[CampaignChange]


class RuleActed(EventData):
    """A rule fired on objects of a campaign: it changed them, or only told a person.

    More than 50 objects are told in several events.
    """

    type: ClassVar[str] = "rule.acted"
    rule_id: str
    rule_name: str
    version: int
    scheduled_time: str
    action: str
    ids: list[str]
    changed: list[ChangedItem] = []


class TestEnded(EventData):
    """An A/B test ended: its days are over (finished), or it was stopped early."""

    type: ClassVar[str] = "test.ended"
    test_id: str
    state: TestState
    reason: str
    ended_at: datetime
    message: str


class ProposalWaiting(EventData):
    """A plan waits for somebody to approve it."""

    type: ClassVar[str] = "proposal.waiting"
    proposal_id: str
    action: ProposedAction
    summary: str
    reason: str
    plan_digest: str
    expires_at: datetime


class PersonNeeded(EventData):
    """A state that a person has to end; `category` is that of the notice."""

    type: ClassVar[str] = "needs_person"
    category: str
    title: str
    message: str
    action_url: str | None = None


class NoticeData(EventData):
    """A notice as people get it, for webhooks alone; the Web Platform defines types and categories."""

    type: ClassVar[str] = "notice"
    notification_type: str
    category: str
    title: str
    message: str
    action_url: str | None = None
    extra_data: dict[str, Any] | None = None


class WebhookTrial(EventData):
    """An event that `try_webhook` sends, for webhooks alone."""

    type: ClassVar[str] = "test"
    message: str


class Envelope(Model):
    """The fields of every event. The same `id` is the same event, however often it comes."""

    id: str
    at: datetime
    tenant: str


class Told(Envelope):
    """The fields of typed events.

    `sequence` counts the events of a campaign without a gap, and those of no campaign together. `actor` is as
    the audit trail names it, `session_id` and `correlation_id` (the request or the run) are its caller's.
    """

    campaign_id: str | None
    sequence: Annotated[int, Field(ge=1)]
    actor: str
    session_id: str | None
    correlation_id: str


TYPED: Sequence[type[EventData]] = (
    CampaignMade,
    CampaignChanges,
    RuleActed,
    TestEnded,
    ProposalWaiting,
    PersonNeeded,
)


def event_model(data: type[EventData], envelope: type[Envelope] = Told) -> type[Envelope]:
    """Return the model of a whole event with `data`."""
    kind: Any = Literal[data.type]
    return create_model(f"{data.__name__}Event", __base__=envelope, type=(kind, ...), data=(data, ...))
