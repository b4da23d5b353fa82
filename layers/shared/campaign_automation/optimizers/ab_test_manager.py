"""A/B tests: what one needs before it starts, and what its counts say while it runs. Pure.

The verdict is the written one: Pearson's chi-square, and a winner only with enough conversions in every arm.
Beside it stands what may be believed when somebody looks every day; automatic stops rest on that alone.
"""

from __future__ import annotations

import math

from campaign_automation.models.ab_analysis import (
    Analysis,
    AnalysisRequest,
    TestPlan,
    TestPlanRequest,
    Winner,
)
from campaign_automation.optimizers.ab_tests import advice as ab_advice
from campaign_automation.optimizers.ab_tests import power as ab_power
from campaign_automation.optimizers.ab_tests.counts import check_request, counts_of, impossible_count
from campaign_automation.optimizers.ab_tests.findings import VERDICTS, Findings
from campaign_automation.optimizers.ab_tests.stopping import Stopping
from campaign_automation.utils.error_handler import InvalidRequestError

# Evidence that holds at any time needs about twice the days for the same power.
OPEN_ENDED_FACTOR = 2


def plan_test(request: TestPlanRequest) -> TestPlan:
    """Return the visitors and days that a test needs; the longer of power and least conversions counts.

    Raises InvalidRequestError for an effect that would lift the rate to 1 or more.
    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (2003); Schultzberg and
    Ankargren, Choosing a Sequential Testing Framework (2023), for the cost of an open end.
    """
    base, better = request.baseline_rate, request.baseline_rate * (1 + request.minimum_detectable_effect)
    if better >= 1:
        raise InvalidRequestError(
            f"minimum_detectable_effect: a rate of {base:g} times {better / base:g} is 1 or more",
            field="minimum_detectable_effect",
        )
    alpha = request.alpha / (request.variants - 1)
    visitors = math.ceil(ab_power.visitors_needed(base, better, alpha, request.power))
    factor = OPEN_ENDED_FACTOR if request.mode == "open_ended" else 1
    slowest = min(request.visitors_per_arm_per_day)
    for_power = math.ceil(factor * visitors / slowest) if slowest else None
    for_conversions = math.ceil(request.min_conversions / (slowest * base)) if slowest else None
    days = max(for_power, for_conversions) if for_power and for_conversions else None
    seen = slowest * request.planned_days / factor
    return TestPlan(
        visitors_per_arm=visitors,
        alpha_per_comparison=alpha,
        planned_conversions=math.ceil(request.variants * visitors * (base + better) / 2),
        days_for_power=for_power,
        days_for_min_conversions=for_conversions,
        days=days,
        planned_days=request.planned_days,
        can_finish=days is not None and days <= request.planned_days,
        power_at_end=ab_power.power_of(seen, base, better, alpha),
        detectable_effect=ab_power.detectable_effect(seen, base, alpha, request.power),
        message=_plan_message(visitors, days, request),
    )


def _plan_message(visitors: int, days: int | None, request: TestPlanRequest) -> str:
    needs = f"The test needs {visitors} visitors and {request.min_conversions} conversions per variant"
    if days is None:
        return f"{needs}; a variant without traffic never has them."
    if days <= request.planned_days:
        return f"{needs}: {days} of its {request.planned_days} days."
    return f"{needs}: {days} days, but it runs only {request.planned_days}."


def analyze_test(request: AnalysisRequest) -> Analysis:
    """Everything the counts say. Rates and shares are fractions; the same request has the same answer.

    Counts that cannot be (negative, fractional, more conversions than visitors) are a verdict, `invalid`,
    that names the variant. Raises InvalidRequestError for fewer than 2 or more than 10 variants, the same id
    twice, lists of another length than the variants, or a planned test without its plan.
    Source: Kohavi, Tang, Xu, Trustworthy Online Controlled Experiments (2020).
    """
    check_request(request)
    if reason := impossible_count(request):
        return Analysis(
            verdict="invalid",
            status="impossible_counts",
            reason=reason,
            unit=request.unit,
            alpha=request.alpha,
            mode=request.mode,
            flags=[] if request.randomised else ["not_randomised"],
            recommendations=ab_advice.fix_data(reason),
        )
    findings = Findings(request, counts_of(request))
    stopping = Stopping(findings)
    analysis = _answer(findings, stopping)
    advice = ab_advice.recommend(analysis, request, findings.counts, findings.leader_pairs)
    return analysis.model_copy(update={"recommendations": advice})


def _answer(findings: Findings, stopping: Stopping) -> Analysis:
    request, has_table, leaders = findings.request, findings.status != "no_data", findings.leader_pairs
    safe, stop_reason = stopping.stop
    return Analysis(
        verdict=VERDICTS[findings.status],
        status=findings.status,
        reason="the traffic is not split as planned" if findings.status == "srm" else None,
        unit=request.unit,
        alpha=request.alpha,
        mode=request.mode,
        **(findings.test._asdict() if has_table else {}),
        variants=findings.variants,
        pairs=findings.pairs,
        not_distinguishable=findings.not_distinguishable if findings.status == "no_single_winner" else [],
        srm=findings.split,
        strata=findings.strata,
        p_fixed=findings.test.p_value if has_table else None,
        p_anytime=findings.leader_p([pair.p_anytime for pair in leaders]),
        p_anytime_robust=findings.leader_p([pair.p_anytime_robust for pair in leaders]),
        group_sequential=stopping.group_sequential,
        bayes=findings.bayes,
        safe_to_stop=safe,
        stop_reason=stop_reason,
        expected_days_left=stopping.days_left,
        flags=findings.flags,
        winner=_winner(findings, stopping),
        samples=ab_advice.sample_needs(findings.counts, request.min_conversions, findings.traffic),
    )


def _winner(findings: Findings, stopping: Stopping) -> Winner | None:
    if findings.status != "winner":
        return None
    p = findings.test.p_value
    return Winner(
        variant_id=findings.counts.ids[findings.leader],
        confidence=1 - p,
        p_value=p,
        holds_under_looks=stopping.holds_under_looks,
    )
