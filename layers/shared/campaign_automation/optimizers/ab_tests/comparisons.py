"""Variants compared two at a time: fixed tests, effects, and evidence under daily looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from campaign_automation.models.ab_analysis import (
    AnalysisRequest,
    Pair,
)
from campaign_automation.models.ab_values import (
    Interval,
)
from campaign_automation.optimizers.ab_tests import effects
from campaign_automation.optimizers.ab_tests.counts import Counts
from campaign_automation.optimizers.ab_tests.dispersion import UNDISPERSED, dispersion, robust_p
from campaign_automation.optimizers.ab_tests.sequential import (
    DayPairs,
    anytime_p,
    log_e_by_day,
    ratio_limits,
)
from campaign_automation.optimizers.ab_tests.tables import TableTest, chi_square_p, compare, holm

Family = Literal["control", "leader"]


def compare_pairs(request: AnalysisRequest, counts: Counts, leader: int, by_day: bool) -> list[Pair]:
    """Compare every variant with the control; with more than two, then the leader with every other.

    `by_day`: p-values are Cochran-Mantel-Haenszel's. Every arm has visitors.
    """
    arms = range(len(counts.arms))
    families: list[tuple[Family, list[tuple[int, int]]]] = [("control", [(index, 0) for index in arms[1:]])]
    if len(arms) > 2:
        families.append(("leader", [(leader, index) for index in arms if index != leader]))
    return [
        pair
        for family, members in families
        for pair in _adjusted([_pair(request, counts, family, *member, by_day) for member in members])
    ]


def leader_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the leader against every other; of two variants, the one comparison there is."""
    return [pair for pair in pairs if pair.family == "leader"] or list(pairs)


def rival(pair: Pair, name: str) -> str:
    """Return the other of the two variants."""
    return pair.against_id if pair.variant_id == name else pair.variant_id


def _adjusted(pairs: list[Pair]) -> list[Pair]:
    fixed = holm([pair.p_value for pair in pairs])
    anytime = holm([pair.p_anytime for pair in pairs])
    return [
        pair.model_copy(update={"p_adjusted": p, "p_anytime_adjusted": q})
        for pair, p, q in zip(pairs, fixed, anytime, strict=True)
    ]


def _pair(
    request: AnalysisRequest, counts: Counts, family: Family, index: int, against: int, by_day: bool
) -> Pair:
    first, second, alpha = counts.arms[index], counts.arms[against], request.alpha
    closed = counts.pair(against, index, closed=True)
    phi = dispersion(closed) if request.separate_adsets else UNDISPERSED
    log_e = log_e_by_day(closed) if counts.days else closed.share[:0]
    stratified = _cmh(counts.pair(against, index, closed=False)) if counts.days else None
    test = stratified if by_day and stratified else compare([second, first])
    return Pair(
        family=family,
        variant_id=counts.ids[index],
        against_id=counts.ids[against],
        method=test.method,
        statistic=test.statistic,
        p_value=test.p_value,
        p_adjusted=test.p_value,
        difference=effects.difference(first, second, alpha),
        ratio=effects.ratio(first, second, alpha),
        odds_ratio=effects.odds_ratio(first, second, alpha),
        cohens_h=effects.cohens_h(first, second),
        lift=effects.lift(first, second),
        p_cmh=stratified.p_value if stratified else None,
        z=phi.deviate(closed.z),
        measured_z=phi.deviate(closed.z, guarded=False),
        dispersion=phi.guarded,
        measured_dispersion=phi.measured,
        p_anytime=anytime_p(log_e),
        p_anytime_adjusted=anytime_p(log_e),
        p_anytime_robust=robust_p(log_e, phi),
        p_anytime_measured=robust_p(log_e, phi, guarded=False),
        anytime_ratio=_anytime_ratio(closed, alpha) if counts.days else None,
    )


def _cmh(pairs: DayPairs) -> TableTest:
    statistic = pairs.z**2
    return TableTest("cmh", statistic, 1, chi_square_p(statistic, 1))


def _anytime_ratio(closed: DayPairs, alpha: float) -> Interval:
    low, high = ratio_limits(closed, alpha)
    return Interval(value=closed.ratio, low=low, high=high)
