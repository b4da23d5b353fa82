"""The findings in the counts of a test, at any look: tables, leader, pairs, status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from campaign_automation.models.ab_analysis import (
    AnalysisRequest,
    Delivery,
    Pair,
    VariantResult,
)
from campaign_automation.models.ab_values import (
    AnalysisFlag,
    AnalysisStatus,
    Bayes,
    DayStrata,
    Verdict,
)
from campaign_automation.optimizers.ab_tests.bayes import best_arm
from campaign_automation.optimizers.ab_tests.comparisons import compare_pairs, leader_pairs, rival
from campaign_automation.optimizers.ab_tests.counts import Counts
from campaign_automation.optimizers.ab_tests.dispersion import dispersion
from campaign_automation.optimizers.ab_tests.effects import wilson
from campaign_automation.optimizers.ab_tests.tables import (
    MIN_EXPECTED,
    P_FLOOR,
    Stratified,
    TableTest,
    cmh,
    compare,
    smallest_expected,
    split_drift_p,
    split_log_e,
    split_p,
)

UNEVEN, DRIFT = 1e-2, 1e-3

VERDICTS: dict[AnalysisStatus, Verdict] = {
    "impossible_counts": "invalid",
    "no_data": "insufficient_data",
    "collecting": "insufficient_data",
    "no_difference": "no_difference",
    "winner": "winner",
    "no_single_winner": "inconclusive",
}


@dataclass(frozen=True)
class Findings:
    """One reading of the counts; every part is computed once, when something asks for it."""

    request: AnalysisRequest
    counts: Counts

    @cached_property
    def status(self) -> AnalysisStatus:
        if not self.complete:
            return "no_data"
        if min(arm.conversions for arm in self.counts.arms) < self.request.min_conversions:
            return "collecting"
        if self.test.p_value >= self.request.alpha:
            return "no_difference"
        return "winner" if len(self.not_distinguishable) == 1 else "no_single_winner"

    @property
    def complete(self) -> bool:
        """Return whether every arm has visitors; without that there is nothing to test."""
        return all(arm.visitors for arm in self.counts.arms)

    @cached_property
    def variants(self) -> list[VariantResult]:
        arms = self.counts.arms
        share = sum(arm.conversions for arm in arms) / max(sum(arm.visitors for arm in arms), 1)
        roas = [
            item.revenue / item.spend if item.spend and item.revenue is not None else None
            for item in self.request.variants
        ]
        ordered = sorted((value for value in roas if value is not None), reverse=True)
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
                rank=None if value is None else 1 + ordered.index(value),
            )
            for index, (arm, value) in enumerate(zip(arms, roas, strict=True))
        ]

    @cached_property
    def delivery(self) -> Delivery:
        """Visitors against equal shares."""
        visitors = [arm.visitors for arm in self.counts.arms]
        equal, total = [1.0 / len(visitors)] * len(visitors), sum(visitors)
        p_fixed = split_p(visitors, equal) if total else 1.0
        log_e = split_log_e(self.counts.visitors, equal) if self.counts.days else None
        return Delivery(
            equal=equal,
            observed=[count / total if total else 0.0 for count in visitors],
            p_fixed=p_fixed,
            log_e=log_e,
            p_anytime=None if log_e is None else max(math.exp(-max(log_e, 0.0)), P_FLOOR),
            is_uneven=p_fixed < UNEVEN,
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
        """The arm furthest above its conversions under equal rates within days."""
        if self.by_day is None:
            return None
        converted = self.counts.conversions[self.counts.usable].sum(axis=0)
        expected = converted - self.by_day.excess
        return int(np.argmax(converted / np.where(expected > 0, expected, 1.0)))

    @cached_property
    def drift_p(self) -> float:
        return split_drift_p(self.counts.visitors)

    @cached_property
    def days_differ(self) -> bool:
        """Return whether the verdict within days is another than in the pooled table."""
        if self.by_day is None or not (self.complete and self.counts.add_up):
            return False
        alpha = self.request.alpha
        pooled, within = self.pooled.p_value < alpha, self.by_day.p_value < alpha
        return pooled != within or (pooled and self.leader != self.day_leader)

    @property
    def days_decide(self) -> bool:
        """Return whether a moving split explains the pooled table; else the verdicts only straddle alpha."""
        return self.days_differ and self.drift_p < DRIFT

    @property
    def test(self) -> TableTest:
        return self.by_day.test if self.by_day and self.days_decide else self.pooled

    @cached_property
    def strata(self) -> DayStrata | None:
        if self.by_day is None or not self.complete:
            return None
        return DayStrata(
            days=int(self.counts.usable.sum()),
            statistic=self.by_day.statistic,
            df=self.by_day.df,
            p_value=self.by_day.p_value,
            p_split=self.drift_p,
        )

    @cached_property
    def leader(self) -> int:
        """The arm with the highest conversion rate; the first of equal ones."""
        rates = [arm.rate if arm.visitors else -1.0 for arm in self.counts.arms]
        return rates.index(max(rates))

    @cached_property
    def pairs(self) -> list[Pair]:
        if not self.complete:
            return []
        return compare_pairs(self.request, self.counts, self.leader, self.days_decide)

    @property
    def leader_pairs(self) -> list[Pair]:
        return leader_pairs(self.pairs)

    @cached_property
    def not_distinguishable(self) -> list[str]:
        """The leader, and the variants that may be as good."""
        leader = self.counts.ids[self.leader]
        if self.order_reversed:
            return [leader, *(name for name in self.counts.ids if name != leader)]
        close = [pair for pair in self.leader_pairs if pair.p_adjusted >= self.request.alpha]
        return [leader, *(rival(pair, leader) for pair in close)]

    @property
    def order_reversed(self) -> bool:
        return self.days_decide and self.test.p_value < self.request.alpha and self.leader != self.day_leader

    def leader_p(self, p_values: Sequence[float]) -> float | None:
        """Return p of the leader beating every other. Bonferroni: a false leader has beaten the best."""
        return min(len(p_values) * max(p_values), 1.0) if p_values else None

    def lead(self, pair: Pair, *, measured: bool = False) -> float:
        """Return the deviate in favour of the leader; `measured`: without a slow drift that is assumed."""
        z = pair.measured_z if measured else pair.z
        return z if pair.variant_id == self.counts.ids[self.leader] else -z

    @cached_property
    def bayes(self) -> Bayes | None:
        if not self.request.bayes or not self.pairs:
            return None
        return Bayes(**best_arm(self.counts.arms)._asdict())

    @property
    def slow_drift_possible(self) -> bool:
        """Return whether the ad sets may drift apart slowly without the closed days having shown it."""
        counts = self.counts
        if not (self.request.separate_adsets and self.complete and counts.days):
            return False
        against_control = (counts.pair(0, index, closed=True) for index in range(1, len(counts.arms)))
        return any(dispersion(pairs).by_block is None for pairs in against_control)

    @property
    def flags(self) -> list[AnalysisFlag]:
        arms = self.counts.arms
        raised: dict[AnalysisFlag, bool] = {
            "not_randomised": not self.request.randomised,
            "split_drift": self.days_differ or self.drift_p < DRIFT,
            "uneven_delivery": self.delivery.is_uneven,
            "small_expected": self.complete and smallest_expected(arms) < MIN_EXPECTED,
            "order_reversed": self.order_reversed,
            "no_daily_counts": not self.counts.days,
            "days_differ_from_totals": not self.counts.add_up,
            "slow_drift_possible": self.slow_drift_possible,
        }
        return [flag for flag, is_raised in raised.items() if is_raised]
