"""Recommendations of a test: specific, and never two that exclude each other for one variant."""

from __future__ import annotations

import math
from collections.abc import Sequence

from campaign_automation.models.ab_analysis import (
    Analysis,
    Pair,
    Recommendation,
)
from campaign_automation.models.ab_values import (
    SampleNeed,
    Winner,
)
from campaign_automation.optimizers.ab_tests.comparisons import rival
from campaign_automation.optimizers.ab_tests.counts import Counts

MAX_RAISE_PCT = 50.0  # the step cap of every budget change
CAUTIOUS_RAISE_PCT = 20.0
_STOP = Recommendation(kind="stop", automatic=True)  # advised only where it is safe


def recommend(
    analysis: Analysis, counts: Counts, pairs: Sequence[Pair], days_left: int | None
) -> list[Recommendation]:
    """Return the advice that fits the status; `pairs` are the leader's."""
    over = analysis.safe_to_stop
    days = analysis.expected_days_left.median if analysis.expected_days_left else None
    if analysis.winner:
        return _end_with(analysis.winner, pairs, over)
    match analysis.status:
        case "no_data":
            return _deliver(counts)
        case "collecting":
            return _collect(analysis.samples, over)
        case "no_single_winner":
            return _narrow_down(pairs, analysis.not_distinguishable, days, over)
        case _:
            return _go_on(days_left, days, over)


def _deliver(counts: Counts) -> list[Recommendation]:
    """Name the arms without visitors."""
    arms = zip(counts.ids, counts.arms, strict=True)
    return [Recommendation(kind="run_longer", variant_id=name) for name, arm in arms if not arm.visitors]


def _collect(samples: Sequence[SampleNeed], over: bool) -> list[Recommendation]:
    """Wait until every variant has the least number of conversions, as far as days can tell."""
    if over:
        return [_STOP]
    short = [need for need in samples if need.missing_conversions]
    waits = [item.days for item in short if item.days is not None]
    return [Recommendation(kind="run_longer", days=max(waits) if len(waits) == len(short) else None)]


def _end_with(winner: Winner, pairs: Sequence[Pair], safe: bool) -> list[Recommendation]:
    """Move money from the losers to the winner; carefully while an early look may still mislead."""
    best, sure = winner.variant_id, winner.holds_under_looks
    advice = [Recommendation(kind="pause", variant_id=rival(pair, best), automatic=sure) for pair in pairs]
    raise_pct = MAX_RAISE_PCT if sure else CAUTIOUS_RAISE_PCT
    advice.append(Recommendation(kind="raise_budget", variant_id=best, amount_pct=raise_pct, automatic=sure))
    if safe:
        advice.append(_STOP)
    return advice


def _narrow_down(
    pairs: Sequence[Pair], best: Sequence[str], days: int | None, over: bool
) -> list[Recommendation]:
    """Pause the variants that are clearly behind the leader, and go on with the best."""
    leader = best[0]
    losers = [rival(pair, leader) for pair in pairs]
    advice = [Recommendation(kind="pause", variant_id=loser) for loser in losers if loser not in best]
    if over:
        return [*advice, _STOP]
    return advice + [Recommendation(kind="run_longer", variant_id=name, days=days) for name in best]


def _go_on(days_left: int | None, days: int | None, over: bool) -> list[Recommendation]:
    if over:
        return [_STOP]
    wait = min((span for span in (days, days_left) if span), default=None)
    return [Recommendation(kind="run_longer", days=wait)]


def sample_needs(counts: Counts, least: int) -> list[SampleNeed]:
    """Return the conversions each variant has and needs, and the days at today's traffic and rate."""
    needs, traffic = [], counts.traffic()
    for index, (name, arm) in enumerate(zip(counts.ids, counts.arms, strict=True)):
        missing = max(least - arm.conversions, 0)
        daily = traffic[index] * arm.rate if traffic and arm.visitors else 0.0
        days = math.ceil(missing / daily) if daily else None
        needs.append(
            SampleNeed(
                variant_id=name,
                conversions=arm.conversions,
                required_conversions=least,
                missing_conversions=missing,
                days=0 if not missing else days,
            )
        )
    return needs
