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
from campaign_automation.optimizers.ab_counts import Counts

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


def collect(samples: Sequence[SampleNeed], days_left: int | None) -> list[Recommendation]:
    """Below the least number of conversions: how long until every variant has them."""
    short = [need for need in samples if need.missing_conversions]
    need = ", ".join(
        f"{item.variant_id} has {item.conversions} of {item.required_conversions}" for item in short
    )
    waits = [item.days for item in short if item.days is not None]
    days = max(waits) if len(waits) == len(short) else None
    if days_left == 0:
        sentence = (
            f"The test is over with too few conversions ({need}): start a longer one or a larger budget."
        )
        return [Recommendation(kind="stop", sentence=sentence)]
    ending = f"about {days} more days" if days is not None else "until every variant has enough conversions"
    late = f"; only {days_left} are left, so extend it" if _short_of(days, days_left) else ""
    sentence = f"Run the test {ending}{late}: {need}."
    return [Recommendation(kind="run_longer", days=days, sentence=sentence)]


def _short_of(days: int | None, days_left: int | None) -> bool:
    return days is not None and days_left is not None and days > days_left


def crown(winner: Winner, ids: Sequence[str], safe: bool) -> list[Recommendation]:
    """Money goes from the losers to the winner; carefully while an early look may still mislead."""
    sure = winner.holds_under_looks
    why = f"{winner.variant_id} converts better (p = {winner.p_value:.3g})"
    caution = "" if sure else "; this does not yet hold under repeated looks, so decide yourself"
    raise_pct = MAX_RAISE_PCT if sure else CAUTIOUS_RAISE_PCT
    advice = [
        Recommendation(
            kind="pause", variant_id=name, automatic=sure, sentence=f"Pause {name}: {why}{caution}."
        )
        for name in ids
        if name != winner.variant_id
    ]
    advice.append(
        Recommendation(
            kind="raise_budget",
            variant_id=winner.variant_id,
            amount_pct=raise_pct,
            automatic=sure,
            sentence=f"Raise the budget of {winner.variant_id} by {raise_pct:.0f} %{caution}.",
        )
    )
    if safe:
        advice.append(Recommendation(kind="stop", automatic=sure, sentence=f"End the test: {why}."))
    return advice


def narrow_down(
    pairs: Sequence[Pair], leader: str, alive: Sequence[str], days: int | None
) -> list[Recommendation]:
    """Several variants are ahead: drop those that are clearly behind, go on with the others."""
    more = f"{days} more days" if days else "longer"
    beaten = [pair for pair in pairs if pair.against_id not in alive]
    return [
        *(
            Recommendation(
                kind="pause",
                variant_id=pair.against_id,
                sentence=f"Pause {pair.against_id}: {leader} converts better (p = {pair.p_adjusted:.3g}).",
            )
            for pair in beaten
        ),
        *(
            Recommendation(
                kind="run_longer",
                variant_id=name,
                days=days,
                sentence=f"Run {name} {more}: the best variants cannot be told apart yet.",
            )
            for name in (leader, *alive)
        ),
    ]


def no_difference(
    request: AnalysisRequest, ids: Sequence[str], safe: bool, days: int | None
) -> list[Recommendation]:
    if safe or request.days_left == 0:
        names = " and ".join([", ".join(ids[:-1]), ids[-1]])
        sentence = f"End the test: no difference between {names} was found, so keep the cheaper one."
        return [Recommendation(kind="stop", sentence=sentence)]
    wait = days if request.days_left is None else min(days or request.days_left, request.days_left)
    more = f"{wait} more days" if wait else "to its planned end"
    return [
        Recommendation(
            kind="run_longer", days=wait, sentence=f"Run the test {more}: no difference shows yet."
        )
    ]


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
    left = analysis.expected_days_left
    days = left.median if left else None
    match analysis.status:
        case "srm":
            assert analysis.srm is not None
            return fix_split(counts.ids, analysis.srm)
        case "no_data":
            return deliver(counts)
        case "collecting":
            return collect(analysis.samples, request.days_left)
        case "winner":
            assert analysis.winner is not None
            return crown(analysis.winner, counts.ids, analysis.safe_to_stop)
        case "no_single_winner":
            return narrow_down(pairs, *_leaders(analysis), days)
        case _:
            return no_difference(request, counts.ids, analysis.safe_to_stop, days)


def _leaders(analysis: Analysis) -> tuple[str, list[str]]:
    leader, *others = analysis.not_distinguishable
    return leader, others
