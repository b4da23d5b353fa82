"""optimize_budget: from what is live and what it brought to budgets that were decided, proven and written."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.managers.budgets.applying import BudgetApplier, Done, Job, room_of
from campaign_automation.managers.budgets.problem import EVIDENCE_DAYS, Facts, build_problem, exponent_of
from campaign_automation.managers.budgets.report import (
    allocation_of,
    asked_total_of,
    evidence_of,
    message_of,
    optimizations_of,
    warnings_of,
)
from campaign_automation.managers.budgets.summary import Narrator
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import new_run
from campaign_automation.managers.shared.insights import CampaignInsights, Insights
from campaign_automation.managers.shared.statistics import Statistics
from campaign_automation.models.budget_problem import BudgetPlan, BudgetProblem, Decision
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context
from campaign_automation.stores.ab_test_store import AbTestStore, ab_test_id
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError, GuardRefusedError, InvalidRequestError
from campaign_automation.utils.money import to_major
from campaign_automation.utils.observability import emit

PLAN_SECONDS = 15 * 60
_DAY_MS = 24 * 3600 * 1000


class _Proposed(NamedTuple):
    """A plan with everything it was made from."""

    facts: list[Facts]
    problem: BudgetProblem
    plan: BudgetPlan
    exponent: int


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
    ) -> None:
        self._campaigns = campaigns
        self._insights = insights
        self._audit = audit
        self._statistics = statistics
        self._applier = BudgetApplier(gate)
        self._narrator = narrator
        self._tests = tests

    async def optimize(self, request: OptimizeBudget, context: Context) -> BudgetOptimized:
        """Decides on every active budget and, unless it is a dry run, carries it out.

        What a cap or the platform keeps from being changed is told beside the rest, which is done. Raises
        InvalidRequestError, before anything is written, for campaigns of two currencies and a total that
        cannot be met; GuardRefusedError (`plan_stale`) when `plan_digest` is no longer what would be done.
        """
        _refuse_expired(request.plan_digest)
        proposed = await self._propose(request, context)
        if request.plan_digest and _digest(proposed, _expiry(request.plan_digest)) != request.plan_digest:
            raise _stale("budgets, statuses or the decisions are not what they were")
        jobs = _jobs(proposed, request, context)
        done = await self._applier.apply(
            jobs, proposed.exponent, room=_room(proposed, request), dry_run=request.dry_run
        )
        return await self._answer(proposed, request, context, jobs, done)

    async def _propose(self, request: OptimizeBudget, context: Context) -> _Proposed:
        campaigns = await self._load(request, context)
        days = max(request.window_days, EVIDENCE_DAYS)
        since = clock.now_ms() - (days + 1) * _DAY_MS
        reads = (self._audit.since(item.tenant, item.campaign_id, since) for item in campaigns)
        insights, trails = await asyncio.gather(self._insights.read(campaigns, days), asyncio.gather(*reads))
        facts = [Facts(item, trail) for item, trail in zip(insights, trails, strict=True)]
        exponent = exponent_of(facts)
        problem = build_problem(request, facts, exponent)
        answer = await self._statistics.compute(
            "optimize_budget", problem.model_dump(mode="json", exclude_defaults=True)
        )
        plan = BudgetPlan.model_validate(answer)
        _check_reachable(plan, request, problem)
        return _Proposed(facts, problem, plan, exponent)

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

    async def _answer(
        self,
        proposed: _Proposed,
        request: OptimizeBudget,
        context: Context,
        jobs: Sequence[Job],
        done: Mapping[str, Done],
    ) -> BudgetOptimized:
        facts, problem, plan, exponent = proposed
        optimizations = optimizations_of(plan, facts, done, exponent)
        for item in optimizations:
            emit("budget_decisions_total", action=item.action, outcome=item.outcome or "none")
        expiry = int(clock.now().timestamp()) + PLAN_SECONDS
        return BudgetOptimized(
            campaign_ids=[item.insights.campaign.campaign_id for item in facts],
            strategy=plan.strategy,
            plan_status=plan.status,
            currency=problem.currency,
            total_before=to_major(plan.total_before_minor, exponent),
            total_after=sum((item.result for item in optimizations), Decimal(0)),
            asked_total=asked_total_of(request.total_daily_budget, optimizations),
            freed=sum((max(item.old_budget - item.result, Decimal(0)) for item in optimizations), Decimal(0)),
            optimizations=optimizations,
            allocation=allocation_of(plan.allocation, exponent),
            plan_digest=_digest(proposed, expiry) if request.dry_run else None,
            expires_at=_iso(expiry) if request.dry_run else None,
            run_ids={} if request.dry_run else {job.campaign.campaign_id: job.run.run_id for job in jobs},
            summary=await self._narrator.summary(optimizations, problem.currency, context.language),
            warnings=warnings_of(plan, facts, optimizations),
            message=message_of(plan, optimizations, dry_run=request.dry_run),
        )


def _check_reachable(plan: BudgetPlan, request: OptimizeBudget, problem: BudgetProblem) -> None:
    """No budget falls by more than half a day, so a total can be too low for today."""
    report, total = plan.allocation, request.total_daily_budget
    shortfall = report.shortfall_minor if report else plan.shortfall_minor
    if total is None or not shortfall:
        return
    least = total + to_major(shortfall, problem.currency_exponent)
    raise InvalidRequestError(
        f"total_daily_budget: {total} {problem.currency} is below {least}, the least that the platforms'"
        " minimums, the cap of 50 % a day and budgets that must rest allow today",
        field="total_daily_budget",
        allowed=f">= {least}",
    )


def _room(proposed: _Proposed, request: OptimizeBudget) -> int | None:
    """Raises by the written rules stand on their own; those of a plan that moves money wait for it."""
    if request.total_daily_budget is not None:
        return proposed.plan.total_after_minor - proposed.plan.total_before_minor
    moves_money = proposed.plan.allocation is not None or request.freed_money == "reinvest"
    return room_of(proposed.plan) if moves_money else None


def _jobs(proposed: _Proposed, request: OptimizeBudget, context: Context) -> list[Job]:
    """One for each campaign in which something changes."""
    changes = {item.unit_id: item for item in proposed.plan.decisions if item.action != "keep"}
    jobs = []
    for insights in (item.insights for item in proposed.facts):
        decisions = [changes[tag] for tag in sorted(insights.tags) if tag in changes]
        if decisions:
            jobs.append(_job(insights, decisions, proposed, request, context))
    return jobs


def _job(
    insights: CampaignInsights,
    decisions: list[Decision],
    proposed: _Proposed,
    request: OptimizeBudget,
    context: Context,
) -> Job:
    report = proposed.plan.allocation
    by_value = report is not None and report.objective == "value"
    evidence = {
        item.unit_id: {
            "reason": item.reason,
            "explanation": item.explanation,
            **evidence_of(item, proposed.exponent, by_value=by_value),
        }
        for item in decisions
    }
    run = new_run(context.actor, request.reason, evidence)
    return Job(insights.campaign, insights.level, decisions, run)


def _digest(proposed: _Proposed, expiry: int) -> str:
    """When the plan ends, and what it is: the live budgets and statuses, the decisions on them, the end."""
    state = sorted([unit.unit_id, unit.status, unit.budget_minor] for unit in proposed.problem.units)
    decisions = [[item.unit_id, item.action, item.new_budget_minor] for item in proposed.plan.decisions]
    text = json.dumps([state, decisions, expiry])
    return f"{expiry}.{hashlib.sha256(text.encode()).hexdigest()}"


def _expiry(digest: str) -> int:
    return int(digest.partition(".")[0])


def _refuse_expired(digest: str | None) -> None:
    if digest is not None and _expiry(digest) < clock.now().timestamp():
        raise _stale(f"it was good until {_iso(_expiry(digest))}")


def _stale(why: str) -> GuardRefusedError:
    return GuardRefusedError(
        f"plan_digest: the plan is stale, {why}; nothing was written, ask for a new dry run",
        guard="plan_stale",
        field="plan_digest",
    )


def _iso(seconds: int) -> str:
    return clock.iso(datetime.fromtimestamp(seconds, UTC))
