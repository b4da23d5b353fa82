"""Builders of budget problems; what a test does not say is harmless."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from campaign_automation.models.budget_problem import (
    BudgetPlan,
    BudgetProblem,
    BudgetUnit,
    DayRecord,
    Decision,
)

TODAY = date(2026, 11, 22)


def day(age: int, **numbers: Any) -> DayRecord:
    """The record of the full day that ended `age` days before yesterday's end."""
    return DayRecord(day=TODAY - timedelta(days=age + 1), **numbers)


def days(count: int, **numbers: Any) -> list[DayRecord]:
    """`count` full days that end yesterday, all alike."""
    return [day(age, **numbers) for age in reversed(range(count))]


def unit(unit_id: str = "adset_1", budget: int = 10_000, **changes: Any) -> BudgetUnit:
    values: dict[str, Any] = {
        "campaign_id": "cmp_1",
        "platform": "meta",
        "objective": "sales",
        "budget_minor": budget,
        "budget_at_day_start_minor": budget,
        "min_minor": 100,
    }
    return BudgetUnit(unit_id=unit_id, **(values | changes))


def problem(*units: BudgetUnit, **changes: Any) -> BudgetProblem:
    return BudgetProblem(**({"today": TODAY, "currency": "USD", "units": list(units)} | changes))


def by_id(plan: BudgetPlan) -> dict[str, Decision]:
    return {decision.unit_id: decision for decision in plan.decisions}


def counts(values: Sequence[float], spend: int, **numbers: Any) -> list[DayRecord]:
    """One full day for each count of conversions, the last one yesterday."""
    return [
        day(age, spend_minor=spend, conversions=value, **numbers)
        for age, value in zip(reversed(range(len(values))), values, strict=True)
    ]
