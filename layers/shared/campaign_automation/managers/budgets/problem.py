"""The optimiser's problem from campaigns as they are. Pure: amounts become minor units here, once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.tree import AdSetNode, Node
from campaign_automation.managers.budgets.history import BudgetHistory, history_of
from campaign_automation.managers.budgets.wording import counted
from campaign_automation.managers.decisions.verdicts import Facts
from campaign_automation.managers.shared.insights import AttributionWindow, CampaignInsights
from campaign_automation.managers.shared.view import ObjectTrails
from campaign_automation.models.budget_problem import (
    BudgetPlan,
    BudgetProblem,
    BudgetUnit,
    DayRecord,
    MaturitySnapshot,
)
from campaign_automation.models.budgets import OptimizeBudget
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.money import currency_exponent, to_minor

_DELIVERY_DAYS = 7  # over which it is looked at whether a budget was spent
EVIDENCE_DAYS = 60  # the longest window of the guard and the response curves


class BudgetProposal(NamedTuple):
    """A plan, with the facts and the problem that it was made from."""

    facts: list[Facts]
    problem: BudgetProblem
    plan: BudgetPlan


def build_problem(request: OptimizeBudget, facts: Sequence[Facts]) -> BudgetProblem:
    """Return the problem. Raises InvalidRequestError for two currencies or a total that cannot be split."""
    currency, exponent = _one_currency(facts), _exponent(facts)
    # In time zones apart the last day that is over everywhere counts.
    today = min(item.insights.today for item in facts)
    units = [unit for item in facts for unit in _units(item, today, exponent)]
    _check_all_known(request, facts)
    _check_total(request, units, currency, exponent)
    return BudgetProblem(
        today=today,
        currency=currency,
        currency_exponent=exponent,
        target_metric=request.target_metric,
        strategy=request.optimization_strategy,
        guard=request.guard,
        lower_on_roas=request.lower_on_roas,
        window_days=request.window_days,
        freed_money=request.freed_money,
        total_budget_minor=_minor(request.total_daily_budget, exponent),
        target_marginal_cpa_minor=_minor(request.target_marginal_cpa, exponent),
        min_days_between_changes=request.min_days_between_changes,
        attribution_window_days=attribution_of(request, facts).days,
        seed=_seed(facts, today),
        snapshots=_snapshots(facts),
        units=units,
    )


def attribution_of(request: OptimizeBudget, facts: Sequence[Facts]) -> AttributionWindow:
    return AttributionWindow.of((item.insights for item in facts), request.attribution_days)


def _exponent(facts: Sequence[Facts]) -> int:
    """Return the decimal places in which all amounts are whole: the currency's, or those of a finer step."""
    accounts = [item.insights.account for item in facts]
    steps = [-int(account.budget_step.normalize().as_tuple().exponent) for account in accounts]
    return max(currency_exponent(accounts[0].currency), *steps)


def _one_currency(facts: Sequence[Facts]) -> str:
    first, *others = facts
    currency = first.insights.account.currency
    for item in others:
        other = item.insights.account.currency
        if other != currency:
            raise InvalidRequestError(
                f"campaign_ids: {first.insights.campaign.campaign_id} is in {currency},"
                f" {item.insights.campaign.campaign_id} in {other}; optimise each currency on its own",
                field="campaign_ids",
                currencies=sorted({currency, other}),
            )
    return currency


def _check_all_known(request: OptimizeBudget, facts: Sequence[Facts]) -> None:
    """Refuse a total over budgets that are left alone: it could not be kept."""
    views = [item.insights.view for item in facts if item.insights.level is Level.ADSET]
    left = [tag for view in views for tag in view.unread(Level.ADSET) if view.live(tag, "status") == "active"]
    if left and request.total_daily_budget is not None:
        raise InvalidRequestError(
            f"total_daily_budget: cannot be kept, as ad set {left[0]} has settings that cannot be read here"
            " and is left alone; pause it or ask without a total",
            field="total_daily_budget",
            adset_ids=left,
        )


