"""The guard: whether the evidence carries a change, with late conversions and daily looks allowed for.

Pauses are checked every day, so they rest on an e-process, valid at any time (Howard, Ramdas, McAuliffe,
Sekhon, Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences, 2021). Raises and lowers can be
taken back, so a posterior probability per look is enough. Late conversions: chain ladder (Mack, 1993).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from campaign_automation.models.budget_problem import (
    BudgetUnit,
    DayRecord,
    GuardVerdict,
    MaturitySnapshot,
    WrittenRule,
)
from campaign_automation.optimizers.budgets import written_rules as budget_rules

ALPHA = 0.05  # chance that a healthy ad set is ever paused
CONFIDENCE = 0.9  # lower than for a pause: a raise or lower can be taken back
TOLERANCE = float(budget_rules.TOLERANCE)
MAX_EVIDENCE_DAYS = 60
USUAL_WINDOW = 7
# From slightly too dear to dead: a mixture needs no guess of the true rate.
RATE_RATIOS = (2 / 3, 1 / 2, 1 / 3, 1 / 5, 1 / 10, 1 / 50)
_LARGEST_LOG = 690.0  # exp of it is still a float


class Maturity(NamedTuple):
    """`shares[d]`: the share of a day's final conversions known at age d; 1 beyond. Age 0 just ended."""

    shares: tuple[float, ...]
    assumed: bool

    def at(self, age: int) -> float:
        return self.shares[age] if age < len(self.shares) else 1.0


COMPLETE = Maturity((), assumed=False)  # every day's conversions are all known


class Exposure(NamedTuple):
    """Conversions, and the money that could have brought them by now: spend times maturity."""

    conversions: float
    spend: float


class Beliefs(NamedTuple):
    """The account's estimates: dispersion of a unit's counts, value of a conversion, CPA of all together."""

    dispersion: float
    value: float | None
    own_cpa: float | None = None


def measure_maturity(snapshots: Sequence[MaturitySnapshot], attribution_window_days: int) -> Maturity:
    """Measure maturity by age from snapshots of past days; assume it unless they show the whole window.

    Each step of the chain ladder is (C[d-1] + 2d/(D+1)) / (C[d] + 2(d+1)/(D+1)), at most 1, over days whose
    counts are known at both ages; D is the last age at which counts still move.
    """
    ages = max((len(snapshot.counts) for snapshot in snapshots), default=0) - 1
    if ages < attribution_window_days:
        return _assumed_maturity(attribution_window_days)
    pairs = {age: _counts_at(snapshots, age) for age in range(1, ages + 1)}
    # A step without a count at both ages is not known to be none.
    if not all(pairs[age][1] for age in range(1, attribution_window_days + 1)):
        return _assumed_maturity(attribution_window_days)
    last = max((age for age, (before, after) in pairs.items() if before != after), default=0)
    shares = [1.0]
    for age in range(last, 0, -1):
        before, after = pairs[age]
        step = (before + 2 * age / (last + 1)) / (after + 2 * (age + 1) / (last + 1))
        shares.append(shares[-1] * min(step, 1.0))
    return Maturity(tuple(reversed(shares)), assumed=False)


def _counts_at(snapshots: Iterable[MaturitySnapshot], age: int) -> tuple[float, float]:
    known = [
        (snapshot.counts[age - 1], snapshot.counts[age])
        for snapshot in snapshots
        if age < len(snapshot.counts)
    ]
    both = [(before, after) for before, after in known if before is not None and after is not None]
    return sum(before for before, _ in both), sum(after for _, after in both)


def _assumed_maturity(window: int) -> Maturity:
    """Assume half of the conversions known when the day ends, all at the end of the attribution window.

    Of a window beyond a week the first share is smaller in proportion: that is more careful.
    """
    first = 0.5 * min(1.0, USUAL_WINDOW / max(window, 1))
    return Maturity(tuple(first + (1 - first) * age / window for age in range(window)), assumed=True)


def exposure(records: Iterable[DayRecord], maturity: Maturity, today: date) -> Exposure:
    """Sum the days whose spend and conversions are both known."""
    conversions = spend = 0.0
    for record in records:
        if record.spend_minor is not None and record.conversions is not None:
            conversions += record.conversions
            spend += record.spend_minor * maturity.at((today - record.day).days - 1)
    return Exposure(conversions, spend)


def log_e_value(seen: Exposure, target_cpa: float, dispersion: float = 1.0) -> float:
    """Return the log evidence that the true CPA is above 1.5 x `target_cpa` (both in minor units).

    The mean of likelihood ratios of six lower conversion rates against the rate at 1.5 x target. A healthy
    ad set ever reaches 1/ALPHA with probability at most ALPHA if counts are Poisson.
    """
    expected = seen.spend / (TOLERANCE * target_cpa)
    logs = [seen.conversions * math.log(ratio) + expected * (1 - ratio) for ratio in RATE_RATIOS]
    # Factored out, so that exp cannot overflow.
    largest = max(logs)
    mean = sum(math.exp(value - largest) for value in logs) / len(logs)
    return (largest + math.log(mean)) / max(dispersion, 1.0)


