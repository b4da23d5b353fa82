"""optimize_budget: from live budgets and their results to budgets that are decided, proven and written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.managers.budgets import plan_digest
from campaign_automation.managers.budgets.applying import Batch, BudgetApplier, Results, batches_of
from campaign_automation.managers.budgets.forecasting import forecasts_of, with_hindsight
from campaign_automation.managers.budgets.problem import EVIDENCE_DAYS, BudgetProposal, build_problem
from campaign_automation.managers.budgets.report import report
from campaign_automation.managers.budgets.summary import Narrator
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.decisions.verdicts import Facts
from campaign_automation.managers.shared.insights import Insights
from campaign_automation.managers.shared.statistics import Statistics
from campaign_automation.models.budget_problem import BudgetPlan, BudgetProblem
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context
from campaign_automation.optimizers.budgets.guard import measure_maturity
from campaign_automation.stores.ab_test_store import AbTestStore, ab_test_id
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError, InvalidRequestError
from campaign_automation.utils.money import to_major
from campaign_automation.utils.observability import emit

_DAY_MS = 24 * 3600 * 1000


class Optimized(NamedTuple):
    """The answer, with the changes of each campaign and their results; `room` as in BudgetApplier."""

    answer: BudgetOptimized
    batches: list[Batch]
    results: Results
    room: Decimal | None


class BudgetManager:
    def __init__(
        self,
        campaigns: CampaignManager,
        insights: Insights,
        audit: AuditStore,
        statistics: Statistics,
        gate: WriteGate,
        narrator: Narrator,
        tests: AbTestStore,
        earlier: EarlierDecisions,
    ) -> None:
        self._campaigns = campaigns
        self._insights = insights
        self._audit = audit
        self._statistics = statistics
        self._applier = BudgetApplier(gate)
        self._narrator = narrator
        self._tests = tests
        self._earlier = earlier

    async def plan(self, request: OptimizeBudget, context: Context) -> Optimized:
        """Decide as `optimize` does and write nothing."""
        return await self._optimize(request.model_copy(update={"mode": "act", "dry_run": True}), context)

    async def optimize(self, request: OptimizeBudget, context: Context) -> BudgetOptimized:
        """Decide on every active budget and, unless it is a dry run, carry the decisions out.

        A change that a cap or the platform refuses stands in the answer beside the others, which are made.
        Raises InvalidRequestError, before anything is written, for campaigns of two currencies and a total
        that cannot be met; GuardRefusedError (`plan_stale`) when the plan of `plan_digest` is not today's.
        """
        return (await self._optimize(request, context)).answer

    async def _optimize(self, request: OptimizeBudget, context: Context) -> Optimized:
        if request.plan_digest:
            plan_digest.refuse_expired(request.plan_digest)
        campaigns = await self._load(request, context)
        proposal = await self._propose(request, await self._facts(request, campaigns))
        if request.plan_digest:
            plan_digest.refuse_stale(request.plan_digest, proposal)
        maturity = measure_maturity(proposal.problem.snapshots, proposal.problem.attribution_window_days)
        hindsight = await self._earlier.look_again(proposal.facts, maturity)
        batches, room = batches_of(proposal, context.actor, request.reason), _room(proposal, request)
        results = await self._applier.apply(batches, room=room, dry_run=request.dry_run)
        run_ids = {batch.campaign.campaign_id: batch.run.run_id for batch in batches}
        answer = report(request, proposal, results, run_ids)
        forecasts = forecasts_of(proposal, answer.optimizations, run_ids, hindsight)
        if not request.dry_run:
            await self._earlier.keep(forecasts)
        answer = with_hindsight(answer, forecasts, hindsight)
        for item in answer.optimizations:
            emit("budget_decisions_total", action=item.action, outcome=item.outcome or "none")
        summary = await self._narrator.summary(answer.optimizations, answer.currency, context.language)
        return Optimized(answer.model_copy(update={"summary": summary}), batches, results, room)

    async def _load(self, request: OptimizeBudget, context: Context) -> list[Campaign]:
        loaded = await asyncio.gather(
            *(self._campaigns.load_created(context.user_id, item) for item in request.asked)
        )
        for campaign in loaded:
            if campaign.state == "deleted":
                raise ConflictError(f"campaign {campaign.campaign_id} is deleted", field="campaign_id")
            if campaign.test is not None:
                await self._refuse_running_test(campaign)
        # The same campaign by our id and by the platform's is one.
        return list({campaign.campaign_id: campaign for campaign in loaded}.values())

    async def _refuse_running_test(self, campaign: Campaign) -> None:
        test = await self._tests.load(campaign.tenant, ab_test_id(campaign.campaign_id))
        if test is not None and test.state == "running":
            raise ConflictError(
                f"campaign {campaign.campaign_id} is the running A/B test {test.test_id}: it compares equal"
                " budgets, so apply its result or cancel it first",
                field="campaign_id",
                test_id=test.test_id,
            )

    async def _facts(self, request: OptimizeBudget, campaigns: Sequence[Campaign]) -> list[Facts]:
        days = max(request.window_days, EVIDENCE_DAYS)
        # A day more: the account's first day began up to a day before this moment's time of day.
        since = clock.now_ms() - (days + 1) * _DAY_MS
        trails = (self._audit.since(item.tenant, item.campaign_id, since) for item in campaigns)
        insights, audits = await asyncio.gather(self._insights.read(campaigns, days), asyncio.gather(*trails))
        return [Facts(item, trail) for item, trail in zip(insights, audits, strict=True)]

    async def _propose(self, request: OptimizeBudget, facts: list[Facts]) -> BudgetProposal:
        problem = build_problem(request, facts)
        # Only what differs from the defaults travels: a payload of many ad sets and days is large.
        answer = await self._statistics.compute(
            "optimize_budget", problem.model_dump(mode="json", exclude_defaults=True)
        )
        plan = BudgetPlan.model_validate(answer)
        _check_reachable(plan, request, problem)
        return BudgetProposal(facts, problem, plan)


def _check_reachable(plan: BudgetPlan, request: OptimizeBudget, problem: BudgetProblem) -> None:
    """Refuse a total too low for today: no budget falls by more than half a day."""
    shortfall = plan.allocation.shortfall_minor if plan.allocation else plan.shortfall_minor
    total = request.total_daily_budget
    if total is None or not shortfall:
        return
    least = total + to_major(shortfall, problem.currency_exponent)
    raise InvalidRequestError(
        f"total_daily_budget: {total} {problem.currency} is below {least}, the least that the platforms'"
        " minimums, the cap of 50 % a day and budgets that must rest allow today",
        field="total_daily_budget",
        allowed=f">= {least}",
    )


def _room(proposal: BudgetProposal, request: OptimizeBudget) -> Decimal | None:
    """Return the money by which raises may exceed the money freed; None where raises do not wait for it.

    Raises by the written rules stand on their own; those of a plan that moves money wait for it.
    """
    plan = proposal.plan
    more = to_major(plan.total_after_minor - plan.total_before_minor, proposal.problem.currency_exponent)
    if request.total_daily_budget is not None:
        return more
    moves_money = plan.allocation is not None or request.freed_money == "reinvest"
    return max(more, Decimal(0)) if moves_money else None
