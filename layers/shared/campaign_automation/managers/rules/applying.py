"""The writing of a rule's decisions through the write gate, one run for each campaign.

A run is named after its tick: when a tick that died is evaluated again, the trail shows its earlier changes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Run,
    changed_items,
    failed_items,
    skipped_items,
)
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.decisions.keeping import unpredicted
from campaign_automation.managers.proposals.plans import planned_run
from campaign_automation.managers.rules.account_snapshot import AccountSnapshot, Target
from campaign_automation.managers.rules.decisions import Evaluation
from campaign_automation.managers.rules.entities import RULE_ACTOR
from campaign_automation.managers.rules.wording import TOO_SMALL, reason_of
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord, ChangedItem, FailedItem, SkippedItem
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.models.proposals import ProposedRun
from campaign_automation.optimizers.rule_engine import RuleDecision
from campaign_automation.stores.audit_store import time_of
from campaign_automation.stores.rule_store import Tick
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body


class Written(NamedTuple):
    changed: list[ChangedItem]
    skipped: list[SkippedItem]
    failed: list[FailedItem]


class Planned(NamedTuple):
    """The changes that a person is asked for, and what is left as it is."""

    runs: list[ProposedRun]
    skipped: list[SkippedItem]
    failed: list[FailedItem]


class _Job(NamedTuple):
    """The decisions on one campaign, and the changes that this very tick has made there before."""

    campaign: Campaign
    run: Run
    wanted: list[DesiredChange]
    pointless: list[SkippedItem]
    done: list[AuditRecord]
    attribution_days: int


class RuleWriter:
    def __init__(self, gate: WriteGate, decisions: EarlierDecisions) -> None:
        self._gate = gate
        self._decisions = decisions

    async def write(self, tick: Tick, evaluation: Evaluation) -> Written:
        """Write every decision and return the results; a campaign that fails costs its own only."""
        parts = await asyncio.gather(*(self._campaign(job) for job in _jobs(tick, evaluation)))
        return Written(
            [item for part in parts for item in part.changed],
            [item for part in parts for item in part.skipped],
            [item for part in parts for item in part.failed],
        )

    async def plan(self, tick: Tick, evaluation: Evaluation) -> Planned:
        """Return what `write` would change; a campaign that cannot be read costs its own only."""
        parts = await asyncio.gather(*(self._planned(job) for job in _jobs(tick, evaluation)))
        return Planned(
            [run for part in parts for run in part.runs],
            [item for part in parts for item in part.skipped],
            [item for part in parts for item in part.failed],
        )

    async def _planned(self, job: _Job) -> Planned:
        items: list[ChangeResult] = []
        try:
            if job.wanted:
                items = await self._gate.apply(job.campaign, job.wanted, job.run, dry_run=True)
        except CampaignAutomationError as error:
            failed = [FailedItem(id=item.tag, error=error_body(error)) for item in job.wanted]
            return Planned([], job.pointless, failed)
        days = job.attribution_days
        run = planned_run(job.campaign, job.run, items, actor=job.run.actor, attribution_days=days)
        skipped = job.pointless + skipped_items(items)
        return Planned([run] if run.changes else [], skipped, failed_items(items))

    async def _campaign(self, job: _Job) -> Written:
        changed = [_changed(record) for record in job.done]
        items: list[ChangeResult] = []
        failed: list[FailedItem] = []
        if job.wanted:
            try:
                items = await self._gate.apply(job.campaign, job.wanted, job.run)
            except CampaignAutomationError as error:
                failed = [FailedItem(id=item.tag, error=error_body(error)) for item in job.wanted]
        changed += changed_items(items)
        if changed:
            await self._keep(job, items)
        return Written(
            changed,
            job.pointless + skipped_items(items),
            failed + failed_items(items),
        )

    async def _keep(self, job: _Job, items: Sequence[ChangeResult]) -> None:
        # By its first change, so that a tick which is evaluated again keeps its decision once.
        ids = [record.audit_id for record in job.done] + [item.audit_id for item in items if item.audit_id]
        if ids:
            decision = unpredicted(
                job.campaign, job.run.run_id, "rule", job.attribution_days, time_of(min(ids))
            )
            await self._decisions.keep([decision])


def _jobs(tick: Tick, evaluation: Evaluation) -> Iterator[_Job]:
    for one in evaluation.accounts:
        by_campaign: dict[str, list[RuleDecision]] = {}
        for decision in one.outcome.decisions:
            target = one.account.targets[decision.entity_id]
            by_campaign.setdefault(target.campaign.campaign_id, []).append(decision)
        for campaign_id, target in _campaigns(one.account.targets.values()).items():
            job = _job(tick, target, by_campaign.get(campaign_id, []), one.account)
            if job.wanted or job.pointless or job.done:
                yield job


def _campaigns(targets: Iterable[Target]) -> dict[str, Target]:
    return {target.campaign.campaign_id: target for target in targets}


def _job(tick: Tick, target: Target, decisions: list[RuleDecision], snapshot: AccountSnapshot) -> _Job:
    account = snapshot.account
    run_id = _run_id(tick, target.campaign)
    done = [record for record in target.trail if record.run_id == run_id]
    left = [item for item in decisions if item.entity_id not in {record.entity_id for record in done}]
    values = {item.entity_id: _value(item, account) for item in left}
    evidence = {item.entity_id: _evidence(item) for item in left}
    # A tick that is delivered late, or again, began when it was due: a stop since then holds for it.
    reason, began_ms = reason_of(tick.head.rule, left), int(tick.scheduled_time.timestamp() * 1000)
    return _Job(
        target.campaign,
        Run(run_id, f"{RULE_ACTOR}{tick.head.rule_id}", reason, began_ms, evidence),
        [
            _wanted(target.level, item, value)
            for item in left
            if (value := values[item.entity_id]) is not None
        ],
        [SkippedItem(id=item.entity_id, reason=TOO_SMALL) for item in left if values[item.entity_id] is None],
        done,
        snapshot.attribution_days,
    )


def _run_id(tick: Tick, campaign: Campaign) -> str:
    name = f"{tick.head.rule_id}#{tick.key}#{campaign.campaign_id}"
    return f"run_{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def _wanted(level: Level, decision: RuleDecision, value: str | Decimal) -> DesiredChange:
    if decision.field == "daily_budget":
        return DesiredChange(level, decision.entity_id, "daily_budget", value)
    # An object that a rule paused must not come back with its campaign.
    holds = value == "paused" and level is not Level.CAMPAIGN
    return DesiredChange(level, decision.entity_id, "status", value, holds=holds)


def _value(decision: RuleDecision, account: AdAccount) -> str | Decimal | None:
    """Return the status or budget to set; None when the account's budget step leaves nothing of the change.

    A budget is rounded towards its old value, so that it moves no further than was decided.
    """
    if not isinstance(decision.after, Decimal):
        return str(decision.after).lower()
    step, before = account.budget_step, decision.before
    assert isinstance(before, Decimal)
    mode = ROUND_FLOOR if decision.direction > 0 else ROUND_CEILING
    rounded = (decision.after / step).to_integral_value(mode) * step
    if decision.direction < 0:
        rounded = max(rounded, account.min_daily_budget)
    # The platform's minimum may lie above the budget of today: a cut must not become a raise.
    return rounded if (rounded - before) * decision.direction > 0 else None


def _evidence(decision: RuleDecision) -> dict[str, Any]:
    # Read back from the trail by later ticks: `pause_until` ends a pause, figures mark it as automatic.
    evidence: dict[str, Any] = {"rule_version": decision.version, "figures": decision.evidence}
    if decision.pause_until is not None:
        evidence["pause_until"] = decision.pause_until.isoformat()
    return evidence


def _changed(record: AuditRecord) -> ChangedItem:
    ((field, after),) = (record.after or {}).items()
    return ChangedItem(
        level=record.level,
        id=record.entity_id,
        platform_id=record.platform_id or "",
        field=field,
        before=_plain(field, (record.before or {}).get(field)),
        after=_plain(field, after),
    )


def _plain(field: str, value: Any) -> str | float | None:
    return float(value) if field == "daily_budget" and value is not None else value