def log_e_with_restarts(days: Sequence[Exposure], target_cpa: float, dispersion: float = 1.0) -> float:
    """Return the log evidence of `days`, oldest first, half of it free to begin on any of the last 60 days.

    An ad set that was good and died must not live on its past: half the weight is on all days together, the
    rest is spread over processes that started on each of the last 60 days. A healthy ad set is then paused
    once in a long while, on average, instead of with a bound for ever.
    """
    logs, weights = [], []
    conversions = spend = 0.0
    for age, day in enumerate(reversed(days), 1):
        conversions, spend = conversions + day.conversions, spend + day.spend
        if age <= MAX_EVIDENCE_DAYS:
            logs.append(log_e_value(Exposure(conversions, spend), target_cpa, dispersion))
            weights.append(0.5 / MAX_EVIDENCE_DAYS)
    logs.append(log_e_value(Exposure(conversions, spend), target_cpa, dispersion))
    # A process that started before the first day is the one on all days.
    weights.append(0.5 + 0.5 * (1 - len(weights) / MAX_EVIDENCE_DAYS))
    top = max(logs)
    mean = sum(weight * math.exp(value - top) for weight, value in zip(weights, logs, strict=True))
    return top + math.log(mean)


def probability_rate_below(seen: Exposure, rate: float, prior_spend: float) -> float:
    """Return P(conversions a minor unit < `rate`), posterior Gamma(conversions + 1, spend + prior_spend)."""
    from scipy.special import gammainc  # imported where needed: it costs a cold start half a second

    return float(gammainc(seen.conversions + 1, (seen.spend + prior_spend) * rate))


def probability_rate_above(seen: Exposure, rate: float, prior_spend: float) -> float:
    """Return the complement of `probability_rate_below`, exact in its own tail."""
    from scipy.special import gammaincc

    return float(gammaincc(seen.conversions + 1, (seen.spend + prior_spend) * rate))


def target_cpa_of(unit: BudgetUnit, value: float | None) -> float | None:
    """Return the unit's target CPA, or the value of a conversion over its target ROAS."""
    if unit.target_cpa_minor is not None:
        return float(unit.target_cpa_minor)
    if unit.target_roas is None or not value:
        return None
    return value / float(unit.target_roas)


def check_change(
    rule: WrittenRule,
    unit: BudgetUnit,
    seen: Exposure,
    beliefs: Beliefs,
    *,
    assumed: bool,
    days: Sequence[Exposure] = (),
) -> GuardVerdict:
    """Return the guard's verdict on a rule that fired.

    `seen` covers the days since `evidence_since` (at most 60) for a pause, the rules' window otherwise;
    `days` are the same day by day, for a pause. Without a target the account's own CPA is the reference of a
    pause; without that too, or without a value of a conversion where one is needed, the change is held.
    """
    target_cpa = target_cpa_of(unit, beliefs.value)
    is_own = rule == "pause" and target_cpa is None and beliefs.own_cpa is not None
    target_cpa = beliefs.own_cpa if is_own else target_cpa
    value = None if target_cpa is None else _evidence(rule, unit, seen, target_cpa, beliefs, days)
    if value is None:
        missing = "no_target" if rule == "pause" and unit.target_roas is None else "revenue_missing"
        return GuardVerdict(verdict="held", missing=missing)
    threshold = 1 / ALPHA if rule == "pause" else CONFIDENCE
    return GuardVerdict(
        verdict="confirmed" if value >= threshold else "held",
        measure="e_value" if rule == "pause" else "probability",
        value=value,
        threshold=threshold,
        conversions=seen.conversions,
        matured_spend_minor=seen.spend,
        dispersion=beliefs.dispersion if rule == "pause" else None,
        maturity_assumed=assumed,
        own_reference=is_own,
    )


def _evidence(
    rule: WrittenRule,
    unit: BudgetUnit,
    seen: Exposure,
    target_cpa: float,
    beliefs: Beliefs,
    days: Sequence[Exposure],
) -> float | None:
    """Return the e-value for a pause, else the probability that the rule's threshold is passed in truth."""
    if rule == "pause":
        log_e = log_e_with_restarts(days or [seen], target_cpa, beliefs.dispersion)
        return math.exp(min(log_e, _LARGEST_LOG))
    if rule == "lower":
        return probability_rate_below(seen, 1 / (TOLERANCE * target_cpa), target_cpa)
    if unit.target_roas is None or not beliefs.value:
        return None
    return probability_rate_above(seen, TOLERANCE * float(unit.target_roas) / beliefs.value, target_cpa)
