"""Evidence valid at any number of looks: a stratified conditional e-process and its p-values and limits.

Within a day, given who visited and how many converted, equal rates make a conversion the second arm's with
the probability of its share of visitors; drawing without replacement only makes bets on it safer (Hoeffding
1963). Bets on rate ratios between 2 % and 2.7-fold either way multiply over days, and their mean exceeds
1/alpha with probability at most alpha, ever. Neither rates nor split need be the same on two days.

Sources: Turner and Gruenwald, Safe Sequential Testing and Effect Estimation in Stratified Count Data (2023);
Howard, Ramdas, McAuliffe, Sekhon, Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences (2021);
Hoeffding, Probability Inequalities for Sums of Bounded Random Variables (1963).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from campaign_automation.optimizers.ab_tests.tables import P_FLOOR, Floats

_SIZES = 0.02 * 50 ** (np.arange(40) / 39)
BETS: Floats = np.concatenate((-_SIZES[::-1], _SIZES))  # log rate ratios, equally weighted
_ODDS: Floats = np.expm1(BETS)

MAX_LOG_RATIO = 5.0
_PRECISION = 1e-9  # of the log evidence
_MAX_STEPS = 60


class DayPairs(NamedTuple):
    """Closed days of two arms, oldest first: arrays of one number per day.

    `share` is the second arm's part of the visitors, `converted` both arms' conversions, `second` the second
    arm's; `variance` is the hypergeometric variance of `second` under equal rates.
    """

    share: Floats
    converted: Floats
    second: Floats
    variance: Floats

    @property
    def days(self) -> int:
        return len(self.share)

    @property
    def excess(self) -> tuple[float, float]:
        """Conversions of the second arm beyond equal rates within days, and the variance of that."""
        return float((self.second - self.share * self.converted).sum()), float(self.variance.sum())

    @property
    def z(self) -> float:
        """Cochran-Mantel-Haenszel's deviate, positive when the second arm is ahead."""
        excess, variance = self.excess
        return excess / math.sqrt(variance) if variance > 0 else 0.0

    @property
    def ratio(self) -> float | None:
        """Mantel-Haenszel's estimate of the rate ratio, second over first."""
        first = float(((self.converted - self.second) * self.share).sum())
        return float((self.second * (1 - self.share)).sum()) / first if first else None


def day_pairs(visitors: Floats, conversions: Floats) -> DayPairs:
    """Return the pairs of counts of shape (days, 2).

    Days with an empty arm, or with more conversions than visitors, are left out.
    """
    usable = (visitors.min(axis=1, initial=math.inf) > 0) & (conversions <= visitors).all(axis=1)
    visitors, conversions = visitors[usable], conversions[usable]
    total, converted = visitors.sum(axis=1), conversions.sum(axis=1)
    share = visitors[:, 1] / total
    variance = share * (1 - share) * converted * (total - converted) / np.maximum(total - 1, 1)
    return DayPairs(share, converted, conversions[:, 1], variance)


def log_bets(pairs: DayPairs, null: Floats) -> Floats:
    """Return the log of each bet after each day, for each log rate ratio of `null`: nulls x days x bets."""
    odds = pairs.share * np.exp(null[:, None])
    share = odds / (1 - pairs.share + odds)
    lost = pairs.converted[:, None] * np.log1p(share[:, :, None] * _ODDS)
    logs: Floats = np.cumsum(pairs.second[:, None] * BETS - lost, axis=1)
    return logs


def log_mean(log_values: Floats) -> Floats:
    """Return the log of the mean of exp over the last axis."""
    top: Floats = log_values.max(axis=-1)
    mean: Floats = top + np.log(np.exp(log_values - top[..., None]).mean(axis=-1))
    return mean


def log_e_by_day(pairs: DayPairs) -> Floats:
    """Return the log evidence against equal rates after each day."""
    by_day: Floats = log_mean(log_bets(pairs, np.zeros(1)))[0]
    return by_day


def anytime_p(log_e: Floats) -> float:
    """Return p valid under any number of looks: from the strongest evidence of any day so far."""
    return p_of(max([0.0, *log_e.tolist()]))


def p_of(log_e: float) -> float:
    """Return the p-value of evidence, at least 1e-300."""
    return max(math.exp(-log_e), P_FLOOR)


def ratio_limits(pairs: DayPairs, alpha: float) -> tuple[float | None, float | None]:
    """Return the confidence sequence of the rate ratio, second over first: ratios that no day refuted.

    A limit is None beyond exp(5) either way, or where there is nothing to go by.
    """
    information = float((pairs.share * (1 - pairs.share) * pairs.converted).sum())
    if not information:
        return None, None
    centre = _centre(pairs)
    running = _excess(pairs, alpha, np.array([centre]), ever=True)[0] < 0
    step = 2 / math.sqrt(information)
    ends = [_limit(pairs, alpha, centre, sign * step, bool(running)) for sign in (-1, 1)]
    low, high = (None if end is None else math.exp(end) for end in ends)
    return low, high


def _centre(pairs: DayPairs) -> float:
    """Return the log of the estimated ratio, within the range that is searched."""
    ratio = pairs.ratio
    if not ratio:
        return MAX_LOG_RATIO if ratio is None else -MAX_LOG_RATIO
    return min(max(math.log(ratio), -MAX_LOG_RATIO), MAX_LOG_RATIO)


def _excess(pairs: DayPairs, alpha: float, null: Floats, *, ever: bool) -> Floats:
    """Return log evidence against each null beyond the threshold: the strongest day's so far, or today's."""
    log_e = log_mean(log_bets(pairs, null))
    return (log_e.max(axis=1) if ever else log_e[:, -1]) + math.log(alpha)


def _limit(pairs: DayPairs, alpha: float, centre: float, step: float, ever: bool) -> float | None:
    """Search outwards from the centre for the point at which the evidence reaches the threshold."""

    def excess(null: float) -> float:
        return float(_excess(pairs, alpha, np.array([null]), ever=ever)[0])

    inside, outside = centre, centre + step
    at_inside = excess(inside)
    while (at_outside := excess(outside)) < 0:
        if abs(outside) >= MAX_LOG_RATIO:
            return None
        step *= 2
        inside, at_inside = outside, at_outside
        outside = min(max(outside + step, -MAX_LOG_RATIO), MAX_LOG_RATIO)
    return _crossing(excess, inside, at_inside, outside, at_outside)


def _crossing(f: Callable[[float], float], a: float, at_a: float, b: float, at_b: float) -> float:
    """Return the root of f between a and b, between which it changes sign, by the Illinois method."""
    for _ in range(_MAX_STEPS):
        x = b - at_b * (b - a) / (at_b - at_a)
        at_x = f(x)
        if at_x * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a /= 2
        b, at_b = x, at_x
        if abs(at_b) < _PRECISION:
            break
    return b
