"""Plans of changes, from what the write gate would carry out; and back into changes for the gate. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Field, Run
from campaign_automation.managers.shared.view import Value
from campaign_automation.models.campaign import Campaign, Targets
from campaign_automation.models.common import Level
from campaign_automation.models.proposals import ProposedChange, ProposedPlan, ProposedRun

BUDGET = "daily_budget"
TARGETS = tuple(Targets.model_fields)


def planned_run(
    campaign: Campaign,
    run: Run,
    results: Iterable[ChangeResult],
    *,
    actor: str | None = None,
    attribution_days: int | None = None,
    targets: Mapping[str, Decimal] | None = None,
    budgets: Mapping[str, Decimal] | None = None,
) -> ProposedRun:
    """Return the changes that a dry run of the gate lets pass, and the targets of the campaign.

    `budgets` are today's by our id; without an `actor` the approver makes the changes.
    """
    changes = [_change(item, budgets or {}) for item in results if item.result == "planned"]
    kept = {change.id for change in changes}
    return ProposedRun(
        campaign_id=campaign.campaign_id,
        run_id=run.run_id,
        reason=run.reason,
        actor=actor,
        attribution_days=attribution_days,
        changes=[*changes, *(_target(campaign, name, value) for name, value in (targets or {}).items())],
        evidence={tag: dict(found) for tag, found in run.evidence.items() if tag in kept},
    )


def _change(item: ChangeResult, budgets: Mapping[str, Decimal]) -> ProposedChange:
    wanted = item.wanted
    return ProposedChange(
        level=wanted.level,
        id=wanted.tag,
        platform_id=item.entry.platform_id,
        field=wanted.field,
        before=text_of(item.before),
        after=text_of(wanted.value),
        holds=wanted.holds,
        budget=text_of(budgets.get(wanted.tag)),
    )


def _target(campaign: Campaign, name: str, value: Decimal) -> ProposedChange:
    return ProposedChange(
        level=Level.CAMPAIGN,
        id=campaign.tag,
        platform_id=campaign.root_id,
        field=name,
        before=text_of(getattr(campaign, name)),
        after=text_of(value),
    )


def desired_of(run: ProposedRun) -> list[DesiredChange]:
    """Return the changes for the gate; targets are no matter of the platform."""
    return [
        DesiredChange(
            item.level, item.id, cast(Field, item.field), value_of(item.field, item.after), holds=item.holds
        )
        for item in run.changes
        if item.field not in TARGETS
    ]


def targets_of(run: ProposedRun) -> dict[str, Decimal]:
    return {item.field: Decimal(item.after or 0) for item in run.changes if item.field in TARGETS}


def value_of(field: str, text: str | None) -> str | Decimal:
    return Decimal(text or 0) if field == BUDGET else str(text)


def text_of(value: Value) -> str | None:
    return None if value is None else str(value)


def is_same(field: str, one: str | None, other: str | None) -> bool:
    """Return whether two values are the same: 25 and 25.00 are one amount."""
    if field == BUDGET or field in TARGETS:
        return (None if one is None else Decimal(one)) == (None if other is None else Decimal(other))
    return one == other


def digest_of(plan: ProposedPlan, proposal_id: str) -> str:
    """Return the digest of a plan, which holds for its one proposal."""
    return hashlib.sha256(f"{proposal_id}\n{plan.model_dump_json()}".encode()).hexdigest()
