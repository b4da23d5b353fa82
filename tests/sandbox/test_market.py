"""The market's laws, number by number."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest

from local.sandbox import market
from local.sandbox.core.records import DayRecord

DAY = date(2026, 11, 2)
CURVE = market.curve_of(1, "US/18-35")


def test_conversions_grow_with_falling_returns() -> None:
    spends = [20 * step for step in range(1, 40)]
    gains = [market.daily_conversions(CURVE, s + 20) - market.daily_conversions(CURVE, s) for s in spends]
    beyond = [gain for spend, gain in zip(spends, gains, strict=True) if spend > CURVE.half_spend]
    assert all(gain > 0 for gain in gains)
    assert beyond == sorted(beyond, reverse=True)
    assert market.daily_conversions(CURVE, 0) == 0
    assert market.daily_conversions(CURVE, CURVE.half_spend) == pytest.approx(CURVE.ceiling / 2)
    assert market.daily_conversions(CURVE, 1e9) <= CURVE.ceiling


def test_spend_never_passes_the_overspend_limit() -> None:
    days = [market.daily_spend(1, "a", DAY + timedelta(days=n), 100) for n in range(2000)]
    assert max(days) <= 125
    assert min(days) >= 80
    assert sum(days) / len(days) == pytest.approx(100, rel=0.01)


def test_audiences_and_creatives_differ_but_repeat() -> None:
    assert market.curve_of(1, "US/18-35") == CURVE
    assert len({market.curve_of(1, f"audience {n}").ceiling for n in range(20)}) == 20
    effects = [market.creative_effect(1, f"creative {n}") for n in range(200)]
    assert 0.9 < sum(effects) / len(effects) < 1.2
    assert max(effects) / min(effects) > 2


def test_a_film_works_as_well_wherever_it_is_served_from() -> None:
    films = [market.shown(f"http://127.0.0.1:{port}/files/creative_2.mp4") for port in (41001, 41002)]
    assert films == ["/files/creative_2.mp4"] * 2
    assert market.shown("4ee03196720d47a6") == "4ee03196720d47a6"


def test_better_creatives_get_more_money() -> None:
    low, high = market.shares([0.8, 1.6])
    assert low + high == pytest.approx(1)
    assert high > 2 * low


def test_delivery_matches_its_expectation() -> None:
    rng = Random(5)
    runs = [market.deliver(rng, CURVE, market.Goal(), 1.0, 100, 4.0, DAY) for _ in range(800)]
    mean = sum(run.conversions for run in runs) / len(runs)
    assert mean == pytest.approx(4 * market.WEEKDAY[DAY.weekday()], rel=0.06)
    order_value = sum(run.revenue for run in runs) / sum(run.conversions for run in runs)
    assert order_value == pytest.approx(CURVE.order_value, rel=0.05)
    assert all(run.conversions <= run.clicks <= run.impressions for run in runs)


def test_no_money_brings_nothing() -> None:
    empty = market.deliver(Random(1), CURVE, market.Goal(), 1.0, 0, 0, DAY)
    assert empty == market.Delivery(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("envelope", "most"), [(market.WEEKLY, 1.25), (market.MONTHLY, 2.0)], ids=["weekly", "monthly"]
)
def test_spend_stays_inside_the_envelope_and_uses_the_budget_up(
    envelope: market.Envelope, most: float
) -> None:
    first = date(2026, 3, 1) if envelope.by_month else date(2026, 11, 2)
    days = [first + timedelta(days=n) for n in range(31 if envelope.by_month else 7)]
    for adset in map(str, range(200)):
        spends = [market.daily_spend(1, adset, day, 100, envelope) for day in days]
        assert max(spends) <= 100 * most
        assert sum(spends) == pytest.approx(100 * envelope.period, rel=0.005)
        assert sum(spends) <= 100 * envelope.period + 1e-9


def test_a_budget_changed_within_the_week_holds_for_the_days_left() -> None:
    before, after = (market.daily_spend(1, "a", DAY, budget) for budget in (100, 40))
    assert after == pytest.approx(before * 0.4)


def test_days_vary_more_than_chance_alone() -> None:
    counts = []
    for number in range(600):
        factor = market.day_factor(1, f"adset {number}", DAY)
        rng = Random(f"dispersion {number}")
        counts.append(market.deliver(rng, CURVE, market.Goal(), 1.0, 200, 12 * factor, DAY).conversions)
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(12 * market.WEEKDAY[DAY.weekday()], rel=0.05)
    assert variance / mean == pytest.approx(1 + mean / market.DISPERSION_SHAPE, rel=0.2)
    assert market.day_factor(1, "adset 1", DAY) == market.day_factor(1, "adset 1", DAY)


def test_conversions_get_known_over_a_week() -> None:
    runs = [market.deliver(Random(n), CURVE, market.Goal(), 1.0, 400, 20, DAY) for n in range(200)]
    lags = [order.lag for run in runs for order in run.orders]
    for age, share in enumerate(market.KNOWN_SHARE):
        assert sum(lag <= age for lag in lags) / len(lags) == pytest.approx(share, abs=0.02)
    assert all(run.conversions == len(run.orders) for run in runs)


def test_a_record_shows_what_is_known_and_its_spend_at_once() -> None:
    record = DayRecord("ad", "adset", "campaign", "account", DAY)
    record.add(
        100.009, market.deliver(Random(3), CURVE, market.Goal(), 1.0, 400, 30, DAY), 1.0, Decimal("0.01")
    )
    views = [record.known(DAY + timedelta(days=later)) for later in range(9)]
    counts = [view.conversions for view in views]
    assert counts[0] == counts[1]  # the running day, and the day that has just ended
    assert counts == sorted(counts)
    assert 0 < counts[1] < counts[-1] == record.conversions
    assert [view.revenue > 0 for view in views] == [True] * 9
    assert {view.spend for view in views} == {Decimal("100.00")}
    assert views[-1].revenue == record.revenue


def test_draws_are_named_after_what_things_are_and_not_after_their_ids() -> None:
    def family(audience: str, **ads: str) -> tuple[str, dict[str, str]]:
        return audience, ads

    made = {"1": family("US", a="red", b="blue"), "2": family("US", c="green"), "3": family("US", d="green")}
    otherwise = {"9": family("US", z="green"), "8": family("US", y="blue", x="red")}
    names, others = market.names(made), market.names(otherwise)
    assert len(set(names.values())) == 7
    assert (names["1"], names["a"], names["b"]) == (others["8"], others["x"], others["y"])
    assert {others["9"]} < {names["2"], names["3"]}