def _check_total(request: OptimizeBudget, units: Sequence[BudgetUnit], currency: str, exponent: int) -> None:
    total = request.total_daily_budget
    if total is None:
        return
    # Ad sets of platforms with different steps share only multiples of all of them.
    step = Decimal(math.lcm(*(unit.step_minor for unit in units))).scaleb(-exponent)
    if total % step:
        raise InvalidRequestError(
            f"total_daily_budget: {total} {currency} is finer than the smallest amount of {step}",
            field="total_daily_budget",
            allowed=f"multiples of {step}",
        )
    active = [unit for unit in units if unit.status == "active"]
    least = Decimal(sum(unit.min_minor for unit in active)).scaleb(-exponent)
    if total < least:
        raise InvalidRequestError(
            f"total_daily_budget: {total} {currency} is below {least}, the platforms' minimums of"
            f" {counted(len(active), 'active budget')} together",
            field="total_daily_budget",
            allowed=f">= {least}",
        )


def _units(facts: Facts, today: date, exponent: int) -> list[BudgetUnit]:
    trails = ObjectTrails(facts.insights.campaign, facts.trail)
    return [_unit(facts, trails, tag, today, exponent) for tag in facts.insights.tags]


def _unit(facts: Facts, trails: ObjectTrails, tag: str, today: date, exponent: int) -> BudgetUnit:
    insights = facts.insights
    campaign, account = insights.campaign, insights.account
    budget = insights.view.budget(tag)
    trail = trails.of(tag)
    history = history_of(campaign, insights.level, tag, trail, insights.zone, insights.today, budget)
    start = budget if history.start_budget is None else history.start_budget
    changed = history.last_changed
    return BudgetUnit(
        unit_id=tag,
        campaign_id=campaign.campaign_id,
        platform=str(campaign.platform),
        objective=str(campaign.objective),
        currency=account.currency,
        status=_status(insights, tag),
        budget_minor=to_minor(budget, exponent),
        budget_at_day_start_minor=to_minor(start, exponent),
        step_minor=to_minor(account.budget_step, exponent),
        min_minor=to_minor(account.min_daily_budget, exponent),
        in_learning=_in_learning(insights, tag),
        # So many days before the request's today as it is before the account's.
        last_changed=None if changed is None else today - (insights.today - changed),
        evidence_since=history.evidence_since,
        target_roas=campaign.target_roas,
        target_cpa_minor=_minor(campaign.target_cpa, exponent) or None,
        records=[_record(row, history, exponent, insights.today) for row in insights.days[tag]],
    )


def _status(insights: CampaignInsights, tag: str) -> str:
    """Return the status that counts: an ad set of a paused campaign spends nothing, whatever its own is."""
    own, campaign = (str(insights.view.live(item, "status")) for item in (tag, insights.campaign.tag))
    return own if campaign == "active" else campaign


def _in_learning(insights: CampaignInsights, tag: str) -> bool:
    """Return whether the platform says so; one that does not tell holds nothing back."""
    view = insights.view
    nodes: Iterable[Node | None] = view.tree.adsets if view.tree else []
    if insights.level is not Level.CAMPAIGN:
        nodes = [view.node(tag)]
    adsets = (item for item in nodes if isinstance(item, AdSetNode))
    return any(item.in_learning for item in adsets if item.status == "active")


def _record(row: DailyInsight, history: BudgetHistory, exponent: int, today: date) -> DayRecord:
    """Return the day with what decisions rest on alone, as payloads have a limit: no impressions and clicks,
    and the budget of the last week's days."""
    is_recent = (today - row.day).days <= _DELIVERY_DAYS
    return DayRecord(
        day=row.day,
        spend_minor=_minor(row.spend, exponent),
        revenue_minor=_minor(row.revenue, exponent),
        conversions=None if row.conversions is None else float(row.conversions),
        status="paused" if row.day in history.rest_days else "active",
        budget_minor=_minor(history.budget_on(row.day), exponent) if is_recent else None,
    )


def _minor(amount: Decimal | None, exponent: int) -> int | None:
    return None if amount is None else to_minor(amount, exponent)


def _snapshots(facts: Sequence[Facts]) -> list[MaturitySnapshot]:
    return [snapshot for item in facts for snapshot in item.insights.snapshots]


def _seed(facts: Sequence[Facts], today: date) -> int:
    """Return one seed for the same campaigns on the same day, so that a plan can be computed again."""
    names: Mapping[str, None] = dict.fromkeys(sorted(item.insights.campaign.campaign_id for item in facts))
    digest = hashlib.sha256(" ".join([*names, str(today)]).encode()).digest()
    return int.from_bytes(digest[:4])
