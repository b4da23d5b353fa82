"""Carries out the recommendations of a test through the write gate: losers stop, the winner gets more."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from campaign_automation.managers.ab_tests.ending import AbTestEnding
from campaign_automation.managers.ab_tests.report import APPLICABLE, InterimAnalysis
from campaign_automation.managers.ab_tests.wording import BUDGET_OF_CAMPAIGN, end_reason
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
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.decisions.keeping import unpredicted, winner_of_test
from campaign_automation.models.ab_analysis import Analysis, Recommendation
from campaign_automation.models.ab_test_answers import Applied
from campaign_automation.models.ab_tests import AnalyzeAbTest
from campaign_automation.models.changes import FailedItem, SkippedItem
from campaign_automation.models.common import Level
from campaign_automation.stores.operations.forecasts import Forecast
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body

_DONE = ("changed", "already")


class _Plan(NamedTuple):
    """Changes for the gate, whether the test ends with them, and the items that are left out."""

    changes: list[DesiredChange]
    ends: bool
    left: list[SkippedItem]


class AbTestApplier:
    """`max_step_percent` is how far one change may move a budget."""

    def __init__(
        self,
        gate: WriteGate,
        ending: AbTestEnding,
        decisions: EarlierDecisions,
        max_step_percent: Decimal | None,
    ) -> None:
        self._gate = gate
        self._ending = ending
        self._decisions = decisions
        self._max_step_percent = max_step_percent

    async def apply(self, interim: InterimAnalysis, request: AnalyzeAbTest, actor: str) -> Applied:
        """Carry out the advice that is valid at every look, and with `force` the rest too."""
        plan = self._plan(interim, force=request.force)
        if not plan.changes:
            return Applied(run_id=None, skipped=plan.left, test_ended=False)
        run = new_run(actor, request.reason, _evidence(interim))
        if request.dry_run:
            items = await self._gate.apply(interim.campaign, plan.changes, run, dry_run=True)
            return _applied(items, plan, run_id=None, ended=False)
        items = await self._carry_out(interim, plan, run)
        if changed_items(items) and (decision := _forecast(interim, run)) is not None:
            await self._decisions.keep([decision])
        ended = plan.ends and _has_stopped(items)
        if not ended:
            return _applied(items, plan, run_id=run.run_id, ended=False)
        not_lifted = await self._let_winner_run_on(interim, run)
        ending = run._replace(reason=end_reason(interim.analysis))
        await self._ending.close(interim.test, "finished", ending)
        applied = _applied(items, plan, run_id=run.run_id, ended=True)
        return applied.model_copy(update={"failed": [*applied.failed, *not_lifted]})

    async def _let_winner_run_on(self, interim: InterimAnalysis, run: Run) -> list[FailedItem]:
        """Lift the platform's end time, which was the test's; where that fails, the winner stops at it."""
        winner = interim.analysis.winner
        if winner is None:
            return []
        tag = interim.adsets[winner.variant_id]
        try:
            await self._gate.lift_end(interim.campaign, tag, run)
        except CampaignAutomationError as error:
            return [FailedItem(id=tag, error=error_body(error))]
        return []

    async def _carry_out(self, interim: InterimAnalysis, plan: _Plan, run: Run) -> list[ChangeResult]:
        """End the platform's split, then send the changes."""
        # A platform may stop all ad sets with their split, so the winner is started again after it, and
        # nothing of the losers spends in between.
        if plan.ends:
            await self._ending.end_split(interim.campaign, run)
        return await self._gate.apply(interim.campaign, plan.changes, run)

    def _plan(self, interim: InterimAnalysis, *, force: bool) -> _Plan:
        analysis, changes, left = interim.analysis, list[DesiredChange](), list[SkippedItem]()
        for item in analysis.recommendations:
            name = interim.adsets.get(item.variant_id or "", interim.test.test_id)
            if item.kind not in APPLICABLE:
                left.append(SkippedItem(id=name, reason=f"nothing_to_change: {interim.sentence(item)}"))
            elif not (item.automatic or force):
                left.append(SkippedItem(id=name, reason=f"{_doubt(analysis)}: {interim.sentence(item)}"))
            elif item.kind == "raise_budget":
                changes += self._raise(interim, item, left)
            else:
                changes += _stop(interim, item)
        return _Plan(_with_winner(interim, changes), _ends(interim, changes), left)

    def _raise(
        self, interim: InterimAnalysis, item: Recommendation, left: list[SkippedItem]
    ) -> list[DesiredChange]:
        """Raise as far as one step may go, rounded down to the platform's budget step."""
        tag = interim.adsets[item.variant_id or ""]
        budget = interim.budgets[tag]
        if budget is None:
            left.append(SkippedItem(id=tag, reason=BUDGET_OF_CAMPAIGN))
            return []
        most = Decimal(50) if self._max_step_percent is None else self._max_step_percent
        percent, step = min(Decimal(str(item.amount_pct)), most), interim.account.budget_step
        raised = (budget * (100 + percent) / 100 / step).to_integral_value(ROUND_FLOOR) * step
        return [DesiredChange(Level.ADSET, tag, "daily_budget", raised)] if raised > budget else []


