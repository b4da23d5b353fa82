"""The receipts of a proposal's writes, from the audit trail and the gate's results. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from campaign_automation.managers.changes.items import ChangeResult
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.proposals import ProposalState, ProposedChange, ProposedRun, Receipt

Results = Mapping[tuple[str, str], ChangeResult]  # by our id and the field


def records_of(run: ProposedRun, trail: Iterable[AuditRecord]) -> dict[tuple[str, str], AuditRecord]:
    """Return the run's own records, by our id and the field; of one that was sent again, the applied one."""
    found: dict[tuple[str, str], AuditRecord] = {}
    for record in trail:
        key = (record.entity_id, next(iter(record.after or {}), ""))
        is_done = key in found and found[key].outcome == "applied"
        if record.run_id == run.run_id and not is_done:
            found[key] = record
    return found


def receipts_of(
    run: ProposedRun, trail: Iterable[AuditRecord], results: Results, left: Mapping[tuple[str, str], str]
) -> list[Receipt]:
    """Return one receipt for each change of a run; `left` are those that were not sent, with the reasons."""
    records = records_of(run, trail)
    return [_receipt(run, item, records, results, left) for item in run.changes]


def _receipt(
    run: ProposedRun,
    change: ProposedChange,
    records: Mapping[tuple[str, str], AuditRecord],
    results: Results,
    left: Mapping[tuple[str, str], str],
) -> Receipt:
    key = change.id, change.field
    record, result = records.get(key), results.get(key)
    if record is not None and (record.outcome != "failed" or result is None or result.result != "already"):
        return receipt_of(record)
    values: dict[str, Any] = {"campaign_id": run.campaign_id, "level": change.level, "id": change.id}
    values |= {"operation": change.field, "platform_id": change.platform_id}
    values |= {"after": {change.field: change.after}}
    if result is not None and result.result == "already":
        return Receipt.model_validate({**values, "outcome": "already", "read_back": values["after"]})
    reason = left.get(key) or (result.reason if result is not None else "")
    error = None if result is None else result.error
    outcome = "held_back" if error is None else "failed"
    return Receipt.model_validate(
        {**values, "outcome": outcome, "reason": error.message if error else reason}
    )


def receipt_of(record: AuditRecord) -> Receipt:
    """Return the receipt of a write as the trail has it."""
    return Receipt(
        campaign_id=record.campaign_id,
        level=record.level,
        id=record.entity_id,
        operation=record.operation,
        outcome=record.outcome,
        platform_id=record.platform_id,
        platform_request_id=record.platform_request_id,
        audit_id=record.audit_id,
        after=record.after,
        read_back=record.after if record.operation == "set_target" else record.read_back,
        reason=str((record.error or {}).get("message", "")),
    )


def state_of(receipts: Iterable[Receipt]) -> ProposalState:
    """Return the state in which a proposal ends whose writes have these receipts."""
    in_force = [item.is_in_force for item in receipts]
    if all(in_force):
        return "verified"
    return "partly_done" if any(in_force) else "rolled_back"
