"""Carries out what a test recommends, through the write gate: losers stop, the winner gets more."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from campaign_automation.managers.ab_tests.ending import AbTestEnding
from campaign_automation.managers.ab_tests.report import APPLICABLE, Reading
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Run,
    changed_items,
    failed_items,
    new_run,
    skipped_items,
)
from campaign_automation.models.ab_analysis import Recommendation
from campaign_automation.models.ab_tests import AnalyzeAbTest, Applied
from campaign_automation.models.changes import FailedItem, SkippedItem
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body

_DONE = ("changed", "already")


class _Plan(NamedTuple):
    """Changes for the gate, whether the test ends with them, and what is left out."""

    changes: list[DesiredChange]
    ends: bool
    left: list[SkippedItem]


class AbTestApplier:
    """`max_step_percent` is how far one change may move a budget."""

    def __init__(self, gate: WriteGate, ending: AbTestEnding, max_step_percent: Decimal | None) -> None:
        self._gate = gate
        self._ending = ending
        self._max_step_percent = max_step_percent

    async def apply(self, reading: Reading, request: AnalyzeAbTest, actor: str) -> Applied:
        """Only what holds however often somebody looked, unless it is forced."""
        plan = self._plan(reading, force=request.force)
        if not plan.changes:
            return Applied(run_id=None, skipped=plan.left, test_ended=False)
        run = new_run(actor, request.reason, _evidence(reading))
        if request.dry_run:
            items = await self._gate.apply(reading.campaign, plan.changes, run, dry_run=True)
            return _applied(items, plan, run_id=None, ended=False)
        items = await self._carry_out(reading, plan, run)
        ended = plan.ends and _has_stopped(items)
        if not ended:
            return _applied(items, plan, run_id=run.run_id, ended=False)
        not_lifted = await self._let_winner_run_on(reading, run)
        await self._ending.close(reading.test, "finished", _outcome(reading))
        applied = _applied(items, plan, run_id=run.run_id, ended=True)
        return applied.model_copy(update={"failed": [*applied.failed, *not_lifted]})

    async def _let_winner_run_on(self, reading: Reading, run: Run) -> list[FailedItem]:
        """Without the platform's end time, which was the test's. What cannot be lifted is told: the winner
        runs until then."""
        winner = reading.analysis.winner
        if winner is None:
            return []
        tag = reading.adsets[winner.variant_id]
        try:
            await self._gate.lift_end(reading.campaign, tag, run)
        except CampaignAutomationError as error:
            return [FailedItem(id=tag, error=error_body(error))]
        return []

    async def _carry_out(self, reading: Reading, plan: _Plan, run: Run) -> list[ChangeResult]:
        """The platform's split ends first: TikTok stops both ad groups with it, so the winner is started
        again and nothing of the losers spends in between."""
        if plan.ends:
            await self._ending.end_split(reading.campaign, run)
        return await self._gate.apply(reading.campaign, plan.changes, run)

    def _plan(self, reading: Reading, *, force: bool) -> _Plan:
        analysis, changes, left = reading.analysis, list[DesiredChange](), list[SkippedItem]()
        for item in analysis.recommendations:
            name = reading.adsets.get(item.variant_id or "", reading.test.test_id)
            if item.kind not in APPLICABLE:
                left.append(SkippedItem(id=name, reason=f"nothing_to_change: {item.sentence}"))
            elif not (item.automatic or analysis.safe_to_stop or force):
                left.append(SkippedItem(id=name, reason=f"too_early: {item.sentence}"))
            elif item.kind == "raise_budget":
                changes += self._raise(reading, item, left)
            else:
                changes += _stop(reading, item)
        return _Plan(_with_winner(reading, changes), _ends(reading, changes), left)

    def _raise(self, reading: Reading, item: Recommendation, left: list[SkippedItem]) -> list[DesiredChange]:
        """As far as one step may go, rounded down to what the platform takes."""
        tag = reading.adsets[item.variant_id or ""]
        budget = reading.budgets[tag]
        if budget is None:
            reason = "budget_of_campaign: with the others paused its whole budget is the winner's already"
            left.append(SkippedItem(id=tag, reason=reason))
            return []
        most = Decimal(50) if self._max_step_percent is None else self._max_step_percent
        percent, step = min(Decimal(str(item.amount_pct)), most), reading.account.budget_step
        raised = (budget * (100 + percent) / 100 / step).to_integral_value(ROUND_FLOOR) * step
        return [DesiredChange(Level.ADSET, tag, "daily_budget", raised)] if raised > budget else []


def _stop(reading: Reading, item: Recommendation) -> list[DesiredChange]:
    """One variant, or without a winner to go on with the whole campaign."""
    if item.kind == "pause":
        return [
            DesiredChange(Level.ADSET, reading.adsets[item.variant_id or ""], "status", "paused", holds=True)
        ]
    if reading.analysis.winner:
        return []
    return [DesiredChange(Level.CAMPAIGN, reading.campaign.tag, "status", "paused")]


def _with_winner(reading: Reading, changes: list[DesiredChange]) -> list[DesiredChange]:
    """Losers first, then the winner, which must run, then its budget: nothing overshoots in between."""
    winner = reading.analysis.winner
    if winner is None or not changes:
        return changes
    start = DesiredChange(Level.ADSET, reading.adsets[winner.variant_id], "status", "active")
    statuses = [item for item in changes if item.field == "status"]
    return [*statuses, start, *(item for item in changes if item.field != "status")]


def _ends(reading: Reading, changes: Sequence[DesiredChange]) -> bool:
    """With its losers paused, or all of it, there is no test any more."""
    has_winner = reading.analysis.winner is not None
    return bool(changes) and (has_winner or any(item.level is Level.CAMPAIGN for item in changes))


def _has_stopped(items: Sequence[ChangeResult]) -> bool:
    return all(item.result in _DONE for item in items if item.wanted.value == "paused")


def _evidence(reading: Reading) -> dict[str, dict[str, Any]]:
    """What each change rests on, for the audit trail."""
    analysis = reading.analysis
    facts = {
        "test_id": reading.test.test_id,
        "verdict": analysis.verdict,
        "unit": analysis.unit,
        "p_value": analysis.p_value,
        "safe_to_stop": analysis.safe_to_stop,
        "looks": len(reading.looks),
    }
    rates = {row.variant_id: row.rate for row in analysis.variants}
    return {
        tag: facts | {"creative_id": creative, "rate": rates.get(creative)}
        for creative, tag in reading.adsets.items()
    }


def _outcome(reading: Reading) -> str:
    winner = reading.analysis.winner
    return f"creative {winner.variant_id} won" if winner else f"ended with {reading.analysis.verdict}"


def _applied(items: Sequence[ChangeResult], plan: _Plan, *, run_id: str | None, ended: bool) -> Applied:
    return Applied(
        run_id=run_id,
        changed=changed_items(items),
        skipped=[*skipped_items(items), *plan.left],
        failed=failed_items(items),
        test_ended=ended,
    )
