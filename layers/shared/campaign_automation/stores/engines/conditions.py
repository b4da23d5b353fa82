"""Operations on one row, worked out in Python for engines whose storage has neither conditions nor counts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any, assert_never

from campaign_automation.stores.table import (
    Absent,
    AllOf,
    AnyOf,
    Before,
    Condition,
    ConditionFailedError,
    Delete,
    Equals,
    Operation,
    Put,
    Row,
    Update,
    Value,
    Version,
)

# The numbers that DynamoDB holds exactly; others are refused, so that rows fit every engine.
NUMBERS = Context(prec=38, Emin=-128, Emax=126, traps=[Clamped, Inexact, Overflow, Rounded, Underflow])


def exact(value: int | Decimal) -> Decimal:
    """Return a number as rows hold it. Raises TypeError for infinity and NaN, ArithmeticError for what does
    not fit."""
    number = NUMBERS.create_decimal(value)
    if not number.is_finite():
        raise TypeError(f"{number} is no value of a row")
    return number


def result_of(operation: Operation, row: Row | None) -> Row | None:
    """Return the row as the operation leaves it, or None for one that is gone; `row` is the one before it.

    Raises ConditionFailedError.
    """
    if operation.when is not None and not _holds(operation.when, row or {}):
        raise ConditionFailedError("a row is not as it was expected")
    match operation:
        case Put():
            return _stored(operation.row)
        case Update():
            if row is None and not operation.makes_row:
                raise ConditionFailedError("there is no row to change")
            return _updated(row or _stored(operation.key._asdict()), operation)
        case Delete():
            return None
        case _:
            assert_never(operation)


def needs_row(operation: Operation) -> bool:
    """Return whether the outcome depends on the row before it."""
    return operation.when is not None or isinstance(operation, Update)


def _updated(row: Row, operation: Update) -> Row:
    gone = {*operation.remove, *operation.set}
    kept = {name: value for name, value in row.items() if name not in gone} | _stored(operation.set)
    return kept | {name: kept.get(name, Decimal(0)) + amount for name, amount in operation.add.items()}


def _holds(condition: Condition, row: Row) -> bool:
    match condition:
        case Absent(name):
            return name not in row
        case Equals(name, value):
            found, wanted = row.get(name), _value(value)
            return type(found) is type(wanted) and found == wanted  # True is no 1
        case Before(name, value):
            there, limit = row.get(name), _value(value)
            return there is not None and type(there) is type(limit) and bool(there < limit)
        case AllOf(conditions):
            return all(_holds(part, row) for part in conditions)
        case AnyOf(conditions):
            return any(_holds(part, row) for part in conditions)
        case Version():
            raise TypeError("the port turns versions into plain conditions")
        case _:
            assert_never(condition)


def _stored(attributes: Mapping[str, Value]) -> Row:
    return {name: _value(value) for name, value in attributes.items() if value is not None}


def _value(value: Value) -> Any:
    if type(value) is str:  # most are
        return value
    match value:
        case bool() | bytes():
            return value
        case str():
            return str.__str__(value)  # of a StrEnum its plain text
        case int() | Decimal():
            return exact(value)
        case _:
            raise TypeError(f"{type(value).__name__} is no value of a row")
