"""Curves are found again, do not depend on order or currency, and borrow where data are thin."""

from __future__ import annotations

import numpy as np
import pytest

from campaign_automation.optimizers.budgets.response_curves import (
    CurveFit,
    Floats,
    Panel,
    conversion_values,
    fit_curves,
)


def simulated(seed: int, n: int = 30, days: int = 30, rate: float = 20.0) -> tuple[Panel, Floats]:
    """A panel of over-dispersed counts on known curves, and these curves' results at a spend of 1."""
    generator = np.random.default_rng(seed)
    level, half = rate * generator.lognormal(0, 0.6, n), 2 * generator.lognormal(0, 0.5, n)
    spend = generator.lognormal(0, 0.4, (n, days))
    mean = level[:, None] * (half[:, None] + 1) * spend / (half[:, None] + spend)
    mean *= 1 + 0.3 * np.sin(np.arange(days) * 2 * np.pi / 7)
    counts = generator.poisson(mean * generator.gamma(20, 1 / 20, mean.shape))
    ages = np.arange(days - 1, -1, -1).astype(float)
    return Panel(spend, counts.astype(float), ages, np.ones(days)), level


def one_pool(panel: Panel, unit_spend: float = 1.0) -> CurveFit:
    return fit_curves(panel, unit_spend, ["pool"] * len(panel.spend))


def at(fit: CurveFit, spend: float) -> Floats:
    n = len(fit.level)
    return fit.curves(np.ones(n)).value(np.full(n, spend))


def test_known_levels_are_found_again() -> None:
    panel, level = simulated(1)
    fit = one_pool(panel)
    errors = np.log(at(fit, 1.0) / level)
    assert float(np.max(np.abs(errors))) < 0.35
    assert np.sqrt(np.mean(errors**2)) < 0.12
    assert 1.0 < fit.dispersion[0] < 4.0


def test_the_true_result_lies_within_the_posterior_as_often_as_it_says() -> None:
    panel, level = simulated(2)
    fit = one_pool(panel)
    generator = np.random.default_rng(0)
    n = len(level)
    draws = np.array([fit.draw(np.ones(n), generator).value(np.ones(n)) for _ in range(400)])
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    assert np.mean((low <= level) & (level <= high)) >= 0.8


@pytest.mark.parametrize("spend", [0.3, 1.0, 3.0])
def test_the_deviation_of_a_result_is_that_of_the_draws(spend: float) -> None:
    fit, values = one_pool(simulated(2)[0]), np.full(30, 5.0)
    generator = np.random.default_rng(0)
    at_spend = np.full(30, spend)
    draws = np.array([fit.draw(values, generator).value(at_spend) for _ in range(2000)])
    assert fit.deviation(values, at_spend) == pytest.approx(draws.std(0), rel=0.15)
    assert np.all(fit.deviation(values, np.zeros(30)) == 0)


def test_the_spread_of_the_days_is_found_again() -> None:
    """A week's wave of 30 % has a standard deviation of 0.21; without one the prior's 0.1 shrinks."""
    assert one_pool(simulated(1)[0]).day_spread[0] == pytest.approx(0.21, abs=0.05)
    panel, _ = simulated(1)
    generator = np.random.default_rng(3)
    even = Panel(
        panel.spend, generator.poisson(20.0 * np.ones((30, 30))).astype(float), panel.ages, panel.maturity
    )
    assert one_pool(even).day_spread[0] < 0.07


def test_the_order_of_the_ad_sets_does_not_matter() -> None:
    panel, _ = simulated(3)
    order = np.random.default_rng(1).permutation(30)
    shuffled = Panel(panel.spend[order], panel.conversions[order], panel.ages, panel.maturity)
    assert at(one_pool(shuffled), 1.3) == pytest.approx(at(one_pool(panel), 1.3)[order], rel=1e-9)


def test_the_unit_of_money_does_not_matter() -> None:
    panel, _ = simulated(3)
    cents = Panel(panel.spend * 100, panel.conversions, panel.ages, panel.maturity)
    assert at(one_pool(cents, 100.0), 130.0) == pytest.approx(at(one_pool(panel), 1.3), rel=1e-9)


def test_more_spend_never_lowers_the_prediction() -> None:
    fit = one_pool(simulated(4)[0])
    results = [at(fit, spend).sum() for spend in np.linspace(0, 10, 50)]
    assert np.all(np.diff(results) > 0)


def test_an_ad_set_without_data_gets_the_middle_of_its_pool() -> None:
    panel, _ = simulated(5, n=8)
    panel.conversions[0] = np.nan
    fit = one_pool(panel)
    per_money = fit.level - np.log(fit.centre)
    assert per_money[0] == pytest.approx(per_money.mean(), abs=1e-3)
    assert fit.centre[0] == 1.0
    assert np.all(fit.var_level[0] > fit.var_level[1:])


def test_a_new_small_ad_set_is_credited_per_money() -> None:
    """One day of a fifth of the others' spend brings about a fifth of their conversions, not as many."""
    panel, _ = simulated(5, n=8)
    panel.conversions[0], panel.spend[0] = np.nan, 0.0
    panel.spend[0, -1], panel.conversions[0, -1] = panel.spend[1:].mean() / 5, 1.0
    fit = one_pool(panel)
    own = float(np.exp(fit.level[0]))
    assert own < 0.5 * float(np.exp(fit.level[1:]).mean())


def test_days_without_spend_or_count_do_not_matter() -> None:
    panel, _ = simulated(6)
    gaps = np.random.default_rng(2).random(panel.spend.shape) < 0.2
    zero = Panel(np.where(gaps, 0.0, panel.spend), panel.conversions, panel.ages, panel.maturity)
    unknown = Panel(panel.spend, np.where(gaps, np.nan, panel.conversions), panel.ages, panel.maturity)
    assert at(one_pool(zero), 1.0) == pytest.approx(at(one_pool(unknown), 1.0), rel=1e-12)


def test_late_conversions_do_not_look_like_bad_days() -> None:
    panel, level = simulated(7)
    maturity = np.where(panel.ages < 7, 0.5 + panel.ages / 14, 1.0)
    late = Panel(panel.spend, panel.conversions * maturity, panel.ages, maturity)
    assert np.log(at(one_pool(late), 1.0).sum() / level.sum()) == pytest.approx(0, abs=0.1)


def test_small_pools_borrow_from_all_and_large_ones_stand_alone() -> None:
    panel, _ = simulated(8)
    pools = ["a"] * 26 + ["b"] * 4
    fit, whole = fit_curves(panel, 1.0, pools), one_pool(panel)
    first = Panel(panel.spend[:26], panel.conversions[:26], panel.ages, panel.maturity)
    assert fit.level[26:] == pytest.approx(whole.level[26:])
    assert fit.level[:26] == pytest.approx(one_pool(first).level)


def test_values_shrink_to_their_mean_and_unknown_ones_are_flagged() -> None:
    revenue = np.array([[300.0, np.nan], [100.0, 100.0], [np.nan, np.nan]])
    values = conversion_values(revenue, np.array([[10.0, 9.0], [5.0, 5.0], [7.0, 1.0]]))
    assert values is not None
    assert values.mean == 25.0
    assert values.value.tolist() == [(300 + 250) / 20, (200 + 250) / 20, 25.0]
    assert values.assumed.tolist() == [False, False, True]
    assert conversion_values(np.full((1, 2), np.nan), np.ones((1, 2))) is None
