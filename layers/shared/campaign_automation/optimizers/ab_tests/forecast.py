"""Days until a running test may stop: simulated continuations at today's traffic.

Both rates are drawn from their posteriors, so the answer carries how little is known of them. Seeded: the
same request has the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from campaign_automation.models.ab_values import (
    DaysLeft,
)
from campaign_automation.optimizers.ab_tests.sequential import BETS, DayPairs, log_bets, log_mean
from campaign_automation.optimizers.ab_tests.tables import Arm, Floats

PATHS = 400
HORIZON_DAYS = 90
# Daily at first, then coarser: a plan does not depend on day 61 against day 63.
_CHECKED = np.array([*range(1, 11), 12, 14, 16, 18, 21, 24, 28, 33, 39, 46, 54, 64, 76, HORIZON_DAYS])
_PLANNED_LOOKS = 10
Flags = NDArray[np.bool_]


class Continuation(NamedTuple):
    """Conversions to come, cumulative: per arm an array of shape (paths, checked days); `days` from today."""

    days: NDArray[np.int64]
    share: float  # the second arm's part of a day's visitors
    first: Floats
    second: Floats

    def enough(self, arms: tuple[Arm, Arm], least: int) -> Flags:
        enough: Flags = (self.first + arms[0].conversions >= least) & (
            self.second + arms[1].conversions >= least
        )
        return enough


def continue_test(arms: tuple[Arm, Arm], traffic: tuple[float, float], seed: int) -> Continuation:
    """Simulate 400 continuations over 90 days; traffic in visitors a day, above 0 for both arms."""
    rng = np.random.default_rng(seed)
    spans = np.diff(_CHECKED, prepend=0)
    cumulative = []
    for arm, visitors in zip(arms, traffic, strict=True):
        rate = rng.beta(arm.conversions + 1, arm.visitors - arm.conversions + 1, size=(PATHS, 1))
        cumulative.append(np.cumsum(rng.poisson(rate * visitors * spans), axis=1, dtype=np.float64))
    return Continuation(_CHECKED, traffic[1] / sum(traffic), cumulative[0], cumulative[1])


def anytime_stops(ahead: Continuation, pairs: DayPairs, alpha: float, tempering: Floats) -> Flags:
    """Return the days on which the evidence reaches 1/alpha; `tempering`: each day's dispersion."""
    past = log_bets(pairs, np.zeros(1))[0, -1] if pairs.days else np.zeros(len(BETS))
    lost = np.log1p(ahead.share * np.expm1(BETS))
    bets, counts = np.stack((-lost, BETS - lost)), np.stack((ahead.first, ahead.second), axis=-1)
    threshold = -tempering * math.log(alpha)
    # Day by day, because one day of all paths stays in the processor's cache.
    by_day = [log_mean(past + counts[:, day] @ bets) >= threshold[day] for day in range(counts.shape[1])]
    return np.stack(by_day, axis=1)


class Plan(NamedTuple):
    """A planned test: its information on each checked day, its earlier looks, its bounds for given looks, and
    the dispersion on each checked day."""

    information: Floats
    looks: Sequence[float]
    bounds: Callable[[Sequence[float]], list[float]]
    tempering: Floats


def planned_stops(ahead: Continuation, past: tuple[float, float], plan: Plan) -> Flags:
    """Return the days on which |Z| reaches its bound; `past`: excess of the second arm and its variance.

    Ten of the checked days at most, before the plan's end, are looks.
    """
    within = np.flatnonzero(plan.information < 1)
    looked = within[:: max(math.ceil(len(within) / _PLANNED_LOOKS), 1)]
    limits = plan.bounds([*plan.looks, *plan.information[looked].tolist()])[len(plan.looks) :]
    converted = ahead.first[:, looked] + ahead.second[:, looked]
    excess = past[0] + ahead.second[:, looked] - ahead.share * converted
    variance = past[1] + ahead.share * (1 - ahead.share) * converted
    stops = np.zeros(ahead.first.shape, dtype=bool)
    stops[:, looked] = np.abs(excess) >= np.array(limits) * np.sqrt(variance * plan.tempering[looked])
    return stops


def days_left(days: NDArray[np.int64], stops: Flags) -> DaysLeft:
    """Return median and 80 % quantile of the first day that stops."""
    first = np.where(stops.any(axis=1), days[stops.argmax(axis=1)], HORIZON_DAYS + 1)
    return DaysLeft(
        median=_quantile(first, 0.5),
        p80=_quantile(first, 0.8),
        share_unfinished=float((first > HORIZON_DAYS).mean()),
    )


def _quantile(first: NDArray[np.int64], share: float) -> int | None:
    day = int(np.sort(first)[math.ceil(share * len(first)) - 1])
    return day if day <= HORIZON_DAYS else None
