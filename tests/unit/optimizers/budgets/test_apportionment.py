"""Whole steps that add up, within every bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.optimizers.budgets.apportionment import apportion

BOX = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(sorted)


@given(
    boxes=st.lists(BOX, min_size=1, max_size=20),
    where=st.lists(st.floats(0, 1), min_size=20, max_size=20),
    total=st.integers(0, 10**7),
    step=st.sampled_from([1, 5, 100, 1000]),
)
def test_the_sum_is_exact_and_no_bound_breaks(
    boxes: list[list[int]], where: list[float], total: int, step: int
) -> None:
    low, high = [box[0] for box in boxes], [box[1] for box in boxes]
    shares = [least + part * (most - least) for (least, most), part in zip(boxes, where, strict=False)]
    ids = [f"id{index}" for index in range(len(boxes))]
    result = apportion(shares, total, low=low, high=high, ids=ids, step=step)
    assert sum(result.amounts) + result.unallocatable + result.unallocated - result.shortfall == total
    assert all(least <= x <= most for least, x, most in zip(low, result.amounts, high, strict=True))
    assert 0 <= result.unallocatable < step
    assert min(result.unallocated, result.shortfall) == 0


def test_largest_fractions_get_the_rest_and_ties_go_by_id() -> None:
    result = apportion([33.4, 33.3, 33.3], 100, low=[0] * 3, high=[99] * 3, ids=["c", "b", "a"])
    assert result.amounts == [34, 33, 33]
    tie = apportion([2.5, 2.5], 5, low=[0] * 2, high=[9] * 2, ids=["b", "a"])
    assert tie.amounts == [2, 3]


def test_a_full_part_passes_its_step_on() -> None:
    assert apportion([2.9, 2.1], 6, low=[0, 0], high=[2, 9], ids=["a", "b"]).amounts == [2, 4]


def test_floors_rounded_up_take_from_the_smallest_fractions() -> None:
    result = apportion([10.0, 25.0, 25.0], 60, low=[15, 0, 0], high=[90] * 3, ids=["a", "b", "c"], step=10)
    assert result.amounts == [20, 20, 20]


def test_what_no_step_can_carry_is_told() -> None:
    result = apportion([52.0, 55.0], 107, low=[0, 0], high=[90, 90], ids=["a", "b"], step=10)
    assert (result.amounts, result.unallocatable) == ([50, 50], 7)


def test_a_fixed_part_keeps_an_amount_off_the_step() -> None:
    result = apportion([15.0, 35.0], 50, low=[15, 0], high=[15, 90], ids=["a", "b"], step=10)
    assert (result.amounts, result.unallocatable) == ([15, 30], 5)


def test_bounds_that_cross_are_refused() -> None:
    with pytest.raises(ValueError, match="above its upper"):
        apportion([1.0], 1, low=[2], high=[1], ids=["a"])
