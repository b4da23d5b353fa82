"""Maturity, evidence and error rates of the guard."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from campaign_automation.models.budget_problem import BudgetUnit, MaturitySnapshot
from campaign_automation.optimizers.budget_optimizer import optimize_budget
from campaign_automation.optimizers.budgets.guard import (
    ALPHA,
    RATE_RATIOS,
    Beliefs,
    Exposure,
    check_change,
    exposure,
    log_e_value,
    measure_maturity,
    probability_rate_above,
    probability_rate_below,
    target_cpa_of,
)
from tests.support.budget_problems import TODAY, counts, day, problem, unit

TARGET = 1000  # minor units a conversion


def snapshots(*rows: list[float | None]) -> list[MaturitySnapshot]:
    return [MaturitySnapshot(day=TODAY, counts=row) for row in rows]


def test_without_snapshots_maturity_grows_from_half_to_the_attribution_window() -> None:
    maturity = measure_maturity([], 4)
    assert maturity.assumed
    assert [maturity.at(age) for age in range(6)] == [0.5, 0.625, 0.75, 0.875, 1.0, 1.0]
    assert measure_maturity([], 0).at(0) == 1.0


def test_maturity_is_the_chain_ladder_of_the_snapshots() -> None:
    """Two ages move (D = 2): r_2 = (80 + 4/3)/(100 + 2), r_1 = (60 + 2/3)/(80 + 4/3) over the older day."""
    maturity = measure_maturity(snapshots([60, 80, 100, 100]), 3)
    r_2, r_1 = (80 + 4 / 3) / (100 + 2), (60 + 2 / 3) / (80 + 4 / 3)
    assert not maturity.assumed
    assert [maturity.at(age) for age in range(4)] == pytest.approx([r_1 * r_2, r_2, 1.0, 1.0])


def test_a_step_counts_only_days_known_at_both_ages() -> None:
    young_and_old = measure_maturity(snapshots([50, 100, 100], [70], [None, 30, 30]), 2)
    assert young_and_old.at(0) == pytest.approx((50 + 1) / (100 + 2))


def test_counts_that_fall_are_capped_at_full_maturity() -> None:
    assert measure_maturity(snapshots([100, 90, 90]), 2).at(0) == 1.0


def test_a_step_that_no_snapshot_shows_is_not_taken_for_no_growth() -> None:
    one_report = snapshots([None, None, 9], [None, 12], [7])
    assert measure_maturity(one_report, 2).assumed


def test_snapshots_younger_than_the_attribution_window_are_not_enough() -> None:
    assert measure_maturity(snapshots([10, 12]), 7).assumed


def test_exposure_leaves_out_days_with_an_unknown_number() -> None:
    records = [
        day(0, spend_minor=100, conversions=1),
        day(1, spend_minor=100, conversions=None),
        day(2, spend_minor=None, conversions=5),
    ]
    assert exposure(records, measure_maturity([], 2), TODAY) == Exposure(1.0, 50.0)


def test_the_e_value_is_the_mean_of_the_likelihood_ratios() -> None:
    seen, expected = Exposure(3.0, 9000.0), 9000 / (1.5 * TARGET)
    plain = sum(ratio**3 * math.exp(expected * (1 - ratio)) for ratio in RATE_RATIOS) / len(RATE_RATIOS)
    assert log_e_value(seen, TARGET) == pytest.approx(math.log(plain), rel=1e-12)
    assert log_e_value(seen, TARGET, 2.5) == pytest.approx(math.log(plain) / 2.5, rel=1e-12)
    assert log_e_value(seen, TARGET, 0.5) == log_e_value(seen, TARGET)


def test_without_a_conversion_a_pause_takes_5_76_target_cpas() -> None:
    bar = math.log(1 / ALPHA)
    assert (
        log_e_value(Exposure(0, 5.755 * TARGET), TARGET)
        < bar
        < log_e_value(Exposure(0, 5.765 * TARGET), TARGET)
    )


def test_a_flood_of_evidence_does_not_overflow() -> None:
    verdict = check_change(
        "pause", unit(target_cpa_minor=1), Exposure(0, 1e15), Beliefs(1.0, None), assumed=False
    )
    assert verdict.value is not None
    assert math.isfinite(verdict.value)
    assert verdict.verdict == "confirmed"


def test_posterior_tails_are_complements() -> None:
    """y = 0: P(rate < r) = 1 - exp(-S r)."""
    seen = Exposure(0.0, 3000.0)
    assert probability_rate_below(seen, 1e-3, 1000.0) == pytest.approx(1 - math.exp(-4))
    assert probability_rate_above(seen, 1e-3, 1000.0) == pytest.approx(math.exp(-4))


def test_a_target_roas_stands_in_for_a_missing_target_cpa() -> None:
    assert target_cpa_of(unit(target_roas=Decimal(2)), 3000.0) == 1500.0
    assert target_cpa_of(unit(target_roas=Decimal(2), target_cpa_minor=700), 3000.0) == 700.0
    assert target_cpa_of(unit(target_roas=Decimal(2)), None) is None
    assert target_cpa_of(unit(), 3000.0) is None


@pytest.mark.parametrize(
    ("adset", "missing"), [(unit(), "no_target"), (unit(target_roas=Decimal(2)), "revenue_missing")]
)
def test_a_pause_that_cannot_be_judged_is_held(adset: BudgetUnit, missing: str) -> None:
    verdict = check_change("pause", adset, Exposure(0, 1e9), Beliefs(1.0, None), assumed=True)
    assert (verdict.verdict, verdict.missing) == ("held", missing)


def test_lower_and_raise_ask_for_nine_in_ten() -> None:
    adset = unit(target_cpa_minor=TARGET, target_roas=Decimal(1))
    beliefs = Beliefs(1.0, value=1000.0)
    assert check_change("lower", adset, Exposure(2, 6000), beliefs, assumed=False).verdict == "held"
    assert check_change("lower", adset, Exposure(5, 20_000), beliefs, assumed=False).verdict == "confirmed"
    assert check_change("raise", adset, Exposure(4, 2000), beliefs, assumed=False).verdict == "held"
    assert check_change("raise", adset, Exposure(40, 20_000), beliefs, assumed=False).verdict == "confirmed"


def known_by_day(generator: np.random.Generator, rate: float, length: int) -> np.ndarray:
    """Counts of day t as known at the end of day s (row s, column t): half at once, all after a week."""
    table = np.zeros((length, length))
    for column in range(length):
        total = int(generator.poisson(rate))
        delays = np.searchsorted(0.5 + np.arange(8) / 14, generator.random(total))
        for row in range(column, length):
            table[row, column] = np.sum(delays <= row - column)
    return table


def paused_on(table: np.ndarray, guard: bool) -> int | None:
    """The morning, counted in full days, on which an ad set that spends its target CPA a day is paused."""
    for row in range(2, len(table)):
        if not table[row, row - 2 : row + 1].any():
            records = counts(table[row, : row + 1].tolist(), TARGET)
            adset = unit(target_cpa_minor=TARGET, records=records)
            if optimize_budget(problem(adset, guard=guard)).decisions[0].action == "pause":
                return row + 1
    return None


@pytest.mark.slow
def test_an_on_target_ad_set_is_rarely_paused_and_by_the_written_rule_alone_nearly_always() -> None:
    """One expected conversion a day over 30 days, reported late as assumed."""
    generator = np.random.default_rng(11)
    runs = [known_by_day(generator, 1.0, 30) for _ in range(150)]
    guarded = sum(paused_on(run, guard=True) is not None for run in runs)
    written = sum(paused_on(run, guard=False) is not None for run in runs)
    assert guarded / len(runs) <= 0.05
    assert written / len(runs) > 0.9


def test_healthy_ad_sets_stay_below_alpha_at_the_edge_of_health() -> None:
    """True CPA exactly 1.5 x target, looked at every day for 200 days, whatever the written rule says."""
    generator = np.random.default_rng(12)
    days, runs = 200, 2000
    totals = generator.poisson(1 / 1.5, (runs, days)).cumsum(1)
    spend = TARGET * np.arange(1, days + 1)
    table = {
        (y, t): log_e_value(Exposure(float(y), float(spend[t])), TARGET)
        for t in range(days)
        for y in np.unique(totals[:, t])
    }
    ever = sum(max(table[run[t], t] for t in range(days)) >= math.log(1 / ALPHA) for run in totals)
    assert ever / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_a_dead_ad_set_is_stopped_within_eight_days() -> None:
    assert paused_on(np.zeros((10, 10)), guard=True) == 8
    assert paused_on(np.zeros((10, 10)), guard=False) == 3


def test_evidence_starts_with_the_last_change_of_creative_or_target() -> None:
    adset = unit(target_cpa_minor=TARGET, records=counts([0] * 10, TARGET))
    fresh = adset.model_copy(update={"evidence_since": TODAY - timedelta(days=4)})
    assert optimize_budget(problem(adset)).decisions[0].action == "pause"
    held = optimize_budget(problem(fresh, window_days=4)).decisions[0]  # lowered by the other rule
    assert held.action != "pause"
    assert held.evidence.guard.matured_spend_minor == pytest.approx(
        sum(0.5 + age / 14 for age in range(4)) * TARGET
    )
