"""Verdicts and advice of an analysis, and the point at which a test may stop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import scipy  # its parts load where they are used, in one process of a run

from campaign_automation.managers.ab_tests import wording
from campaign_automation.models.ab_analysis import (
    Analysis,
    AnalysisRequest,
    TestPlanRequest,
)
from campaign_automation.models.ab_values import (
    Look,
)
from campaign_automation.optimizers.ab_test_manager import analyze_test, plan_test
from campaign_automation.utils.error_handler import InvalidRequestError
from tests.support.ab_tests import sentences

START = date(2026, 3, 2)
QUIET = {"bayes": False, "forecast": False}


def totals(*rows: tuple[Any, Any], **more: Any) -> AnalysisRequest:
    variants = [
        {"variant_id": f"v{index}", "visitors": visitors, "conversions": conversions}
        for index, (visitors, conversions) in enumerate(rows)
    ]
    return AnalysisRequest.model_validate({"variants": variants, **more})


def by_day(
    visitors: Sequence[Sequence[int]], conversions: Sequence[Sequence[int]], **more: Any
) -> AnalysisRequest:
    """Counts of shape (days, arms)."""
    n, x = np.array(visitors), np.array(conversions)
    variants = [
        {
            "variant_id": f"v{arm}",
            "visitors": int(n[:, arm].sum()),
            "conversions": int(x[:, arm].sum()),
            "days": [
                {"day": START + timedelta(day), "visitors": int(n[day, arm]), "conversions": int(x[day, arm])}
                for day in range(len(n))
            ],
        }
        for arm in range(n.shape[1])
    ]
    return AnalysisRequest.model_validate({"variants": variants, **more})


def drawn(
    rates: Sequence[float], days: int, visitors: int = 2000, seed: int = 1, **more: Any
) -> AnalysisRequest:
    n = np.full((days, len(rates)), visitors)
    return by_day(n.tolist(), np.random.default_rng(seed).binomial(n, rates).tolist(), **more)


def kinds(analysis: Analysis) -> list[tuple[str, str | None]]:
    return [(item.kind, item.variant_id) for item in analysis.recommendations]


def test_a_winner_has_the_numbers_of_the_written_test() -> None:
    found = analyze_test(totals((10_000, 200), (10_000, 260)))
    expected = scipy.stats.chi2_contingency([[200, 9800], [260, 9740]], correction=False)
    assert (found.verdict, found.status, found.method, found.df) == ("winner", "winner", "chi_square", 1)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p_value == found.p_fixed == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.winner
    assert (found.winner.variant_id, found.winner.confidence) == ("v1", 1 - found.winner.p_value)
    assert [(row.converted, row.not_converted, row.expected_converted) for row in found.variants] == [
        (200, 9800, 230.0),
        (260, 9740, 230.0),
    ]


def test_exactly_alpha_is_no_winner() -> None:
    p = analyze_test(totals((10_000, 200), (10_000, 260), **QUIET)).p_value
    assert analyze_test(totals((10_000, 200), (10_000, 260), alpha=p, **QUIET)).verdict == "no_difference"


def test_99_conversions_are_not_enough_and_the_need_is_told() -> None:
    found = analyze_test(by_day([[100, 100]] * 100, [[1, 2]] * 99 + [[0, 2]], **QUIET))
    assert (found.verdict, found.status, found.winner) == ("insufficient_data", "collecting", None)
    assert [(need.missing_conversions, need.days) for need in found.samples] == [(1, 2), (0, 0)]
    (advice,) = found.recommendations
    assert (advice.kind, advice.days) == ("run_longer", 2)
    assert "v0 has 99 of 100" in sentences(found)[0]


def test_a_collecting_test_says_when_its_days_are_too_few_or_over() -> None:
    conversions = [[1, 2]] * 50 + [[0, 2]] * 50
    request = by_day([[100, 100]] * 100, conversions, days_left=3, **QUIET)
    assert "only 3 are left, so extend it" in sentences(analyze_test(request), days_left=3)[0]
    over = analyze_test(request.model_copy(update={"days_left": 0}))
    assert (over.safe_to_stop, over.stop_reason, kinds(over)) == (True, "test_over", [("stop", None)])


def test_an_arm_without_visitors_must_deliver_first() -> None:
    found = analyze_test(totals((0, 0), (1000, 200), randomised=False))
    assert (found.verdict, found.status, found.p_value) == ("insufficient_data", "no_data", None)
    assert kinds(found) == [("run_longer", "v0")]
    assert found.variants[0].interval.low is None


def test_three_arms_need_a_leader_that_beats_each_other_arm() -> None:
    found = analyze_test(totals((10_000, 200), (10_000, 300), (10_000, 310)))
    assert (found.verdict, found.status, found.df) == ("inconclusive", "no_single_winner", 2)
    assert found.not_distinguishable == ["v2", "v1"]
    assert kinds(found) == [("pause", "v0"), ("run_longer", "v2"), ("run_longer", "v1")]
    assert [(pair.family, pair.variant_id, pair.against_id) for pair in found.pairs] == [
        ("control", "v1", "v0"),
        ("control", "v2", "v0"),
        ("leader", "v2", "v0"),
        ("leader", "v2", "v1"),
    ]
    assert analyze_test(totals((10_000, 200), (10_000, 300), (10_000, 400))).winner.variant_id == "v2"  # type: ignore[union-attr]


def test_the_rank_by_roas_decides_nothing() -> None:
    request = totals((10_000, 200), (10_000, 260), (10_000, 205))
    money = [(100.0, 500.0), (100.0, 100.0), (0.0, None)]
    variants = [
        item.model_copy(update={"spend": spend, "revenue": revenue})
        for item, (spend, revenue) in zip(request.variants, money, strict=True)
    ]
    found = analyze_test(request.model_copy(update={"variants": variants}))
    assert [(row.roas, row.rank) for row in found.variants] == [(5.0, 1), (1.0, 2), (None, None)]
    assert found.winner
    assert found.winner.variant_id == "v1"


def test_small_tables_use_fishers_test_without_a_verdict() -> None:
    found = analyze_test(totals((100, 1), (100, 6)))
    assert (found.method, found.statistic, found.status) == ("fisher", None, "collecting")
    assert "small_expected" in found.flags


@pytest.mark.parametrize(
    ("visitors", "conversions", "words"),
    [
        (100, 101, "101 conversions of 100 impressions"),
        (-1, 0, "-1 impressions is not a count"),
        (100, 1.5, "1.5 conversions is not a count"),
        (float("nan"), 1, "nan impressions is not a count"),
        (float("inf"), 1, "inf impressions is not a count"),
        (100, None, "conversions are unknown"),
    ],
)
def test_impossible_counts_are_invalid_and_name_their_variant(
    visitors: Any, conversions: Any, words: str
) -> None:
    found = analyze_test(totals((100, 5), (visitors, conversions)))
    assert (found.verdict, found.status, found.winner) == ("invalid", "impossible_counts", None)
    assert found.reason == f"v1: {words}"
    assert kinds(found) == [("fix_data", None)]
    assert "v1" in sentences(found)[0]


def test_an_impossible_day_is_invalid_and_a_day_of_late_conversions_is_left_out() -> None:
    bad = by_day([[100, 100], [100, 100]], [[5, 5], [5, -2]])
    assert analyze_test(bad).reason == "v1, 2026-03-03: -2 conversions is not a count"
    late = analyze_test(by_day([[100, 100], [0, 100], [2, 100]], [[5, 5], [3, 4], [4, 4]], **QUIET))
    assert late.strata
    assert late.strata.days == 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (totals((100, 5)), "variants"),
        (totals(*[(100, 5)] * 11), "variants"),
        (totals((100, 5), (100, 5), mode="planned"), "planned_conversions"),
    ],
)
def test_a_test_that_cannot_be_is_refused_by_field(request_: AnalysisRequest, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        analyze_test(request_)
    assert caught.value.details["field"] == field


def test_the_same_variant_twice_is_refused() -> None:
    request = totals((100, 5), (100, 5))
    with pytest.raises(InvalidRequestError, match="v0 is there twice"):
        analyze_test(request.model_copy(update={"variants": [request.variants[0]] * 2}))


def test_delivery_by_auction_has_no_split_to_keep_to() -> None:
    found = analyze_test(totals((10_000, 200), (9_000, 300), randomised=False))
    assert found.status == "winner"
    assert {"not_randomised", "uneven_delivery"} <= set(found.flags)


def test_a_drifting_split_with_a_drifting_rate_calls_nobody() -> None:
    share = np.linspace(0.2, 0.8, 20)
    visitors = np.round(np.stack([4000 * (1 - share), 4000 * share], axis=1)).astype(int)
    conversions = np.round(visitors * np.linspace(0.01, 0.03, 20)[:, None]).astype(int)
    found = analyze_test(by_day(visitors.tolist(), conversions.tolist(), randomised=False, **QUIET))
    pooled = scipy.stats.chi2_contingency(
        np.stack([conversions.sum(axis=0), (visitors - conversions).sum(axis=0)]), correction=False
    )
    assert pooled.pvalue < 1e-4
    assert (found.verdict, found.method) == ("no_difference", "cmh")
    assert "split_drift" in found.flags
    assert found.strata
    assert found.p_value == found.strata.p_value > 0.05


def test_an_order_that_turns_within_days_has_no_winner() -> None:
    visitors = [[9000, 1000]] * 2 + [[1000, 9000]] * 2
    conversions = [[108, 9]] * 2 + [[120, 900]] * 2
    found = analyze_test(by_day(visitors, conversions, randomised=False, **QUIET))
    assert "order_reversed" in found.flags
    assert (found.verdict, found.winner) == ("inconclusive", None)
    assert kinds(found) == [("run_longer", "v1"), ("run_longer", "v0")]


def test_a_clear_difference_of_weeks_is_safe_to_stop_and_may_be_applied() -> None:
    found = analyze_test(drawn([0.02, 0.03], days=25))
    assert (found.verdict, found.safe_to_stop, found.stop_reason) == ("winner", True, "anytime_evidence")
    assert found.winner
    assert found.winner.holds_under_looks
    assert kinds(found) == [("pause", "v0"), ("raise_budget", "v1"), ("stop", None)]
    assert all(item.automatic for item in found.recommendations)
    assert found.recommendations[1].amount_pct == 50
    assert found.expected_days_left
    assert found.expected_days_left.median == 0


def test_a_difference_that_no_drift_explains_is_safe_after_a_week() -> None:
    found = analyze_test(drawn([0.02, 0.07], days=8))
    assert (found.verdict, found.safe_to_stop, found.stop_reason) == ("winner", True, "anytime_evidence")
    assert "slow_drift_possible" in found.flags


def test_a_difference_that_a_slow_drift_may_explain_waits_for_twenty_days() -> None:
    found = analyze_test(drawn([0.02, 0.03], days=10))
    assert (found.verdict, found.safe_to_stop, found.stop_reason) == ("winner", False, "slow_drift")
    assert "slow_drift_possible" in found.flags
    assert not any(item.automatic for item in found.recommendations)
    assert "fewer than 20 full days" in sentences(found)[-1].lower()
    assert found.expected_days_left
    assert found.expected_days_left.median in range(9, 13)
    later = analyze_test(drawn([0.02, 0.03], days=25))
    assert (later.safe_to_stop, "slow_drift_possible" in later.flags) == (True, False)
    assert analyze_test(drawn([0.02, 0.03], days=10, separate_adsets=False)).safe_to_stop


@pytest.mark.parametrize(
    "mode", [{"mode": "planned", "planned_days": 20}, {"mode": "open_ended"}], ids=["planned", "open_ended"]
)
def test_days_that_swing_make_no_winner_at_the_end_either(mode: dict[str, Any]) -> None:
    """Equal arms whose clicks differ by delivery alone: the written test calls a winner, nothing follows."""
    rng, crowned = np.random.default_rng(5), 0
    for _ in range(20):
        rates = 0.3 * np.exp(rng.normal(0, 0.3, size=(20, 2)))
        conversions = rng.binomial(3000, np.minimum(rates, 1))
        request = by_day([[3000, 3000]] * 20, conversions.tolist(), days_left=0, **mode, **QUIET)
        found = analyze_test(request)
        if found.verdict != "winner":
            continue
        crowned += 1
        assert (found.safe_to_stop, found.stop_reason) == (False, "within_noise")
        assert not any(item.automatic for item in found.recommendations)
        assert "noise of the ad sets" in sentences(found)[0]
        assert found.winner
        assert not found.winner.holds_under_looks
    assert crowned > 10


def test_before_a_week_separate_ad_sets_are_not_stopped() -> None:
    found = analyze_test(drawn([0.02, 0.07], days=6))
    assert (found.verdict, found.safe_to_stop, found.p_anytime_robust) == ("winner", False, 1.0)
    assert not any(item.automatic for item in found.recommendations)
    assert found.recommendations[-1].amount_pct == 20
    assert "may still change" in sentences(found)[-1]
    assert found.expected_days_left
    assert found.expected_days_left.median == 1
    assert analyze_test(drawn([0.02, 0.03], days=6, separate_adsets=False)).safe_to_stop


def test_totals_alone_are_no_evidence_for_an_open_end() -> None:
    found = analyze_test(totals((10_000, 200), (10_000, 400)))
    assert (found.p_anytime, found.safe_to_stop, found.stop_reason) == (1.0, False, "no_daily_counts")
    assert "no_daily_counts" in found.flags
    assert found.expected_days_left is None


def test_immature_days_are_no_evidence_yet() -> None:
    request = drawn([0.02, 0.03], days=10)
    variants = [
        item.model_copy(update={"days": [day.model_copy(update={"matured": False}) for day in item.days]})
        for item in request.variants
    ]
    found = analyze_test(request.model_copy(update={"variants": variants}))
    assert (found.verdict, found.p_anytime, found.safe_to_stop) == ("winner", 1.0, False)


def test_a_planned_test_stops_at_its_bound_or_its_end() -> None:
    plan = {"mode": "planned", "planned_days": 20}
    early = analyze_test(drawn([0.02, 0.08], days=10, looks=[{"information": 0.25}], **plan))
    assert early.group_sequential
    assert early.group_sequential.crossed
    assert early.group_sequential.look == Look(day=START + timedelta(9), information=0.5)
    assert (early.safe_to_stop, early.stop_reason) == (True, "planned_bound")
    middle = analyze_test(drawn([0.02, 0.02], days=10, **plan))
    assert (middle.safe_to_stop, middle.stop_reason) == (False, "not_yet")
    assert middle.expected_days_left
    assert (middle.expected_days_left.p80 or 99) <= 10
    end = analyze_test(drawn([0.02, 0.02], days=20, **plan))
    assert (end.verdict, end.safe_to_stop, end.stop_reason) == ("no_difference", True, "planned_end")
    assert kinds(end) == [("stop", None)]


def test_planned_information_may_be_conversions() -> None:
    request = drawn([0.02, 0.021], days=10, mode="planned", planned_conversions=1500)
    found = analyze_test(request)
    assert found.group_sequential
    total = sum(int(item.conversions or 0) for item in request.variants)
    assert found.group_sequential.look.information == pytest.approx(total / 1500)
    again = analyze_test(request.model_copy(update={"looks": [found.group_sequential.look]}))
    assert again.group_sequential == found.group_sequential


def test_a_look_that_knew_more_than_today_is_forgotten() -> None:
    request = drawn([0.02, 0.021], days=10, mode="planned", planned_days=20)
    forgotten = request.model_copy(update={"looks": [Look(information=0.8)]})
    assert analyze_test(forgotten).group_sequential == analyze_test(request).group_sequential


def test_an_inconclusive_test_that_is_over_ends() -> None:
    found = analyze_test(totals((10_000, 200), (10_000, 300), (10_000, 310), days_left=0))
    assert kinds(found) == [("pause", "v0"), ("stop", None)]


def test_the_same_request_has_the_same_answer_and_survives_json() -> None:
    request = drawn([0.02, 0.022, 0.021], days=12, seed=5)
    found = analyze_test(request)
    assert analyze_test(AnalysisRequest.model_validate_json(request.model_dump_json())) == found
    assert Analysis.model_validate_json(found.model_dump_json()) == found


def test_swapping_two_variants_changes_no_conclusion() -> None:
    request = drawn([0.02, 0.024], days=12, **QUIET)
    there, back = (analyze_test(request.model_copy(update={"variants": list(order)})) for order in (
        request.variants, reversed(request.variants)
    ))  # fmt: skip
    assert (there.p_value, there.p_anytime) == pytest.approx((back.p_value, back.p_anytime), rel=1e-9)
    assert there.winner == back.winner
    assert there.pairs[0].z == pytest.approx(-back.pairs[0].z)
    assert there.pairs[0].difference.value == pytest.approx(-(back.pairs[0].difference.value or 0))


def test_an_arm_that_never_met_the_others_on_a_day_is_no_obstacle() -> None:
    visitors = [[1000, 1000, 0], [1000, 1000, 0], [0, 0, 2000]]
    found = analyze_test(by_day(visitors, [[20, 22, 0], [25, 20, 0], [0, 0, 45]], **QUIET))
    assert found.strata
    assert found.strata.df == 1


def test_a_thousand_million_impressions_are_analysed_without_a_warning() -> None:
    visitors, conversions = [[10**9] * 3] * 25, [[10**7, 11 * 10**6, 12 * 10**6]] * 25
    found = analyze_test(by_day(visitors, conversions))
    assert (found.verdict, found.safe_to_stop) == ("winner", True)
    assert found.p_value == 1e-300
    assert found.bayes
    assert found.bayes.p_best[2] == pytest.approx(1.0, abs=1e-6)


def test_a_plan_takes_the_longer_of_power_and_conversions() -> None:
    plan = plan_test(
        TestPlanRequest(
            baseline_rate=0.02,
            minimum_detectable_effect=0.2,
            visitors_per_arm_per_day=[3000, 4000],
            planned_days=7,
        )
    )
    assert plan.visitors_per_arm == 21_109  # R: power.prop.test(p1 = .02, p2 = .024, power = .8)
    assert (plan.days_for_power, plan.days_for_min_conversions, plan.days, plan.can_finish) == (
        8,
        2,
        8,
        False,
    )
    assert wording.planned(plan).endswith("8 days, but it runs only 7.")
    assert 0.7 < plan.power_at_end < 0.8
    assert plan.detectable_effect
    assert 0.2 < plan.detectable_effect < 0.22


def test_a_plan_pays_for_more_variants_and_for_an_open_end() -> None:
    request = TestPlanRequest(
        baseline_rate=0.02, minimum_detectable_effect=0.5, visitors_per_arm_per_day=[1000], planned_days=30
    )
    two = plan_test(request)
    four = plan_test(request.model_copy(update={"variants": 4}))
    opened = plan_test(request.model_copy(update={"mode": "open_ended"}))
    assert four.alpha_per_comparison == pytest.approx(0.05 / 3)
    assert four.visitors_per_arm > two.visitors_per_arm == opened.visitors_per_arm
    assert (two.days_for_power or 0) * 2 - 1 <= (opened.days_for_power or 0) <= (two.days_for_power or 0) * 2
    assert two.can_finish


def test_a_plan_without_traffic_or_room_above_the_rate_says_so() -> None:
    request = TestPlanRequest(
        baseline_rate=0.5, minimum_detectable_effect=0.5, visitors_per_arm_per_day=[10, 0]
    )
    plan = plan_test(request)
    assert (plan.days, plan.can_finish, plan.detectable_effect) == (None, False, None)
    assert "without traffic" in wording.planned(plan)
    with pytest.raises(InvalidRequestError, match="1 or more"):
        plan_test(request.model_copy(update={"minimum_detectable_effect": 1.0}))


def test_days_of_an_arm_that_never_delivered_are_no_obstacle() -> None:
    found = analyze_test(by_day([[100, 100, 0], [0, 0, 0], [90, 100, 0]], [[5, 6, 0], [0, 0, 0], [3, 4, 0]]))
    assert found.status == "no_data"
    assert kinds(found) == [("run_longer", "v2")]


def test_days_that_cover_a_part_of_the_test_do_not_overrule_its_totals() -> None:
    request = by_day([[500, 500], [500, 500]], [[10, 11], [9, 10]], **QUIET)
    more = [
        item.model_copy(update={"visitors": 10_000, "conversions": conversions})
        for item, conversions in zip(request.variants, (200, 300), strict=True)
    ]
    found = analyze_test(request.model_copy(update={"variants": more}))
    assert (found.verdict, found.method) == ("winner", "chi_square")
    assert "days_differ_from_totals" in found.flags


def test_verdicts_that_only_straddle_alpha_leave_the_written_test_in_force() -> None:
    request = by_day([[5000, 5000]] * 4, [[50, 62], [50, 62], [50, 60], [50, 61]], **QUIET)
    found = analyze_test(request)
    assert found.strata
    assert found.p_fixed
    between = analyze_test(request.model_copy(update={"alpha": (found.p_fixed + found.strata.p_value) / 2}))
    assert (between.verdict, between.method) == ("winner", "chi_square")
    assert "split_drift" in between.flags
