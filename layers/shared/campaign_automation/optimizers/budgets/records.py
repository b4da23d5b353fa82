"""Daily records made safe to reckon with: checked, one per day, summed over windows. Unknown stays None."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from campaign_automation.models.budget_problem import BudgetProblem, BudgetUnit, DayRecord
from campaign_automation.utils.error_handler import InvalidRequestError

Days = Mapping[date, DayRecord]
_MONEY = ("spend_minor", "revenue_minor")
_NUMBERS = (*_MONEY, "conversions", "impressions", "clicks")
_EXACT = 2**53


class Totals(NamedTuple):
    """Sums over the `days` of a window that have a record; None when one of them is unknown.

    A window without any record knows nothing: all three are None.
    """

    first: date
    last: date
    days: int
    spend: int | None
    conversions: Fraction | None
    revenue: int | None


def check_problem(problem: BudgetProblem) -> None:
    """Raises InvalidRequestError for an id given twice, a second currency or an impossible number.

    A number is impossible when it is negative, infinite or NaN, or an amount of money in broken minor
    units; the error names the unit, the day and the number.
    """
    seen: set[str] = set()
    for unit in problem.units:
        if unit.unit_id in seen:
            raise _invalid("units", f"{unit.unit_id} is given twice", unit=unit.unit_id)
        seen.add(unit.unit_id)
        if unit.currency not in (None, problem.currency):
            raise _invalid(
                "currency",
                f"{unit.unit_id} is in {unit.currency}, the request in {problem.currency};"
                " optimise each currency on its own",
                unit=unit.unit_id,
            )
        for record in unit.records:
            _check_record(unit, record)


def _check_record(unit: BudgetUnit, record: DayRecord) -> None:
    for name in _NUMBERS:
        value = getattr(record, name)
        if value is not None and (problem := _problem_of(value, name in _MONEY)):
            raise _invalid(
                f"units.{unit.unit_id}.records.{record.day}.{name}",
                f"{value} {problem}",
                unit=unit.unit_id,
                day=str(record.day),
            )


def _problem_of(value: float, is_money: bool) -> str | None:
    if not math.isfinite(value):
        return "is not a finite number"
    if value < 0:
        return "is below 0"
    if is_money and value != int(value):
        return "is not a whole number of minor units"
    return None


def _invalid(field: str, problem: str, **details: str) -> InvalidRequestError:
    return InvalidRequestError(f"{field}: {problem}", field=field, problem=problem, **details)


def full_days(unit: BudgetUnit, today: date) -> Days:
    """The unit's records before `today`, by day; a later report of a day replaces the earlier one."""
    return {record.day: record for record in unit.records if record.day < today}


def last_days(days: Days, today: date, count: int) -> list[DayRecord]:
    """The records of the last `count` full days, oldest first; a day without one is left out."""
    wanted = (today - timedelta(days=back) for back in range(count, 0, -1))
    return [days[day] for day in wanted if day in days]


def totals(days: Days, today: date, count: int) -> Totals:
    """Spend, conversions and revenue over the last `count` full days."""
    records = last_days(days, today, count)
    spend = _sum(record.spend_minor for record in records)
    revenue = _sum(record.revenue_minor for record in records)
    return Totals(
        first=today - timedelta(days=count),
        last=today - timedelta(days=1),
        days=len(records),
        spend=None if spend is None else int(spend),
        conversions=_sum(record.conversions for record in records),
        revenue=None if revenue is None else int(revenue),
    )


def _sum(values: Iterable[float | None]) -> Fraction | None:
    known = list(values)
    if not known or any(value is None for value in known):
        return None
    return sum((exact(value) for value in known if value is not None), Fraction(0))


def exact(value: float) -> Fraction:
    """The number as it was reported: 0.3 conversions are 3/10, not the nearest binary fraction."""
    # Of whole numbers the text need not be read, which takes longest; beyond 2^53 a float is none of its own.
    return Fraction(int(value)) if value % 1 == 0 and abs(value) < _EXACT else Fraction(str(value))
