"""Tests on counts of converted and not converted visitors, by arm.

Sources: Mantel and Haenszel, Statistical Aspects of the Analysis of Data from Retrospective Studies (1959);
Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979); Fabijan et al., Diagnosing Sample Ratio
Mismatch in Online Controlled Experiments (2019); Lindon and Malek, Anytime-Valid Inference for Multinomial
Count Data (2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

P_FLOOR = 1e-300
MIN_EXPECTED = 5
SPLIT_PRIOR = 100.0  # weight of the expected shares, in visitors
_SUPPORT_SD = 40.0
_TIES = 1 + 1e-7  # tables as probable as the observed one, whatever the rounding


class Arm(NamedTuple):
    visitors: int
    conversions: int

    @property
    def rate(self) -> float:
        return self.conversions / self.visitors


class TableTest(NamedTuple):
    method: Literal["chi_square", "fisher", "cmh"]
    statistic: float | None
    df: int
    p_value: float


def chi_square_p(statistic: float, df: int) -> float:
    """Return the share of a chi-square distribution above `statistic`, at least 1e-300."""
    if df == 1:
        return max(math.erfc(math.sqrt(statistic / 2)), P_FLOOR)
    from scipy.special import gammaincc

    return max(float(gammaincc(df / 2, statistic / 2)), P_FLOOR)


def chi_square(arms: Sequence[Arm]) -> TableTest:
    """Test equal rates with Pearson's chi-square, without Yates' correction; every arm has visitors.

    Without any conversion, or with nothing else, there is no evidence: statistic 0 and p 1.
    """
    total, converted = sum(arm.visitors for arm in arms), sum(arm.conversions for arm in arms)
    df = len(arms) - 1
    spread = converted * (total - converted)
    if not spread:
        return TableTest("chi_square", 0.0, df, 1.0)
    # Integers, divided once each: exact where floats would cancel.
    statistic = sum(
        (arm.conversions * total - arm.visitors * converted) ** 2 / (arm.visitors * spread) for arm in arms
    )
    return TableTest("chi_square", statistic, df, chi_square_p(statistic, df))


def smallest_expected(arms: Sequence[Arm]) -> float:
    """Return the least count that is expected in any cell under equal rates."""
    total, converted = sum(arm.visitors for arm in arms), sum(arm.conversions for arm in arms)
    return min(arm.visitors for arm in arms) * min(converted, total - converted) / total


def fisher(first: Arm, second: Arm) -> TableTest:
    """Test with Fisher's exact test, two-sided: all tables no more probable than the observed one."""
    n, converted = first.visitors, first.conversions + second.conversions
    low, high = _support(first, second)
    steps = np.arange(low, high, dtype=np.float64)
    rise = np.log((n - steps) * (converted - steps))
    fall = np.log((steps + 1) * (second.visitors - converted + steps + 1))
    log_weight = np.concatenate(([0.0], np.cumsum(rise - fall)))
    weight = np.exp(log_weight - log_weight.max())
    observed = weight[first.conversions - low]
    p = float(weight[weight <= observed * _TIES].sum() / weight.sum())
    return TableTest("fisher", None, 1, min(max(p, P_FLOOR), 1.0))


def _support(first: Arm, second: Arm) -> tuple[int, int]:
    """Return the range of conversions of `first` worth summing over, given both margins."""
    total, converted = first.visitors + second.visitors, first.conversions + second.conversions
    mean = first.visitors * converted / total
    deviation = math.sqrt(mean * (second.visitors / total) * (total - converted) / max(total - 1, 1))
    # A skewed table has more tail than its deviation says, so never less than 50 counts.
    reach = max(_SUPPORT_SD * deviation, abs(first.conversions - mean) + 1, 50.0)
    low = max(0, converted - second.visitors, math.floor(mean - reach))
    return low, min(first.visitors, converted, math.ceil(mean + reach))


def compare(arms: Sequence[Arm]) -> TableTest:
    """Test with chi-square, or with Fisher's test where two arms are too small for it."""
    if len(arms) == 2 and smallest_expected(arms) < MIN_EXPECTED:
        return fisher(arms[0], arms[1])
    return chi_square(arms)


class Stratified(NamedTuple):
    """`excess`: conversions of each arm beyond equal rates within days; `z` is the last arm's, signed."""

    statistic: float
    df: int
    p_value: float
    excess: Floats
    z: float

    @property
    def test(self) -> TableTest:
        return TableTest("cmh", self.statistic, self.df, self.p_value)


def cmh(visitors: Floats, conversions: Floats) -> Stratified:
    """Test with Cochran-Mantel-Haenszel over days, without correction; arrays of shape (days, arms).

    For more than two arms the generalised form, in general with arms - 1 degrees of freedom.
    """
    total, converted = visitors.sum(axis=1), conversions.sum(axis=1)
    share = visitors / total[:, None]
    excess = (conversions - share * converted[:, None]).sum(axis=0)
    spread = converted * (total - converted) / np.maximum(total - 1, 1)
    weighted = share * spread[:, None]
    covariance = np.diag(weighted.sum(axis=0)) - share.T @ weighted
    variance = float(covariance[-1, -1])
    z = float(excess[-1]) / math.sqrt(variance) if variance > 0 else 0.0
    statistic, df = (z * z, 1) if visitors.shape[1] == 2 else _quadratic_form(excess, covariance)
    return Stratified(statistic, df, chi_square_p(statistic, df), excess, z)


def _quadratic_form(vector: Floats, covariance: Floats) -> tuple[float, int]:
    """Return the squared length in units of the covariance, and its rank; arms never seen together add 0."""
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if not rank:
        return 0.0, len(vector) - 1
    return max(float(vector @ np.linalg.pinv(covariance, hermitian=True) @ vector), 0.0), rank


def split_drift_p(visitors: Floats) -> float:
    """Test the arms' shares of visitors for a drift by day: chi-square of shape (days, arms)."""
    kept = visitors[visitors.sum(axis=1) > 0][:, visitors.sum(axis=0) > 0]
    df = (kept.shape[0] - 1) * (kept.shape[1] - 1)
    if df <= 0:
        return 1.0
    expected = np.outer(kept.sum(axis=1), kept.sum(axis=0)) / kept.sum()
    return chi_square_p(float(((kept - expected) ** 2 / expected).sum()), df)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values, in the order given, so that any of them is false with probability at most alpha."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(running, 1.0)
    return adjusted


def split_p(visitors: Sequence[int], split: Sequence[float]) -> float:
    """Test visitors against expected shares (sum 1) at one look: chi-square."""
    total = sum(visitors)
    statistic = sum(
        (count - total * share) ** 2 / (total * share) for count, share in zip(visitors, split, strict=True)
    )
    return chi_square_p(statistic, len(visitors) - 1)


def split_log_e(visitors: Floats, split: Sequence[float]) -> float:
    """Test visitors, shape (days, arms), against shares under daily looks: the largest log e so far."""
    return max(_split_log_e_of(counts, split) for counts in np.cumsum(visitors, axis=0).tolist())


def _split_log_e_of(counts: Sequence[float], split: Sequence[float]) -> float:
    log_e = math.lgamma(SPLIT_PRIOR) - math.lgamma(SPLIT_PRIOR + sum(counts))
    for count, share in zip(counts, split, strict=True):
        prior = SPLIT_PRIOR * share
        log_e += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return log_e
