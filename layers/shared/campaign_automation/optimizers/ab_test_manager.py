"""A/B tests: what one needs before it starts, and what its counts say while it runs. Pure.

The verdict is the written one: Pearson's chi-square, and a winner only with enough conversions in every arm.
Beside it stands what may be believed when somebody looks every day; automatic stops rest on that alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from campaign_automation.models.ab_analysis import (
    Analysis,
    AnalysisRequest,
    Bayes,
    DaysLeft,
    DayStrata,
    Flag,
    GroupSequential,
    Look,
    Pair,
    SplitCheck,
    Status,
    StopReason,
    TestPlan,
    TestPlanRequest,
    VariantResult,
    Verdict,
    Winner,
)
from campaign_automation.optimizers import ab_advice, ab_forecast, ab_power
from campaign_automation.optimizers.ab_bayes import best_arm
from campaign_automation.optimizers.ab_comparisons import compare_pairs, leader_pairs
from campaign_automation.optimizers.ab_counts import Counts, check_request, counts_of, impossible_count
from campaign_automation.optimizers.ab_effects import wilson
from campaign_automation.optimizers.ab_group_sequential import bounds
from campaign_automation.optimizers.ab_sequential import ROBUST_FROM_DAYS
from campaign_automation.optimizers.ab_tables import (
    MIN_EXPECTED,
    P_FLOOR,
    Floats,
    Stratified,
    TableTest,
    cmh,
    compare,
    smallest_expected,
    split_drift_p,
    split_log_e,
    split_p,
)
from campaign_automation.utils.error_handler import InvalidRequestError

SPLIT_BLOCKS, SPLIT_WARNS, DRIFT = 1e-3, 1e-2, 1e-3
# Evidence that holds at any time needs about twice the days for the same power.
OPEN_ENDED_FACTOR = 2

VERDICTS: dict[Status, Verdict] = {
    "impossible_counts": "invalid",
    "srm": "invalid",
    "no_data": "insufficient_data",
    "collecting": "insufficient_data",
    "no_difference": "no_difference",
    "winner": "winner",
    "no_single_winner": "inconclusive",
}


def plan_test(request: TestPlanRequest) -> TestPlan:
    """Visitors and days that a test needs; the longer of power and least conversions counts.

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
    return _Case(request, counts_of(request)).analysis()


