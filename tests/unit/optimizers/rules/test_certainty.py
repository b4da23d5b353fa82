"""Bounds behind certainty, against scipy and by simulation; and what they change in a rule's answer."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from typing import Any

import pytest
from scipy import special

from campaign_automation.optimizers.rules.certainty import (
    anytime_bounds,
    log_evidence,
    rate_bounds,
    share_bounds,
)
from campaign_automation.optimizers.rules.columns import Columns, _quotient
from campaign_automation.optimizers.special_functions import (
    beta_cdf,
    beta_quantile,
    gamma_cdf,
    gamma_quantile,
)
from tests.support.rules import acted, adset, days, is_, reasons, rule, run, snapshot

SHAPES = [0.5, 1, 2, 3.5, 10, 99.5, 1000, 50_000]
NOTIFY = {"type": "send_notification", "parameters": {"message": "look"}}
PROBABILITIES = [0.001, 0.05, 0.1, 0.5, 0.9, 0.975, 0.999]


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_agrees_with_scipy(shape: float) -> None:
    for ratio in (0.01, 0.3, 0.9, 1, 1.1, 2, 5):
        assert gamma_cdf(shape, shape * ratio) == pytest.approx(
            special.gammainc(shape, shape * ratio), abs=1e-11
        )
    for probability in PROBABILITIES:
        assert special.gammainc(shape, gamma_quantile(shape, probability)) == pytest.approx(
            probability, abs=1e-10
        )


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("b", [1, 7.5, 300, 1e6])
def test_beta_agrees_with_scipy(a: float, b: float) -> None:
    for x in (0.0, 1e-4, 0.02, 0.3, 0.9, 1.0):
        assert beta_cdf(a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-10)
    for probability in PROBABILITIES:
        # Not against betaincinv, which at (1000, 1e6, 0.9) is 2e-8 off its own betainc.
        assert special.betainc(a, b, beta_quantile(a, b, probability)) == pytest.approx(
            probability, abs=1e-10
        )


def test_without_prior_the_interval_is_the_exact_one() -> None:
    low, high = rate_bounds(4, 100, 0.95)
    assert special.gammaincc(5, high * 100) == pytest.approx(0.05)  # P(4 or fewer) at the upper bound
    assert special.gammainc(4, low * 100) == pytest.approx(0.05)  # P(4 or more) at the lower
    assert rate_bounds(0, 100, 0.95)[0] == 0


def test_with_prior_it_is_the_posterior() -> None:
    low, high = rate_bounds(4, 100, 0.9, prior=25)
    assert special.gammainc(5, low * 125) == pytest.approx(0.1)
    assert special.gammainc(5, high * 125) == pytest.approx(0.9)


def test_share_bounds_enclose_the_share() -> None:
    low, high = share_bounds(50, 1000, 0.9)
    assert low < 0.05 < high
    assert special.betainc(50, 951, low) == pytest.approx(0.1)
    assert special.betainc(51, 950, high) == pytest.approx(0.9)
    assert share_bounds(0, 10, 0.9)[0] == 0
    assert share_bounds(10, 10, 0.9)[1] == 1


def test_no_conversion_at_all_asks_for_5_76_target_cpas() -> None:
    _, high = anytime_bounds(0, 1, 0.95)
    assert 1.5 * high == pytest.approx(5.76, abs=0.01)


def test_the_bounds_lie_where_the_evidence_is_just_enough() -> None:
    for events in (0, 3, 40):
        low, high = anytime_bounds(events, 1, 0.9)
        assert log_evidence(events, high, 1) == pytest.approx(math.log(10))
        assert low < max(events, 1) < high + 1
        if events:
            assert log_evidence(events, low, -1) == pytest.approx(math.log(10))


def test_anytime_bounds_hold_at_all_looks_together() -> None:
    """60 looks at 1 expected event a day; a bound for a single look would fail far more often."""
    rng, missed, missed_one_look, courses = random.Random(7), 0, 0, 300
    for _ in range(courses):
        events, outside, outside_one_look = 0, False, False
        for day in range(1, 61):
            events += _poisson(rng, 1.0)
            outside |= anytime_bounds(events, day, 0.9)[1] < 1
            outside_one_look |= rate_bounds(events, day, 0.9)[1] < 1
        missed += outside
        missed_one_look += outside_one_look
    assert missed / courses <= 0.1
    assert missed_one_look / courses > 0.2


def test_what_few_conversions_cannot_carry_is_undecidable() -> None:
    unlucky = adset("as_1", days(*[(30.0, 1000, 30, 0, 0.0)] * 3), target_cpa=30.0)
    dead = adset("as_2", days(*[(300.0, 1000, 30, 0, 0.0)] * 3), target_cpa=30.0)
    dear = adset("as_3", days(*[(900.0, 1000, 30, 3, 90.0)] * 3), target_cpa=30.0)
    condition = is_("cpa", ">", {"target": "target_cpa", "factor": 1.5}, "3d")
    assert acted(run(rule(condition=condition), unlucky, dead, dear)) == ["as_1", "as_2", "as_3"]
    guarded = run(rule(condition=condition, certainty=0.95), unlucky, dead, dear)
    assert acted(guarded) == ["as_2", "as_3"]
    assert reasons(guarded.undecidable) == {"as_1": "not_certain"}


def test_no_conversion_counts_only_once_the_cpa_is_surely_high() -> None:
    condition = is_("conversions", "equals", 0, "3d")
    unlucky = adset("as_1", days(*[(30.0, 1000, 30, 0, 0.0)] * 3), target_cpa=30.0)
    dead = adset("as_2", days(*[(100.0, 1000, 30, 0, 0.0)] * 3), target_cpa=30.0)
    unknown = adset("as_3", days(*[(100.0, 1000, 30, 0, 0.0)] * 3))
    outcome = run(rule(condition=condition, certainty=0.95), unlucky, dead, unknown)
    assert acted(outcome) == ["as_2"]
    assert reasons(outcome.undecidable) == {"as_1": "not_certain", "as_3": "no_target_cpa"}


@pytest.mark.parametrize(("operator", "value"), [("less_than", 1), ("less_than_or_equal", 0), ("equals", 0)])
def test_no_conversion_proves_nothing_while_little_was_spent(operator: str, value: int) -> None:
    little = adset("as_1", days((5.0, 100, 10, 0, 0.0)), target_cpa=20.0)
    much = adset("as_2", days((2000.0, 100, 10, 0, 0.0)), target_cpa=20.0)
    condition = is_("conversions", operator, value, "1d")
    outcome = run(rule(condition=condition, certainty=0.9), little, much)
    assert acted(outcome) == ["as_2"]
    assert reasons(outcome.undecidable) == {"as_1": "not_certain"}


def test_a_pause_rests_on_all_that_is_known_and_a_notice_on_its_window() -> None:
    records = days(*[(50.0, 4000, 8, 0, 0.0)] * 30, (50.0, 100, 0, 0, 0.0))
    condition = is_("ctr", "<", 1, "1d")
    paused = run(rule(condition=condition, certainty=0.95), adset("as_1", records))
    assert acted(paused) == ["as_1"]
    told = rule(condition=condition, certainty=0.95, action=NOTIFY)
    assert reasons(run(told, adset("as_1", records)).undecidable) == {"as_1": "not_certain"}


def test_a_surely_low_cost_has_an_upper_bound() -> None:
    cheap = adset("as_1", days((1000.0, 9000, 900, 200, 9000.0)), target_cpa=20.0)
    condition = is_("cpa", "<", 10, "1d")
    told = rule(condition=condition, certainty=0.9, action=NOTIFY)
    assert acted(run(told, cheap)) == ["as_1"]


def test_a_negation_asks_for_certainty_of_what_it_says() -> None:
    few = adset("as_1", days((100.0, 1000, 30, 1, 90.0)), target_cpa=90.0)
    many = adset("as_2", days((9000.0, 90_000, 3000, 90, 8100.0)), target_cpa=90.0)
    at_least = {"not": is_("roas", ">=", 1.2, "1d")}
    lower = {"type": "decrease_budget"}
    outcome = run(rule(condition=at_least, action=lower, certainty=0.9), few, many)
    assert acted(outcome) == ["as_2"]
    assert reasons(outcome.undecidable) == {"as_1": "not_certain"}


@pytest.mark.parametrize(
    ("condition", "sure", "unsure"),
    [
        (is_("ctr", "<", 2, "1d"), (100, 10_000, 100, 5, 100), (100, 100, 1, 0, 0)),
        (is_("ctr", ">", 0.5, "1d"), (100, 10_000, 100, 5, 100), (100, 100, 1, 0, 0)),
        (is_("conversion_rate", "<", 5, "1d"), (100, 10_000, 1000, 10, 100), (100, 1000, 30, 1, 10)),
        (is_("cpc", ">", 0.5, "1d"), (100, 10_000, 100, 5, 100), (1, 10_000, 1, 5, 100)),
        (is_("conversions", ">", 10, "1d"), (100, 10_000, 100, 30, 100), (100, 10_000, 100, 11, 100)),
        (is_("roas", "between", [1, 3], "1d"), (100, 10_000, 100, 50, 200), (100, 10_000, 100, 2, 200)),
        (is_("ctr", "not_between", [2, 3], "1d"), (100, 10_000, 100, 5, 100), (100, 100, 1, 0, 0)),
    ],
)
def test_each_metric_has_its_certainty(
    condition: dict[str, Any], sure: tuple[float, ...], unsure: tuple[float, ...]
) -> None:
    notify = {"type": "send_notification", "parameters": {"message": "m"}}
    entities = adset("as_1", days(sure)), adset("as_2", days(unsure))
    assert run(rule(condition=condition, action=notify), *entities).matched == 2
    outcome = run(rule(condition=condition, action=notify, certainty=0.9), *entities)
    assert acted(outcome) == ["as_1"]
    assert reasons(outcome.undecidable) == {"as_2": "not_certain"}


@pytest.mark.parametrize(
    ("operator", "action"), [(">", {"type": "increase_budget"}), ("<", {"type": "pause_adset"})]
)
def test_an_assumed_lag_makes_certainty_harder_never_easier(operator: str, action: dict[str, Any]) -> None:
    """Conversions that may be still to come hold a pause back; they are no ground for a raise."""
    seen = adset("as_1", days((1000, 10_000, 1000, 300, 1200)))  # ROAS 1.2, or 2.4 with half still to come
    threshold = 1.18 if operator == ">" else 1.8
    stored = rule(condition=is_("roas", operator, threshold, "24h"), action=action, certainty=0.8)
    lags = [{}, {"maturity": (0.5,), "maturity_assumed": True}, {"maturity": (0.5,)}]
    matched = [run(stored, seen, **lag).matched for lag in lags]
    assert matched == ([0, 0, 1] if operator == ">" else [1, 0, 0])


def test_facts_need_no_certainty() -> None:
    assert run(
        rule(condition=is_("spend", ">", 1, "1d"), certainty=0.99), adset("as_1", days((2, 1, 1, 0, 0)))
    ).matched


def test_the_engine_carries_no_scipy_numpy_or_pandas() -> None:
    modules = ", ".join(
        f"campaign_automation.optimizers.rules.{name}" for name in ("backtest", "conflicts", "templates")
    )
    code = f"import sys, {modules}; sys.exit(bool({{'scipy', 'numpy', 'pandas'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _poisson(rng: random.Random, mean: float) -> int:
    count, product = 0, rng.random()
    while product > math.exp(-mean):
        count, product = count + 1, product * rng.random()
    return count


def columns_of(*records: Any, **changes: Any) -> Columns:
    account = snapshot(adset("as_1", days(*records), **changes))
    return Columns(account, account.entities)


def test_without_a_target_the_bounds_of_cpa_have_no_prior() -> None:
    found = columns_of((100.0, 5000, 100, 5, 300.0)).bounds("cpa", "1d", 0.9, anytime=False)
    assert found is not None
    low, high = rate_bounds(5, 100.0, 0.9)
    assert [column.cell(0) for column in found] == pytest.approx([1 / high, 1 / low])
    with_target = columns_of((100.0, 5000, 100, 5, 300.0), target_cpa=50.0)
    assert with_target.bounds("cpa", "1d", 0.9, anytime=False) != found


def test_the_value_of_a_conversion_is_that_of_the_longest_span_that_has_one() -> None:
    """A window with conversions and no revenue tells no value; the days before it do."""
    columns = columns_of((100.0, 5000, 100, 4, 200.0), (100.0, 5000, 100, 5, 0.0))
    assert columns._value_per_conversion(0, "1d") == pytest.approx(200 / 9)
    assert columns_of((1.0, 1, 1, 0, 0.0))._value_per_conversion(0, "1d") == "no_value_per_conversion"


def test_matured_figures_are_of_complete_days_alone() -> None:
    account = snapshot(
        adset("as_1", days(*[(100.0, 5000, 100, 5, 300.0)] * 3)), maturity=[0.2, 1.0], maturity_assumed=False
    )
    columns = Columns(account, account.entities)
    assert columns.metric("conversions", "3d", matured=True).cell(0) == 10
    assert columns.metric("conversions", "today", matured=True).cell(0) == "unfinished_day"
    bounds = [columns.bounds("cpa", "3d", 0.9, anytime=False, matured=matured) for matured in (True, False)]
    assert None not in bounds
    assert bounds[0] != bounds[1]
    low, high = rate_bounds(10, 200.0, 0.9)  # of the two days that are complete
    assert bounds[0] is not None
    assert [column.cell(0) for column in bounds[0]] == pytest.approx([1 / high, 1 / low])


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        (6.0, 3.0, 2.0),
        (0.0, 0.0, "reference_zero"),
        (6.0, 0.0, math.inf),
        (6.0, math.inf, 0.0),
        (math.inf, math.inf, "reference_undefined"),
        ("unknown", "none", "unknown"),
        (6.0, "none", "none"),
    ],
)
def test_a_figure_over_its_reference(left: Any, right: Any, found: Any) -> None:
    assert _quotient(left, right) == found


def test_equality_with_one_number_is_sure_only_where_the_number_cannot_be_excluded() -> None:
    notify = {"type": "send_notification", "parameters": {"message": "m"}}
    entity = adset("as_1", days((100, 10_000, 100, 5, 100)))  # a click-through rate of 1 %
    condition = is_("ctr", "equals", 1, "1d")
    assert acted(run(rule(condition=condition, action=notify, certainty=0.9), entity)) == ["as_1"]
    other = is_("ctr", "not_equals", 3, "1d")
    assert acted(run(rule(condition=other, action=notify, certainty=0.9), entity)) == ["as_1"]
