"""Typed events from what happened: pure, without numbers, which the store gives."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Context, Level
from campaign_automation.models.notices.events import (
    CampaignChange,
    CampaignChanges,
    CampaignMade,
    EventData,
    PersonNeeded,
)
from campaign_automation.stores.operations.events import NewEvent
from campaign_automation.utils import observability

SYSTEM = "system"  # the actor of what nobody asked for
MOST_OBJECTS = 50  # of one event, which an event bus takes up to 256 KB of
_Item = TypeVar("_Item")


def event(
    tenant: str,
    event_id: str,
    data: EventData,
    actor: str,
    *,
    campaign_id: str | None = None,
    correlation_id: str | None = None,
) -> NewEvent:
    """Return an event of what is being answered now, or of what nobody asked for."""
    correlation_id = observability.request_id.get() or correlation_id or event_id
    session = observability.session_id.get()
    return NewEvent(tenant, event_id, data, actor, correlation_id, session, campaign_id)


def campaign_made(creation: Creation) -> NewEvent:
    plan, account = creation.planned()
    budgets = (adset.daily_budget for adset in plan.adsets)
    data = CampaignMade(
        platform=creation.spec.platform,
        ad_account_id=account.ad_account_id or account.platform_account_id,
        platform_campaign_id=creation.platform_id(plan.tag) or "",
        name=plan.name,
        objective=creation.spec.objective,
        currency=account.currency,
        daily_budget=sum(budgets, Decimal(0)),
        duplicated_from=creation.duplicated_from,
    )
    return _of_creation(creation, f"{creation.campaign_id}-created", data)


def campaign_removed(creation: Creation) -> NewEvent:
    """Return the event of a campaign that was told of, and removed since its start failed."""
    plan, _ = creation.planned()
    change = CampaignChange(
        audit_id=f"{creation.created_at:013d}-removed",
        operation="remove",
        level=Level.CAMPAIGN,
        id=plan.tag,
        platform_id=creation.objects[plan.tag].platform_id,
        before={"status": "paused"},
        after={"status": "deleted"},
    )
    run_id = f"run_{creation.campaign_id}"
    data = CampaignChanges(run_id=run_id, reason="create_campaign failed", changes=[change])
    return _of_creation(creation, f"{creation.campaign_id}-removed", data)


def campaign_changed(campaign: Campaign, records: Iterable[AuditRecord]) -> list[NewEvent]:
    """Return the events of changes that were applied, one or more for each run."""
    events: list[NewEvent] = []
    for run_id, of_run in itertools.groupby(records, key=lambda record: record.run_id):
        for part in in_parts(list(of_run)):
            first = part[0]
            changes = [_change(record) for record in part]
            events.append(
                NewEvent(
                    campaign.tenant,
                    f"changed-{first.audit_id}",
                    CampaignChanges(run_id=run_id, reason=first.reason, changes=changes),
                    first.actor,
                    first.request_id or run_id,
                    first.session_id,
                    campaign.campaign_id,
                )
            )
    return events


def person_needed(
    tenant: str, notice_id: str, arguments: dict[str, Any], campaign_id: str | None = None
) -> NewEvent:
    """Return the event of a state that a person has to end, from the arguments of its notice."""
    names = PersonNeeded.model_fields.keys() & arguments.keys()
    data = PersonNeeded(**{name: arguments[name] for name in names})
    return event(tenant, f"person-{notice_id}", data, SYSTEM, campaign_id=campaign_id)


def _of_creation(creation: Creation, event_id: str, data: EventData) -> NewEvent:
    caller: Context = creation.context
    asked = caller.request_id or creation.campaign_id
    return NewEvent(
        creation.tenant, event_id, data, caller.actor, asked, caller.session_id, creation.campaign_id
    )


def in_parts(items: Sequence[_Item]) -> list[Sequence[_Item]]:
    """Return the parts of a long list, each for one event."""
    return [items[start : start + MOST_OBJECTS] for start in range(0, len(items), MOST_OBJECTS)]


def _change(record: AuditRecord) -> CampaignChange:
    return CampaignChange(
        audit_id=record.audit_id,
        operation=record.operation,
        level=record.level,
        id=record.entity_id,
        platform_id=record.platform_id,
        before=record.before,
        after=record.after,
    )
