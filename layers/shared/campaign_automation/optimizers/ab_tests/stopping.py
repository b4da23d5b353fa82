"""Return whether a test may stop now, and in how many days: by its plan, or by evidence valid at any look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from campaign_automation.models.ab_analysis import (
    AnalysisRequest,
)
from campaign_automation.models.ab_values import (
    SLOW_DRIFT_DAYS,
    DaysLeft,
    GroupSequential,
    Look,
    StopReason,
)
from campaign_automation.optimizers.ab_tests import forecast as ab_forecast
from campaign_automation.optimizers.ab_tests.counts import Counts
from campaign_automation.optimizers.ab_tests.dispersion import (
    ROBUST_FROM_DAYS,
    SPENDABLE,
)
from campaign_automation.optimizers.ab_tests.findings import VERDICTS, Findings
from campaign_automation.optimizers.ab_tests.group_sequential import bounds
from campaign_automation.optimizers.ab_tests.tables import Floats


@dataclass(frozen=True)
class Stopping:
    """The mode of the test, its plan and earlier looks, applied to the findings."""

    findings: Findings

    @property
    def request(self) -> AnalysisRequest:
        return self.findings.request

    @property
    def counts(self) -> Counts:
        return self.findings.counts

    @property
    def alpha(self) -> float:
        """For the leader against each other variant."""
        return self.request.alpha / (len(self.counts.arms) - 1)

    @cached_property
    def group_sequential(self) -> GroupSequential | None:
        if self.request.mode != "planned" or not self.findings.pairs:
            return None
        bound = self._bounds([*self.looks, self.information])[-1]
        z = min(self.findings.lead(pair) for pair in self.findings.leader_pairs)
        last = max((day.day for item in self.request.variants for day in item.days), default=None)
        return GroupSequential(
            look=Look(day=last, information=self.information), z=z, bound=bound, crossed=z >= bound
        )

    def _bounds(self, information: Sequence[float]) -> list[float]:
        return bounds(information, self.alpha * (SPENDABLE if self.request.separate_adsets else 1))

    @cached_property
    def information(self) -> float:
        request, counts = self.request, self.counts
        if request.planned_conversions:
            totals = sum(arm.conversions for arm in counts.arms)
            closed = float(counts.conversions[counts.closed].sum()) if counts.days else totals
            return min(closed / request.planned_conversions, 1.0)
        planned = self._planned_days
        if counts.days:
            return min(float(counts.closed.sum()) / planned, 1.0)
        left = planned if request.days_left is None else request.days_left
        return max(planned - left, 0) / planned

    @property
    def _planned_days(self) -> int:
        return self.request.planned_days or 1  # a planned test has days or conversions: check_request

    @property
    def looks(self) -> list[float]:
        """Earlier looks in order, without those that knew more than today: their counts were taken back."""
        return sorted(look.information for look in self.request.looks if look.information <= self.information)

    @cached_property
    def holds_under_looks(self) -> bool:
        """Return whether the leader is best by evidence that neither looks nor noise mislead."""
        if self.group_sequential:
            return self.group_sequential.crossed
        robust = self.request.separate_adsets
        pairs = self.findings.leader_pairs
        return self._is_proof([pair.p_anytime_robust if robust else pair.p_anytime for pair in pairs])

    @cached_property
    def _only_drift_is_in_doubt(self) -> bool:
        """Return whether it would hold without the slow drift that is assumed while none can be measured."""
        pairs = self.findings.leader_pairs
        if not self.group_sequential:
            return self._is_proof([pair.p_anytime_measured for pair in pairs])
        leads = [self.findings.lead(pair, measured=True) for pair in pairs]
        return min(leads) >= self.group_sequential.bound

    def _is_proof(self, p_values: Sequence[float]) -> bool:
        p = self.findings.leader_p(p_values)
        ahead = all(self.findings.lead(pair) > 0 for pair in self.findings.leader_pairs)
        return p is not None and p <= self.request.alpha and ahead

    @property
    def is_over(self) -> bool:
        """Return whether the plan has no more to come."""
        at_end = self.group_sequential is not None and self.information >= 1
        return at_end or self.request.days_left == 0

    @cached_property
    def stop(self) -> tuple[bool, StopReason]:
        """Return whether the test may end; a winner ends it never by the plain chi-square."""
        status = self.findings.status
        if VERDICTS[status] == "invalid":
            return False, "invalid"
        if status == "winner":
            return self._stop_with_winner
        if self.is_over:
            at_end = self.group_sequential is not None and self.information >= 1
            return True, "planned_end" if at_end else "test_over"
        if VERDICTS[status] == "insufficient_data":
            return False, "too_few_conversions"
        if status == "no_single_winner":
            return False, "no_single_winner"
        return False, self._not_yet

    @property
    def _stop_with_winner(self) -> tuple[bool, StopReason]:
        if self.holds_under_looks:
            return True, "planned_bound" if self.group_sequential else "anytime_evidence"
        if self._only_drift_is_in_doubt:
            return False, "slow_drift"
        return False, "within_noise" if self.is_over else self._not_yet

    @property
    def _not_yet(self) -> StopReason:
        needs_days = self.request.mode == "open_ended" and not self.counts.days
        return "no_daily_counts" if needs_days else "not_yet"

    @cached_property
    def days_left(self) -> DaysLeft | None:
        """Days until the leader and its runner-up are told apart, by the mode in use."""
        if self.stop[0]:
            return DaysLeft(median=0, p80=0, share_unfinished=0.0)
        traffic, leader = self.counts.traffic(), self.findings.leader
        if self.is_over or not (self.request.forecast and self.findings.pairs and traffic):
            return None
        others = [index for index in range(len(traffic)) if index != leader]
        second = max(others, key=lambda index: self.counts.arms[index].rate)
        return self._forecast(second, traffic) if traffic[second] and traffic[leader] else None

    def _forecast(self, second: int, traffic: Sequence[float]) -> DaysLeft:
        request, leader = self.request, self.findings.leader
        arms = (self.counts.arms[second], self.counts.arms[leader])
        ahead = ab_forecast.continue_test(arms, (traffic[second], traffic[leader]), request.seed)
        past = self.counts.pair(second, leader, closed=True)
        days, tempering = past.days + ahead.days, self._tempering(past.days + ahead.days)
        enough = ahead.enough(arms, request.min_conversions)
        if request.mode == "open_ended":
            stops = ab_forecast.anytime_stops(ahead, past, self.alpha, tempering) & enough
            if request.separate_adsets:
                stops &= days >= ROBUST_FROM_DAYS
            return ab_forecast.days_left(ahead.days, stops)
        information: Floats = self.information + self._daily_information(traffic) * ahead.days.astype(
            np.float64
        )
        plan = ab_forecast.Plan(information, self.looks, self._bounds, tempering)
        stops = ab_forecast.planned_stops(ahead, past.excess, plan)
        return ab_forecast.days_left(ahead.days, (stops & enough) | (information >= 1))

    def _tempering(self, days: NDArray[np.int64]) -> Floats:
        """Return the dispersion that holds a decision back on each day: a drift is assumed until measured."""
        pairs = self.findings.leader_pairs
        measured = max(pair.measured_dispersion for pair in pairs)
        guarded = max(pair.dispersion for pair in pairs)
        return np.where(days < SLOW_DRIFT_DAYS, guarded, measured)

    def _daily_information(self, traffic: Sequence[float]) -> float:
        if not self.request.planned_conversions:
            return 1 / self._planned_days
        rates = [arm.rate for arm in self.counts.arms]
        daily = sum(count * rate for count, rate in zip(traffic, rates, strict=True))
        return daily / self.request.planned_conversions
