"""Numbers as people read them: money with its currency, shares in percent; None stays None, never 0."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeAlias

from campaign_automation.utils.languages import CHINESE, moments, reader
from campaign_automation.utils.money import currency_exponent

Number: TypeAlias = Decimal | float | int | str | None  # a text holds an exact decimal number


def amount(value: Number, currency: str | None) -> str | None:
    """Return an amount of the major unit with the currency: "1,234.50 USD"."""
    if value is None:
        return None
    places = currency_exponent(currency or "")
    exact = Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return f"{exact:,} {currency}" if currency else f"{exact:,}"


def bare(value: Number, currency: str | None) -> str | None:
    """Return an amount with the currency's decimal places alone, for a table that names the currency."""
    shown = amount(value, currency)
    return shown and shown.partition(" ")[0]


def number(value: Number, places: int = 2) -> str | None:
    """Return a number with at most so many decimal places: "1,200", "3.5"."""
    if value is None:
        return None
    shown = f"{Decimal(str(value)):,.{places}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def percent(value: Number, places: int = 2) -> str | None:
    """Return a percentage as it is given: 2.8 is "2.8 %"."""
    shown = number(value, places)
    return None if shown is None else f"{shown} %"


def share(value: Number, places: int = 1) -> str | None:
    """Return a fraction as a percentage: 0.028 is "2.8 %"."""
    return None if value is None else percent(100 * Decimal(str(value)), places)


def probability(value: Number) -> str | None:
    """Return a p-value with two digits that count."""
    return None if value is None else f"{float(value):.2g}"


def moment(value: datetime | str | None) -> str | None:
    """Return a time to the minute, as "2026-11-28 14:05 UTC"."""
    if value is None:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if reader.get() == CHINESE:
        return moments.time_of(at.replace(second=0))
    return f"{at:%Y-%m-%d %H:%M} {at.tzname() or ''}".strip()


def day(value: date | None) -> str | None:
    if value is None:
        return None
    return moments.day_of(value) if reader.get() == CHINESE else value.isoformat()
