"""What to do about a test: specific, and never two things that exclude each other for one variant."""

from __future__ import annotations

import math
from collections.abc import Sequence

from campaign_automation.models.ab_analysis import (
    Analysis,
    AnalysisRequest,
    Pair,
    Recommendation,
    SampleNeed,
    SplitCheck,
    Winner,
)
from campaign_automation.optimizers.ab_tests.comparisons import rival
from campaign_automation.optimizers.ab_tests.counts import Counts

MAX_RAISE_PCT = 50.0  # the step cap of every budget change
CAUTIOUS_RAISE_PCT = 20.0


def fix_data(reason: str) -> list[Recommendation]:
    return [
        Recommendation(kind="fix_data", sentence=f"The counts cannot be right ({reason}); read them again.")
    ]


def fix_split(ids: Sequence[str], check: SplitCheck) -> list[Recommendation]:
    shares = ", ".join(
        f"{name} {observed:.2%} instead of {planned:.2%}"
        for name, observed, planned in zip(ids, check.observed, check.planned, strict=True)
    )
    sentence = f"The traffic is not split as planned ({shares}): find the cause, then start the test again."
    return [Recommendation(kind="fix_split", sentence=sentence)]


def deliver(counts: Counts) -> list[Recommendation]:
    """For arms that nobody has seen."""
    return [
        Recommendation(
            kind="run_longer",
            variant_id=name,
            sentence=f"{name} has no visitors yet: check that it delivers.",
        )
        for name, arm in zip(counts.ids, counts.arms, strict=True)
        if not arm.visitors
    ]


def collect(samples: Sequence[SampleNeed], days_left: int | None, over: bool) -> list[Recommendation]:
    """Below the least number of conversions: how long until every variant has them."""
    short = [need for need in samples if need.missing_conversions]
    has = ", ".join(
        f"{item.variant_id} has {item.conversions} of {item.required_conversions}" for item in short
    )
    if over:
        sentence = f"End the test, it has too few conversions ({has}): plan a longer one or a larger budget."
        return [Recommendation(kind="stop", sentence=sentence)]
    waits = [item.days for item in short if item.days is not None]
    days = max(waits) if len(waits) == len(short) else None
    ending = f"{days} more days" if days is not None else "until every variant has enough conversions"
    late = days is not None and days_left is not None and days > days_left
    extend = f"; only {days_left} are left, so extend it" if late else ""
    return [Recommendation(kind="run_longer", days=days, sentence=f"Run the test {ending}{extend}: {has}.")]


def crown(winner: Winner, pairs: Sequence[Pair], safe: bool) -> list[Recommendation]:
    """Money goes from the losers to the winner; carefully while an early look may still mislead."""
    best, sure = winner.variant_id, winner.holds_under_looks
    caution = "" if sure else "; this does not hold under repeated looks yet, so decide yourself"
    advice = [
        Recommendation(
            kind="pause",
            variant_id=(loser := rival(pair, best)),
            automatic=sure,
            sentence=f"Pause {loser}: {best} converts better (p = {pair.p_adjusted:.3g}){caution}.",
        )
        for pair in pairs
    ]
    raise_pct = MAX_RAISE_PCT if sure else CAUTIOUS_RAISE_PCT
    advice.append(
        Recommendation(
            kind="raise_budget",
            variant_id=best,
            amount_pct=raise_pct,
            automatic=sure,
            sentence=f"Raise the budget of {best} by {raise_pct:.0f} %{caution}.",
        )
    )
    if safe:
        sentence = f"End the test: {best} won (p = {winner.p_value:.3g})."
        advice.append(Recommendation(kind="stop", automatic=sure, sentence=sentence))
    return advice


def narrow_down(
    pairs: Sequence[Pair], best: Sequence[str], days: int | None, over: bool
) -> list[Recommendation]:
    """Nobody stands alone: drop those that are clearly behind the leader, go on with the best."""
    leader = best[0]
    advice = [
        Recommendation(
            kind="pause",
            variant_id=loser,
            sentence=f"Pause {loser}: {leader} converts better (p = {pair.p_adjusted:.3g}).",
        )
        for pair in pairs
        if (loser := rival(pair, leader)) not in best
    ]
    if over:
        sentence = f"End the test: {_listed(best)} cannot be told apart, so keep the cheaper one."
        return [*advice, Recommendation(kind="stop", sentence=sentence)]
    more = f"{days} more days" if days else "longer"
    return advice + [
        Recommendation(
            kind="run_longer",
            variant_id=name,
            days=days,
            sentence=f"Run {name} {more}: {_listed(best)} cannot be told apart yet.",
        )
        for name in best
    ]


def no_difference(
    ids: Sequence[str], days_left: int | None, days: int | None, over: bool
) -> list[Recommendation]:
    if over:
        sentence = f"End the test: no difference between {_listed(ids)} was found, so keep the cheaper one."
        return [Recommendation(kind="stop", sentence=sentence)]
    wait = min((span for span in (days, days_left) if span), default=None)
    more = f"{wait} more days" if wait else "to its planned end"
    return [
        Recommendation(
            kind="run_longer", days=wait, sentence=f"Run the test {more}: no difference shows yet."
        )
    ]


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]])


def sample_needs(counts: Counts, least: int, traffic: Sequence[float] | None) -> list[SampleNeed]:
    """Conversions each variant has and needs, and the days that takes at the present traffic and rate."""
    needs = []
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


def recommend(
    analysis: Analysis, request: AnalysisRequest, counts: Counts, pairs: Sequence[Pair]
) -> list[Recommendation]:
    """The advice that fits the status; `pairs` are the leader's."""
    over = analysis.safe_to_stop
    days = analysis.expected_days_left.median if analysis.expected_days_left else None
    match analysis.status:
        case "srm":
            assert analysis.srm is not None
            return fix_split(counts.ids, analysis.srm)
        case "no_data":
            return deliver(counts)
        case "collecting":
            return collect(analysis.samples, request.days_left, over)
        case "winner":
            assert analysis.winner is not None
            return crown(analysis.winner, pairs, over)
        case "no_single_winner":
            return narrow_down(pairs, analysis.not_distinguishable, days, over)
        case _:
            return no_difference(counts.ids, request.days_left, days, over)
