"""Properties 11 and 12: a winner is what the written test says, and comes with something to do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import scipy  # its parts load where they are used, in one process of a run
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from campaign_automation.models.ab_analysis import Analysis, AnalysisRequest
from campaign_automation.optimizers.ab_test_manager import analyze_test
from tests.support.ab_tests import sentences

ENOUGH = 100


@st.composite
def rows(draw: st.DrawFn, least_conversions: int = ENOUGH, most_variants: int = 2) -> list[tuple[int, int]]:
    """Variants on a common number of visitors, close enough together for both answers to turn up."""
    visitors = draw(st.integers(2000, 10**6))
    base = draw(st.integers(max(least_conversions, 1), visitors // 4))
    size = draw(st.integers(2, most_variants))
    reach = round(6 * base**0.5)
    steps = draw(st.lists(st.integers(-reach, reach), min_size=size, max_size=size))
    return [(visitors, max(base + step, least_conversions)) for step in steps]


def request_for(counts: list[tuple[int, int]], **more: Any) -> AnalysisRequest:
    variants = [
        {"variant_id": f"creative-{index}", "visitors": visitors, "conversions": conversions}
        for index, (visitors, conversions) in enumerate(counts)
    ]
    return AnalysisRequest.model_validate({"variants": variants, "bayes": False, **more})


@settings(max_examples=100)
@given(counts=rows())
def test_property_11_enough_samples_give_chi_square_and_winner_iff_p_below_alpha(
    counts: list[tuple[int, int]],
) -> None:
    found = analyze_test(request_for(counts))
    expected = scipy.stats.chi2_contingency([[x, n - x] for n, x in counts], correction=False)
    assert (found.method, found.alpha) == ("chi_square", 0.05)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)
    assert (found.verdict == "winner") == (found.winner is not None) == (expected.pvalue < 0.05)
    assert found.verdict in ("winner", "no_difference")
    if found.winner:
        best = max(range(len(counts)), key=lambda index: counts[index][1])
        assert found.winner.variant_id == f"creative-{best}"
        assert found.winner.confidence == 1 - found.winner.p_value


@settings(max_examples=100)
@given(counts=rows(most_variants=10))
def test_property_11_of_many_variants_a_winner_stands_alone(counts: list[tuple[int, int]]) -> None:
    found = analyze_test(request_for(counts))
    expected = scipy.stats.chi2_contingency([[x, n - x] for n, x in counts], correction=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)
    if expected.pvalue >= 0.05:
        assert found.verdict == "no_difference"
        return
    against_best = [pair for pair in found.pairs if pair.family == "leader"] or found.pairs
    stands_alone = all(pair.p_adjusted < 0.05 for pair in against_best)
    assert found.verdict == ("winner" if stands_alone else "inconclusive")


@settings(max_examples=100)
@given(counts=rows(least_conversions=1), few=st.integers(0, ENOUGH - 1), place=st.integers(0, 1))
def test_property_11_too_few_conversions_never_give_a_winner(
    counts: list[tuple[int, int]], few: int, place: int
) -> None:
    counts[place] = (counts[place][0], few)
    found = analyze_test(request_for(counts))
    assert (found.verdict, found.winner) == ("insufficient_data", None)
    need = found.samples[place]
    assert (need.conversions, need.required_conversions, need.missing_conversions) == (
        few,
        ENOUGH,
        ENOUGH - few,
    )


def assert_consistent(found: Analysis) -> None:
    """No variant is told two things that exclude each other; every sentence names whom it is about."""
    told = Counter((item.variant_id, item.kind) for item in found.recommendations)
    assert set(told.values()) == {1}
    for item, sentence in zip(found.recommendations, sentences(found), strict=True):
        assert sentence
        assert item.variant_id is None or item.variant_id in sentence
    paused = {item.variant_id for item in found.recommendations if item.kind == "pause"}
    kept = {item.variant_id for item in found.recommendations if item.kind in ("raise_budget", "run_longer")}
    assert not paused & kept
    assert not (paused and None in kept)
    assert not ({"stop", "run_longer"} <= {item.kind for item in found.recommendations})


# Many draws have no single winner, and at times most of the first ones.
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(counts=rows(most_variants=10))
def test_property_12_a_winner_comes_with_specific_recommendations(counts: list[tuple[int, int]]) -> None:
    found = analyze_test(request_for(counts))
    assume(found.winner is not None)
    assert found.winner
    assert_consistent(found)
    raised = [item for item in found.recommendations if item.kind == "raise_budget"]
    assert [item.variant_id for item in raised] == [found.winner.variant_id]
    assert 0 < (raised[0].amount_pct or 0) <= 50
    paused = {item.variant_id for item in found.recommendations if item.kind == "pause"}
    assert paused == {row.variant_id for row in found.variants} - {found.winner.variant_id}


@settings(max_examples=100)
@given(
    counts=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)), min_size=2, max_size=5),
    days_left=st.one_of(st.none(), st.integers(0, 9)),
    randomised=st.booleans(),
)
def test_property_12_every_answer_comes_with_advice_that_does_not_contradict_itself(
    counts: list[tuple[int, int]], days_left: int | None, randomised: bool
) -> None:
    found = analyze_test(request_for(counts, days_left=days_left, randomised=randomised))
    assert_consistent(found)