def _doubt(analysis: Analysis) -> str:
    return analysis.stop_reason if analysis.stop_reason in ("within_noise", "slow_drift") else "too_early"


def _stop(interim: InterimAnalysis, item: Recommendation) -> list[DesiredChange]:
    """Stop one variant, or without a winner to go on with the whole campaign."""
    if item.kind == "pause":
        return [
            DesiredChange(Level.ADSET, interim.adsets[item.variant_id or ""], "status", "paused", holds=True)
        ]
    if interim.analysis.winner:
        return []
    return [DesiredChange(Level.CAMPAIGN, interim.campaign.tag, "status", "paused")]


def _with_winner(interim: InterimAnalysis, changes: list[DesiredChange]) -> list[DesiredChange]:
    """Return losers first, then the winner, which must run, then its budget: spend never overshoots."""
    winner = interim.analysis.winner
    if winner is None or not changes:
        return changes
    start = DesiredChange(Level.ADSET, interim.adsets[winner.variant_id], "status", "active")
    statuses = [item for item in changes if item.field == "status"]
    return [*statuses, start, *(item for item in changes if item.field != "status")]


def _ends(interim: InterimAnalysis, changes: Sequence[DesiredChange]) -> bool:
    """Return whether the test ends with the changes: with its losers paused, or its whole campaign."""
    has_winner = interim.analysis.winner is not None
    return bool(changes) and (has_winner or any(item.level is Level.CAMPAIGN for item in changes))


def _has_stopped(items: Sequence[ChangeResult]) -> bool:
    return all(item.result in _DONE for item in items if item.wanted.value == "paused")


def _forecast(interim: InterimAnalysis, run: Run) -> Forecast | None:
    """Return the forecast that the winner goes on as it did in the test; None without a winner."""
    analysis, winner = interim.analysis, interim.analysis.winner
    row = next((item for item in analysis.variants if winner and item.variant_id == winner.variant_id), None)
    days = (interim.days.until - interim.days.since).days + 1
    if row is None or not row.visitors:
        return None
    return winner_of_test(
        unpredicted(interim.campaign, run.run_id, "test", interim.attribution.days),
        interim.adsets[row.variant_id],
        rate=row.converted / row.visitors,
        per_day=row.visitors / days,
        days=days,
        dispersion=max((pair.dispersion for pair in analysis.pairs), default=1.0),
        rate_of=analysis.unit,
        metric="ctr" if interim.terms.metric == "ctr" else "conversion_rate",
    )


def _evidence(interim: InterimAnalysis) -> dict[str, dict[str, Any]]:
    """Return the evidence of each change for the audit trail."""
    analysis = interim.analysis
    facts = {
        "test_id": interim.test.test_id,
        "verdict": analysis.verdict,
        "unit": analysis.unit,
        "p_value": analysis.p_value,
        "safe_to_stop": analysis.safe_to_stop,
        "looks": len(interim.looks),
    }
    rates = {row.variant_id: row.rate for row in analysis.variants}
    return {
        tag: facts | {"creative_id": creative, "rate": rates.get(creative)}
        for creative, tag in interim.adsets.items()
    }


def _applied(items: Sequence[ChangeResult], plan: _Plan, *, run_id: str | None, ended: bool) -> Applied:
    return Applied(
        run_id=run_id,
        changed=changed_items(items),
        skipped=[*skipped_items(items), *plan.left],
        failed=failed_items(items),
        test_ended=ended,
    )