@dataclass(frozen=True)
class _Case:
    """One analysis; every part is computed once, when something asks for it."""

    request: AnalysisRequest
    counts: Counts

    def analysis(self) -> Analysis:
        request, has_table = self.request, self.status != "no_data"
        safe, stop_reason = self.stop
        leaders = self.leader_pairs
        analysis = Analysis(
            verdict=VERDICTS[self.status],
            status=self.status,
            reason=self.reason,
            unit=request.unit,
            alpha=request.alpha,
            mode=request.mode,
            **(self.test._asdict() if has_table else {}),
            variants=self.variants,
            pairs=self.pairs,
            not_distinguishable=self.not_distinguishable if self.status == "no_single_winner" else [],
            srm=self.split,
            strata=self.strata,
            p_fixed=self.test.p_value if has_table else None,
            p_anytime=self.leader_p([pair.p_anytime for pair in leaders]),
            p_anytime_robust=self.leader_p([pair.p_anytime_robust for pair in leaders]),
            group_sequential=self.group_sequential,
            bayes=self.bayes,
            safe_to_stop=safe,
            stop_reason=stop_reason,
            expected_days_left=self.days_left,
            flags=self.flags,
            winner=self.winner,
            samples=ab_advice.sample_needs(self.counts, request.min_conversions, self.traffic),
        )
        advice = ab_advice.recommend(analysis, request, self.counts, leaders)
        return analysis.model_copy(update={"recommendations": advice})

    @cached_property
    def status(self) -> Status:
        arms = self.counts.arms
        if not all(arm.visitors for arm in arms):
            return "no_data"
        if self.split.verdict == "blocked":
            return "srm"
        if min(arm.conversions for arm in arms) < self.request.min_conversions:
            return "collecting"
        if self.test.p_value >= self.request.alpha:
            return "no_difference"
        return "winner" if len(self.not_distinguishable) == 1 else "no_single_winner"

    @property
    def reason(self) -> str | None:
        return "the traffic is not split as planned" if self.status == "srm" else None

    @cached_property
    def variants(self) -> list[VariantResult]:
        arms = self.counts.arms
        share = sum(arm.conversions for arm in arms) / max(sum(arm.visitors for arm in arms), 1)
        roas = [
            item.revenue / item.spend if item.spend and item.revenue is not None else None
            for item in self.request.variants
        ]
        return [
            VariantResult(
                variant_id=self.counts.ids[index],
                visitors=arm.visitors,
                converted=arm.conversions,
                not_converted=arm.visitors - arm.conversions,
                expected_converted=arm.visitors * share,
                rate=arm.rate if arm.visitors else None,
                interval=wilson(arm, self.request.alpha),
                roas=value,
                rank=None
                if value is None
                else 1 + sum(other is not None and other > value for other in roas),
            )
            for index, (arm, value) in enumerate(zip(arms, roas, strict=True))
        ]

    @cached_property
    def split(self) -> SplitCheck:
        """An auction has no split to keep to unless one was planned: told, but it blocks nothing."""
        request, visitors = self.request, [arm.visitors for arm in self.counts.arms]
        shares = request.planned_split or [1.0] * len(visitors)
        planned = [share / sum(shares) for share in shares]
        total = sum(visitors)
        p_fixed = split_p(visitors, planned) if total else 1.0
        log_e = split_log_e(self.counts.visitors, planned) if self.counts.days else None
        p_anytime = None if log_e is None else max(math.exp(-max(log_e, 0.0)), P_FLOOR)
        binding = request.randomised or request.planned_split is not None
        blocks = (p_fixed if p_anytime is None else p_anytime) < SPLIT_BLOCKS
        return SplitCheck(
            planned=planned,
            observed=[count / total if total else 0.0 for count in visitors],
            p_fixed=p_fixed,
            log_e=log_e,
            p_anytime=p_anytime,
            verdict="blocked" if blocks and binding else "warning" if p_fixed < SPLIT_WARNS else "ok",
        )

    @cached_property
    def pooled(self) -> TableTest:
        return compare(self.counts.arms)

    @cached_property
    def by_day(self) -> Stratified | None:
        counts = self.counts
        if not counts.usable.any():
            return None
        return cmh(counts.visitors[counts.usable], counts.conversions[counts.usable])

    @cached_property
    def day_leader(self) -> int | None:
        """Furthest above what equal rates within days would give."""
        if self.by_day is None:
            return None
        converted = self.counts.conversions[self.counts.usable].sum(axis=0)
        expected = converted - self.by_day.excess
        return int(np.argmax(converted / np.where(expected > 0, expected, 1.0)))

    @cached_property
    def days_decide(self) -> bool:
        """Within days the verdict is another: whatever the pooled table shows comes from the moving split."""
        if self.by_day is None:
            return False
        alpha = self.request.alpha
        pooled, within = self.pooled.p_value < alpha, self.by_day.test.p_value < alpha
        return pooled != within or (pooled and within and self.leader != self.day_leader)

    @property
    def test(self) -> TableTest:
        return self.by_day.test if self.by_day and self.days_decide else self.pooled

    @cached_property
    def strata(self) -> DayStrata | None:
        if self.by_day is None or self.status == "no_data":
            return None
        test = self.by_day.test
        assert test.statistic is not None
        return DayStrata(
            days=int(self.counts.usable.sum()),
            statistic=test.statistic,
            df=test.df,
            p_value=test.p_value,
            p_split=split_drift_p(self.counts.visitors),
        )

    @cached_property
    def leader(self) -> int:
        """Highest conversion rate; the first of equal ones."""
        rates = [arm.rate if arm.visitors else -1.0 for arm in self.counts.arms]
        return rates.index(max(rates))

    @cached_property
    def pairs(self) -> list[Pair]:
        if not all(arm.visitors for arm in self.counts.arms):
            return []
        return compare_pairs(self.request, self.counts, self.leader, self.days_decide)

    @property
    def leader_pairs(self) -> list[Pair]:
        return leader_pairs(self.pairs)

    @cached_property
    def not_distinguishable(self) -> list[str]:
        """The leader, and whoever may be as good."""
        leader = self.counts.ids[self.leader]
        if self.order_reversed:
            return [leader, *(name for name in self.counts.ids if name != leader)]
        close = [pair for pair in self.leader_pairs if pair.p_adjusted >= self.request.alpha]
        return [leader, *(ab_advice.rival(pair, leader) for pair in close)]

    @property
    def order_reversed(self) -> bool:
        return self.days_decide and self.test.p_value < self.request.alpha and self.leader != self.day_leader

    def leader_p(self, p_values: Sequence[float]) -> float | None:
        """p of the leader beating every other. Bonferroni: a false leader must have beaten the truly best."""
        return min(len(p_values) * max(p_values), 1.0) if p_values else None

    @cached_property
    def group_sequential(self) -> GroupSequential | None:
        if self.request.mode != "planned" or not self.pairs:
            return None
        information = self.information
        bound = bounds([*self.looks, information], self.request.alpha / (len(self.counts.arms) - 1))[-1]
        z = min(self.lead(pair) for pair in self.leader_pairs)
        last = max((day.day for item in self.request.variants for day in item.days), default=None)
        return GroupSequential(
            look=Look(day=last, information=information), z=z, bound=bound, crossed=z >= bound
        )

    def lead(self, pair: Pair) -> float:
        """The deviate in favour of the leader."""
        assert pair.z is not None
        return pair.z if pair.variant_id == self.counts.ids[self.leader] else -pair.z

    @cached_property
    def information(self) -> float:
        request, counts = self.request, self.counts
        if request.planned_conversions:
            totals = sum(arm.conversions for arm in counts.arms)
            closed = float(counts.conversions[counts.closed].sum()) if counts.days else totals
            return min(closed / request.planned_conversions, 1.0)
        assert request.planned_days
        if counts.days:
            return min(float(counts.closed.sum()) / request.planned_days, 1.0)
        gone = request.planned_days - (request.days_left or 0) if request.days_left is not None else 0
        return max(gone, 0) / request.planned_days

    @property
    def looks(self) -> list[float]:
        """Earlier looks in order; one that knew more than today (counts were taken back) is forgotten."""
        return sorted(look.information for look in self.request.looks if look.information <= self.information)

    @cached_property
    def holds_under_looks(self) -> bool:
        """Does the evidence that early looks cannot fool say that the leader is best?"""
        if self.group_sequential:
            return self.group_sequential.crossed
        robust = self.request.separate_adsets
        p = self.leader_p([pair.p_anytime_robust if robust else pair.p_anytime for pair in self.leader_pairs])
        ahead = all(self.lead(pair) > 0 for pair in self.leader_pairs)
        return p is not None and p <= self.request.alpha and ahead

    @cached_property
    def stop(self) -> tuple[bool, StopReason]:
        if VERDICTS[self.status] == "invalid":
            return False, "invalid"
        if self.status == "winner" and self.holds_under_looks:
            return True, "planned_bound" if self.group_sequential else "anytime_evidence"
        if self.group_sequential and self.information >= 1:
            return True, "planned_end"
        if self.request.days_left == 0:
            return True, "test_over"
        if VERDICTS[self.status] == "insufficient_data":
            return False, "too_few_conversions"
        if self.status == "no_single_winner":
            return False, "no_single_winner"
        needs_days = self.request.mode == "open_ended" and not self.counts.days
        return False, "no_daily_counts" if needs_days else "not_yet"

    @property
    def winner(self) -> Winner | None:
        if self.status != "winner":
            return None
        p = self.test.p_value
        return Winner(
            variant_id=self.counts.ids[self.leader],
            confidence=1 - p,
            p_value=p,
            holds_under_looks=self.holds_under_looks,
        )

    @cached_property
    def bayes(self) -> Bayes | None:
        if not self.request.bayes or not self.pairs:
            return None
        return Bayes(**best_arm(self.counts.arms)._asdict())

    @property
    def traffic(self) -> list[float] | None:
        return self.request.visitors_per_day or self.counts.traffic()

    @cached_property
    def days_left(self) -> DaysLeft | None:
        """Until the leader and its runner-up are told apart, by the mode in use."""
        if self.stop[0]:
            return DaysLeft(median=0, p80=0, share_unfinished=0.0)
        if not self.request.forecast or not self.pairs or self.status == "srm" or not self.traffic:
            return None
        others = [index for index in range(len(self.counts.arms)) if index != self.leader]
        second = max(others, key=lambda index: self.counts.arms[index].rate)
        traffic = (self.traffic[second], self.traffic[self.leader])
        return self._forecast(second, traffic) if min(traffic) > 0 else None

    def _forecast(self, second: int, traffic: tuple[float, float]) -> DaysLeft:
        request, counts = self.request, self.counts
        arms = (counts.arms[second], counts.arms[self.leader])
        ahead = ab_forecast.continue_test(arms, traffic, request.seed)
        past = counts.pair(second, self.leader, closed=True)
        alpha = request.alpha / (len(counts.arms) - 1)
        enough = ahead.enough(arms, request.min_conversions)
        phi = max(pair.dispersion for pair in self.leader_pairs)
        if request.mode == "open_ended":
            stops = ab_forecast.anytime_stops(ahead, past, alpha, phi) & enough
            if request.separate_adsets:
                stops &= past.days + ahead.days >= ROBUST_FROM_DAYS
            return ab_forecast.days_left(ahead.days, stops)
        information: Floats = self.information + self._information_per_day * ahead.days.astype(np.float64)
        stops = ab_forecast.planned_stops(ahead, past.excess, information, self.looks, alpha, phi) & enough
        return ab_forecast.days_left(ahead.days, stops | (information >= 1))

    @property
    def _information_per_day(self) -> float:
        if not self.request.planned_conversions:
            return 1 / (self.request.planned_days or 1)
        assert self.traffic
        daily = sum(count * arm.rate for count, arm in zip(self.traffic, self.counts.arms, strict=True))
        return daily / self.request.planned_conversions

    @property
    def flags(self) -> list[Flag]:
        strata, arms = self.strata, self.counts.arms
        uneven = self.split.verdict == "warning"
        binding = self.request.randomised or self.request.planned_split is not None
        raised: dict[Flag, bool] = {
            "not_randomised": not self.request.randomised,
            "split_drift": self.days_decide or (strata is not None and strata.p_split < DRIFT),
            "split_warning": uneven and binding,
            "uneven_delivery": uneven and not binding,
            "small_expected": bool(self.pairs) and smallest_expected(arms) < MIN_EXPECTED,
            "order_reversed": self.order_reversed,
            "no_daily_counts": not self.counts.days,
            "days_differ_from_totals": not self.counts.add_up,
        }
        return [flag for flag, is_raised in raised.items() if is_raised]
