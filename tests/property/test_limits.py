"""Each cap of the write gate, at and around its edge: a test here fails when its cap is taken out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_automation.managers.changes.guards import (
    Limits,
    check_account,
    check_budget,
    check_switch,
    is_large,
)

EXAMPLES = settings(max_examples=200, deadline=None)
BUDGETS = st.decimals("0.01", "100000", places=2)
PERCENTS = st.decimals("-100", "200", places=1)
FIFTY = Limits(Decimal(50), Decimal(50), {"USD": Decimal(1000), "act_1": Decimal(10)}, False)


def moved(base: Decimal, percent: Decimal) -> Decimal:
    return base * (100 + percent) / 100


@EXAMPLES
@given(base=BUDGETS, percent=PERCENTS)
def test_one_step_moves_a_budget_by_at_most_its_cap(base: Decimal, percent: Decimal) -> None:
    new = moved(base, percent)
    refusal = check_budget(base, new, new, FIFTY)
    assert (refusal is None) == (abs(percent) <= 50)
    assert refusal is None or refusal.code == "step_cap"


@EXAMPLES
@given(base=BUDGETS, percent=PERCENTS)
def test_a_day_moves_a_budget_by_at_most_its_cap_however_many_steps(base: Decimal, percent: Decimal) -> None:
    new = moved(base, percent)
    refusal = check_budget(new, base, new, FIFTY)
    assert (refusal is None) == (abs(percent) <= 50)
    assert refusal is None or refusal.code == "day_cap"


@EXAMPLES
@given(total=st.decimals("0", "2000", places=2))
def test_an_account_spends_at_most_its_cap(total: Decimal) -> None:
    by_currency = check_account(total, "act_2", "USD", FIFTY)
    assert (by_currency is None) == (total <= 1000)
    own = check_account(total, "act_1", "USD", FIFTY)
    assert (own is None) == (total <= 10)
    assert {refusal.code for refusal in (own, by_currency) if refusal} <= {"account_cap"}


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (FIFTY._replace(step_percent=None), "MAX_BUDGET_STEP_PERCENT"),
        (FIFTY._replace(day_percent=None), "MAX_BUDGET_DAY_PERCENT"),
    ],
)
def test_a_missing_percentage_refuses_and_is_named(limits: Limits, setting: str) -> None:
    refusal = check_budget(Decimal(10), Decimal(10), Decimal(10), limits)
    assert refusal is not None
    assert refusal.code == "limit_missing"
    assert setting in refusal.message


def test_a_missing_account_cap_refuses_and_is_named() -> None:
    refusal = check_account(Decimal(1), "act_2", "EUR", FIFTY)
    assert refusal is not None
    assert "ACCOUNT_DAILY_BUDGET_CAPS" in refusal.message


@pytest.mark.parametrize(("switch", "code"), [(None, "limit_missing"), (True, "kill_switch"), (False, None)])
def test_the_kill_switch(switch: bool | None, code: str | None) -> None:
    refusal = check_switch(FIFTY._replace(is_stopped=switch))
    assert (refusal and refusal.code) == code


def test_changes_beyond_a_fifth_are_large() -> None:
    assert not is_large(Decimal(100), Decimal(120))
    assert is_large(Decimal(100), Decimal("120.01"))
    assert is_large(Decimal(100), Decimal("79.99"))
