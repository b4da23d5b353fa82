"""Audit records of creates, changes and removals, and the budgets that a trail shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from campaign_automation.managers.changes.guards import is_large
from campaign_automation.managers.changes.items import ChangeResult, Run
from campaign_automation.managers.shared.view import CampaignView, Value
from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.stores.audit_store import audit_ids
from campaign_automation.utils.clock import iso_now
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body
from campaign_automation.utils.observability import request_id, session_id


def intended(campaign: Campaign, run: Run, item: ChangeResult) -> AuditRecord:
    """Return the record of a change that is about to be sent."""
    wanted = item.wanted
    is_budget = isinstance(wanted.value, Decimal) and isinstance(item.before, Decimal)
    return AuditRecord.model_validate(
        {
            "audit_id": item.audit_id,
            "run_id": run.run_id,
            "tenant": campaign.tenant,
            "campaign_id": campaign.campaign_id,
            "actor": run.actor,
            "reason": run.reason,
            "operation": wanted.operation,
            "level": wanted.level,
            "entity_id": wanted.tag,
            "platform_id": item.entry.platform_id,
            "before": {wanted.field: _text(item.before)},
            "after": {wanted.field: _text(wanted.value)},
            "holds": wanted.holds,
            "evidence": run.evidence.get(wanted.tag, {}) | ({"held": True} if item.entry.held else {}),
            "sensitive": wanted.operation in ("remove", "set_bidding")
            or (is_budget and is_large(Decimal(str(item.before)), Decimal(wanted.value))),
            **_origin(campaign),
        }
    )


def concluded(record: AuditRecord, item: ChangeResult, view: CampaignView | None) -> AuditRecord:
    """Return the record with its outcome: applied, failed or unknown.

    What was not read back is an outcome only where the answer settled it. What was never answered stays open
    though it is not seen: the platform may carry it out after it was read.
    """
    is_open = not item.confirmed or (item.result == "failed" and item.may_come)
    outcome = "unknown" if is_open else {"changed": "applied"}.get(item.result, "failed")
    live = None if view is None else {item.wanted.field: _text(view.live(item.wanted.tag, item.wanted.field))}
    return record.model_copy(
        update={
            "outcome": outcome,
            "read_back": live,
            "error": item.error and error_body(item.error),
            "platform_request_id": item.request_id
            or (item.error and item.error.details.get("platform_request_id")),
            "evidence": {**record.evidence, "effective": item.effective}
            if item.effective == "next_day"
            else record.evidence,
        }
    )


def is_told(record: AuditRecord, view: CampaignView) -> bool:
    """Return whether the platform shows the value that an open intent is about."""
    return view.tells(record.entity_id, _field_of(record)[0])


def settled(record: AuditRecord, view: CampaignView) -> AuditRecord:
    """Return the record of an open intent with the outcome that the platform shows."""
    field, asked = _field_of(record)
    live = view.live(record.entity_id, field)
    # Budgets are stored as text: compared as numbers, since 25 and 25.00 are one amount.
    is_applied = live == (Decimal(asked) if isinstance(live, Decimal) else asked)
    scheduled = view.scheduled_budget(record.entity_id) if field == "daily_budget" else None
    # A platform that refuses a budget for the running day takes it over at midnight: that is applied too.
    is_scheduled = not is_applied and scheduled is not None and scheduled == Decimal(asked)
    update: dict[str, Any] = {
        "outcome": "applied" if is_applied or is_scheduled else "failed",
        "read_back": {field: _text(live)},
    }
    if is_scheduled:
        update["evidence"] = {**record.evidence, "effective": "next_day"}
    return record.model_copy(update=update)


def created(creation: Creation, entry: ObjectEntry, error: CampaignAutomationError | None) -> AuditRecord:
    """Return the record of a create.

    The same attempt at the same object always has the same id, so that a step that runs again adds nothing.
    """
    # Parents before children: the records of one creation share their time and sort by level.
    order = list(Level).index(entry.level)
    return _of_creation(
        creation,
        entry,
        audit_id=f"{creation.created_at:013d}-{order}-{entry.tag}-{entry.attempts}",
        operation="create",
        after=_planned(creation, entry),
        outcome="failed" if error else "applied",
        error=error and error_body(error),
        platform_request_id=error.details.get("platform_request_id") if error else entry.request_id,
    )


def added(
    campaign: Campaign,
    run: Run,
    entry: ObjectEntry,
    error: CampaignAutomationError | None,
    replaced: ObjectEntry | None = None,
) -> AuditRecord:
    """Return the record of an object that was added to a campaign: before it was as if it were deleted.

    The ad that it takes the place of is in the evidence, so that an undo lets it start with its campaign.
    """
    after = {"status": "paused", "name": entry.name, "adset": entry.parent, "creative_id": entry.creative_id}
    return _of_run(
        campaign,
        entry,
        run,
        operation="add",
        before={"status": "deleted"},
        after={name: value for name, value in after.items() if value is not None},
        outcome="failed" if error else "applied",
        error=error and error_body(error),
        platform_request_id=error.details.get("platform_request_id") if error else entry.request_id,
        evidence={"replaces": replaced.tag, "held": replaced.held} if replaced else {},
    )


def removed(creation: Creation, entry: ObjectEntry, audit_id: str) -> AuditRecord:
    """Return the record of an object that the undo of a creation removed."""
    return _of_creation(
        creation,
        entry,
        audit_id=audit_id,
        operation="remove",
        before={"status": entry.status or "paused"},
        after={"status": "deleted"},
        outcome="applied",
        sensitive=True,
    )


def copy_paused(creation: Creation, copy: ObjectEntry, audit_id: str) -> AuditRecord:
    """Return the record of a second copy of an object that was paused because it may be somebody's."""
    return _of_creation(
        creation,
        copy,
        audit_id=audit_id,
        operation="set_status",
        after={"status": "paused"},
        outcome="applied",
        evidence={"second_copy": True},
    )


