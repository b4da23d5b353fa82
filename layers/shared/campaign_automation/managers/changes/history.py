"""The audit trail of a campaign, and the undo of a run."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple, cast, get_args

from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes import wording
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    changed_items,
    is_confirmed,
    new_run,
    status_of,
)
from campaign_automation.managers.changes.targets import TargetChanges, target_items
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import (
    AuditRecord,
    AuditTrail,
    ChangeUndone,
    GetAudit,
    SkippedItem,
    UndoChange,
)
from campaign_automation.models.common import Context, Level
from campaign_automation.models.creation.settings import Bidding, SettingField
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.utils.error_handler import NotFoundError


class _Plan(NamedTuple):
    wanted: list[DesiredChange]
    impossible: list[SkippedItem]
    targets: dict[str, Decimal | None]


class ChangeHistory:
    def __init__(
        self, campaigns: CampaignManager, audit: AuditStore, gate: WriteGate, targets: TargetChanges
    ) -> None:
        self._targets = targets
        self._campaigns = campaigns
        self._audit = audit
        self._gate = gate

    async def trail(self, request: GetAudit, context: Context) -> AuditTrail:
        """Return one page of a campaign's audit trail, oldest first."""
        campaign_id = await self._campaigns.id_of(context.user_id, request.campaign_id)
        records = await self._audit.page(
            context.user_id, campaign_id, after=request.after or "", limit=request.limit
        )
        is_full = len(records) == request.limit
        return AuditTrail(
            campaign_id=campaign_id,
            records=records,
            next=records[-1].audit_id if is_full else None,
        )

    async def undo(self, request: UndoChange, context: Context) -> ChangeUndone:
        """Put back what a run changed, the last change first, through the same gate.

        What was changed again since, what is deleted and what a cap forbids stays as it is and is named in
        `not_restored`. Raises NotFoundError for a run that the trail does not hold.
        """
        campaign = await self._campaigns.load_created(context.user_id, request.campaign_id)
        trail = await self._audit.of_run(campaign.tenant, campaign.campaign_id, request.run_id)
        records = [record for record in trail if record.run_id == request.run_id]
        if not records:
            raise NotFoundError(f"run {request.run_id} is not known", field="run_id")
        plan = _plan(campaign, records, trail)
        reason = wording.undo_reason(request.run_id, request.reason)
        run = new_run(context.actor, reason, began_ms=context.asked_ms)
        items: list[ChangeResult] = []
        if plan.wanted:
            items = await self._gate.apply(campaign, plan.wanted, run, dry_run=request.dry_run)
        restored = [*changed_items(items), *target_items(campaign, plan.targets)]
        if plan.targets and not request.dry_run:
            await self._targets.set(campaign, plan.targets, run)
        left = plan.impossible + [_left(item) for item in items if item.result in ("skipped", "failed")]
        return ChangeUndone(
            status=status_of(items),
            confirmed=is_confirmed(items),
            campaign_id=campaign.campaign_id,
            undone_run_id=request.run_id,
            run_id=run.run_id if restored and not request.dry_run else None,
            restored=restored,
            not_restored=left,
            message=wording.undone_message(len(restored), len(left), dry_run=request.dry_run),
        )


def _plan(campaign: Campaign, records: Sequence[AuditRecord], trail: Sequence[AuditRecord]) -> _Plan:
    plan = _Plan([], [], {})
    for record in reversed(records):
        reason = _obstacle(record, trail)
        if reason:
            plan.impossible.append(SkippedItem(id=record.entity_id, reason=reason))
        elif record.operation == "set_target":
            plan.targets.update({name: _amount(value) for name, value in (record.before or {}).items()})
        elif record.operation == "add" and record.level is Level.CREATIVE:
            continue  # it shows nothing by itself
        # A change that failed left nothing to put back; one of unknown outcome may have been applied.
        elif record.outcome != "failed" and record.entity_id in campaign.objects:
            wanted = [item for item in plan.wanted if not _goes_with(item, record)]
            plan.wanted[:] = [*wanted, *_released(campaign, record, wanted), _back(record)]
    return plan


def _goes_with(item: DesiredChange, record: AuditRecord) -> bool:
    """Return whether a change is of an object that goes, as the record says that the run added it."""
    return record.operation == "add" and item.tag == record.entity_id


def _released(
    campaign: Campaign, record: AuditRecord, wanted: Sequence[DesiredChange]
) -> list[DesiredChange]:
    """Let an ad that was replaced while it was paused start with its campaign again, as it did before."""
    tag = record.evidence.get("replaces")
    entry = campaign.objects.get(str(tag))
    if entry is None or not entry.held or any(item.tag == tag for item in wanted):
        return []
    return [DesiredChange(Level.AD, entry.tag, "status", "paused", holds=bool(record.evidence["held"]))]


def _obstacle(record: AuditRecord, trail: Sequence[AuditRecord]) -> str:
    """Return the reason why a change cannot be put back, or an empty string."""
    if record.operation in wording.STAYS:
        return wording.STAYS[record.operation]
    if record.operation == "remove" and record.outcome != "failed":
        return wording.REMOVAL_STAYS
    if record.operation == "add":
        return ""  # whatever became of it since: a person asks for the end of what the run added
    ((field, before),) = (record.before or {"status": None}).items()
    is_known = before is not None and (field != "bid_strategy" or Bidding.of(before) is not None)
    if not is_known and record.operation != "set_target":
        return wording.unknown_before(field)
    # A later change of the same field is somebody's newer decision, which an undo must not overrule.
    later = (
        item
        for item in trail
        if item.audit_id > record.audit_id
        and item.run_id != record.run_id
        and item.entity_id == record.entity_id
        and item.outcome != "failed"
        and field in (item.after or {})
    )
    if (change := next(later, None)) is not None:
        return wording.changed_since(change.run_id, field)
    return ""


def _amount(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _back(record: AuditRecord) -> DesiredChange:
    ((field, before),) = (record.before or {}).items()
    if field == "daily_budget":
        return DesiredChange(record.level, record.entity_id, "daily_budget", Decimal(before), takes_back=True)
    if field in get_args(SettingField):
        expected = (record.after or {}).get(field)
        tag, name = record.entity_id, cast("SettingField", field)
        return DesiredChange(record.level, tag, name, before, takes_back=True, expected=expected)
    # An object that was paused on its own stays so on the next start of the campaign.
    held = bool(record.evidence.get("held"))
    return DesiredChange(record.level, record.entity_id, "status", str(before), holds=held)


def _left(item: ChangeResult) -> SkippedItem:
    return SkippedItem(id=item.wanted.tag, reason=item.reason or f"failed: {item.error}")
