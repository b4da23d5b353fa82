"""The market without servers: months under a policy, and the truth behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pytest

from local.sandbox import market, simulation
from local.sandbox.simulation import FIRST_DAY, Adset, Record, expected, simulate

ADSETS = [Adset(f"adset {n}", f"audience {n}", (f"creative {n}", "common"), 50 + 10 * n) for n in range(10)]


def _keep(day: date, known: Sequence[Record]) -> Mapping[str, float]:
    return {}


def test_the_same_seed_brings_the_same_month() -> None:
    assert simulate(4, ADSETS, _keep) == simulate(4, ADSETS, _keep)
    assert simulate(4, ADSETS, _keep).truth != simulate(5, ADSETS, _keep).truth


def test_another_ad_set_changes_nobodys_days() -> None:
    few = simulate(4, ADSETS[:3], _keep).truth
    assert [
        record
        for record in simulate(4, ADSETS, _keep).truth
        if record.adset in {"adset 0", "adset 1", "adset 2"}
    ] == few


def test_the_policy_sees_what_is_known_each_morning() -> None:
    month = simulate(4, ADSETS, _keep)
    assert month.known[FIRST_DAY] == []
    assert month.known
    for day, known in month.known.items():
        assert {record.day for record in known} == {
            FIRST_DAY + timedelta(days=n) for n in range((day - FIRST_DAY).days)
        }
        assert known == [record.known(day) for record in month.truth if record.day < day]
        assert not any(record.orders for record in known)
    last = month.known[FIRST_DAY + timedelta(days=29)]
    by_age = {
        age: sum(r.conversions for r in last if (date(2026, 2, 3) - r.day).days - 1 == age)
        for age in range(20)
    }
    final = {
        age: sum(r.conversions for r in month.truth if (date(2026, 2, 3) - r.day).days - 1 == age)
        for age in range(20)
    }
    assert by_age[0] < 0.75 * final[0]
    assert all(by_age[age] == final[age] for age in range(6, 20))


def test_a_policys_budgets_hold_from_that_day_and_zero_pauses() -> None:
    change = FIRST_DAY + timedelta(days=10)

    def policy(day: date, known: Sequence[Record]) -> Mapping[str, float]:
        return {"adset 0": 500, "adset 1": 0} if day == change else {}

    month = simulate(4, ADSETS, policy)
    budgets = {(record.adset, record.day): record.budget for record in month.truth}
    assert (budgets["adset 0", change - timedelta(days=1)], budgets["adset 0", change]) == (50, 500)
    assert max(record.day for record in month.truth if record.adset == "adset 1") == change - timedelta(
        days=1
    )
    assert month.truth
    assert all(record.spend <= record.budget * market.OVERSPEND_LIMIT for record in month.truth)


def test_the_truth_is_what_days_come_to_on_average() -> None:
    adset = ADSETS[7]
    days = [FIRST_DAY + timedelta(days=n) for n in range(1400)]
    records = [simulation.run_day(4, adset, day, 200) for day in days]
    truth = expected(4, adset, 200)
    assert sum(r.conversions for r in records) / len(days) == pytest.approx(truth.conversions, rel=0.03)
    assert sum(r.revenue for r in records) / len(days) == pytest.approx(truth.revenue, rel=0.04)
    assert sum(r.spend for r in records) / len(days) == pytest.approx(200, rel=0.001)


def test_the_truth_grows_with_money_and_knows_the_day_of_the_week() -> None:
    for adset in ADSETS:
        usual = expected(4, adset, adset.budget).conversions
        assert expected(4, adset, 2 * adset.budget).conversions > usual > 0
        assert expected(4, adset, adset.budget, date(2026, 1, 10)).conversions > usual  # a Saturday
        assert expected(4, adset, 0).conversions == 0
