"""Money: Decimal amounts in a currency's major unit, and sums that come out exactly."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

# More than any day's budget in any currency; in millionths, as Google counts, it still fits into 64 bits.
LARGEST_AMOUNT = 10**12
# ISO 4217 where it is not 2: the decimal places of a currency's minor unit.
_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}


class Money(NamedTuple):
    """An amount in the major unit of an ISO 4217 currency: Money(Decimal("33.34"), "USD")."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def to_units(amount: Decimal, step: Decimal) -> int:
    """Return the number of `step`s in `amount`; ValueError when it is not a whole number."""
    units = amount / step
    if units != units.to_integral_value():
        raise ValueError(f"{amount} is not a multiple of {step}")
    return int(units)


def split_evenly(total: Money, parts: int, step: Decimal) -> list[Money]:
    """Split `total` into `parts` shares that differ by at most one `step` and sum to `total` exactly.

    The first shares take what does not divide. Raises ValueError for a total that is not a multiple of
    `step`, the smallest amount of its currency that the platform takes.
    """
    share, rest = divmod(to_units(total.amount, step), parts)
    return [Money((share + (index < rest)) * step, total.currency) for index in range(parts)]


def currency_exponent(currency: str) -> int:
    return _EXPONENTS.get(currency, 2)


def to_minor(amount: Decimal, exponent: int) -> int:
    """Return `amount` (major unit) in units of its `exponent`th decimal place, to the nearest."""
    return int(amount.scaleb(exponent).to_integral_value(ROUND_HALF_EVEN))


def to_major(minor: int, exponent: int) -> Decimal:
    return Decimal(minor).scaleb(-exponent)
