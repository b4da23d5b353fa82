"""Splits are exact in whatever step a currency has."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.utils.money import Money, floor_to_step, split_evenly, to_units

STEPS = st.sampled_from([Decimal(1), Decimal("0.01"), Decimal("0.001")])


@given(units=st.integers(1, 10**9), parts=st.integers(1, 200), step=STEPS)
def test_split_sums_exactly_and_differs_by_at_most_one_step(units: int, parts: int, step: Decimal) -> None:
    shares = split_evenly(units * step, parts, step)
    assert sum(shares) == units * step
    assert len(shares) == parts
    assert max(shares) - min(shares) <= step
    assert shares == sorted(shares, reverse=True)


def test_split_gives_the_rest_to_the_first() -> None:
    assert split_evenly(Decimal(100), 3, Decimal("0.01")) == [
        Decimal("33.34"),
        Decimal("33.33"),
        Decimal("33.33"),
    ]


def test_an_amount_finer_than_the_step_is_refused() -> None:
    with pytest.raises(ValueError, match=r"100\.5 is not a multiple of 1"):
        to_units(Decimal("100.5"), Decimal(1))


def test_floor_to_step() -> None:
    assert floor_to_step(Decimal("10.019"), Decimal("0.01")) == Decimal("10.01")


def test_money_says_its_currency() -> None:
    assert str(Money(Decimal("33.34"), "USD")) == "33.34 USD"