def end_lifted(campaign: Campaign, entry: ObjectEntry, run: Run) -> AuditRecord:
    """Return the record of the platform's own end of a test that is about to be lifted."""
    return _of_run(
        campaign,
        entry,
        run,
        operation="lift_end",
        before={"ends_at": str(campaign.ends_at)},
        after={"ends_at": None},
    )


def split_ended(campaign: Campaign, entry: ObjectEntry, run: Run) -> AuditRecord:
    """Return the record of the platform's split test that is about to end."""
    return _of_run(campaign, entry, run, operation="end_split", after={"split": "ended"})


def target_set(
    campaign: Campaign, run: Run, name: str, before: Decimal | None, after: Decimal | None
) -> AuditRecord:
    """Return the record of a target that was set: it is ours alone, so it is applied at once."""
    return _of_run(
        campaign,
        campaign.root,
        run,
        operation="set_target",
        before={name: _text(before)},
        after={name: _text(after)},
        outcome="applied",
    )


def commitment_released(campaign: Campaign, run: Run, amount: Decimal | None) -> AuditRecord:
    """Return the record of a share of the account's cap that an operator gave back, None where not known."""
    return _of_run(
        campaign,
        campaign.root,
        run,
        operation="release_commitment",
        before={"committed": "unreadable" if amount is None else str(amount)},
        after={"committed": None},
        outcome="applied",
        sensitive=True,
    )


def ended_split(record: AuditRecord, run_id: str | None) -> bool:
    """Return whether the run ended a platform's split test, as far as is known."""
    return record.operation == "end_split" and record.run_id == run_id and record.outcome != "failed"


def budgets_before(trail: Iterable[AuditRecord], since: str) -> dict[str, Decimal]:
    """Return the budget in force before the first change since the audit id `since`, by object."""
    before: dict[str, Decimal] = {}
    for record in trail:
        amount = (record.before or {}).get("daily_budget")
        is_change = record.operation == "set_budget" and record.outcome != "failed"
        if is_change and record.audit_id >= since and amount is not None:
            # The trail is oldest first, so the first value found is the oldest.
            before.setdefault(record.entity_id, Decimal(amount))
    return before


def _field_of(record: AuditRecord) -> tuple[str, Any]:
    """Return the field and the value asked for of an intent, which holds exactly one."""
    ((field, asked),) = (record.after or {"status": None}).items()
    return field, asked


def _of_run(campaign: Campaign, entry: ObjectEntry, run: Run, **more: Any) -> AuditRecord:
    values = {
        "audit_id": next(audit_ids()),
        "run_id": run.run_id,
        "tenant": campaign.tenant,
        "campaign_id": campaign.campaign_id,
        "actor": run.actor,
        "reason": run.reason,
        "level": entry.level,
        "entity_id": entry.tag,
        "platform_id": entry.platform_id,
        **_origin(campaign),
    }
    return AuditRecord.model_validate(values | more)


def _origin(campaign: Campaign) -> dict[str, str | None]:
    """Return what finds a record again: its account, the request that asked for it, and the time."""
    return {
        "platform": campaign.platform,
        "account": campaign.account.platform_account_id,
        "request_id": request_id.get(),
        "session_id": session_id.get(),
        "at": iso_now(),
    }


def _of_creation(creation: Creation, entry: ObjectEntry, **more: Any) -> AuditRecord:
    values = {
        "run_id": f"run_{creation.campaign_id}",
        "tenant": creation.tenant,
        "campaign_id": creation.campaign_id,
        "actor": creation.context.actor,
        "reason": "create_campaign",
        "level": entry.level,
        "entity_id": entry.tag,
        "platform_id": entry.platform_id,
        "platform": creation.spec.platform,
        "account": creation.account and creation.account.platform_account_id,
        "request_id": creation.context.request_id,
        "session_id": creation.context.session_id,
        "at": iso_now(),
    }
    return AuditRecord.model_validate(values | more)


def _planned(creation: Creation, entry: ObjectEntry) -> dict[str, Any]:
    if entry.level is Level.SPLIT:
        return {"name": entry.name}
    plan, _ = creation.planned()
    after: dict[str, Any] = {"name": entry.name, "status": "paused"}
    for adset in plan.adsets:
        if adset.tag == entry.tag:
            after["daily_budget"] = _text(adset.daily_budget)
    for ad in plan.ads:
        if ad.tag == entry.tag:
            after |= {"adset": ad.adset_tag, "creative_id": ad.creative_id}
    return after


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
