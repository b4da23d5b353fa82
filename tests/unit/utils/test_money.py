"""Splits are exact in whatever step a currency has; conversions lose nothing in any currency of a table."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.google import facts as google_facts
from campaign_automation.adapters.meta import facts as meta_facts
from campaign_automation.adapters.tiktok import facts as tiktok_facts
from campaign_automation.utils.money import (
    Money,
    currency_exponent,
    split_evenly,
    to_major,
    to_minor,
    to_units,
)

STEPS = st.sampled_from([Decimal(1), Decimal("0.01"), Decimal("0.001")])
TABLES = {
    "meta": (meta_facts.budget_step, meta_facts.WHOLE_UNIT_CURRENCIES | meta_facts.CENT_CURRENCIES),
    "tiktok": (tiktok_facts.budget_step, frozenset(tiktok_facts.CURRENCY_RATIO)),
    "google": (google_facts.budget_step, google_facts.WHOLE_UNIT_CURRENCIES | google_facts.CENT_CURRENCIES),
}
CURRENCIES = [(platform, currency) for platform, (_, known) in TABLES.items() for currency in sorted(known)]


@given(units=st.integers(1, 10**9), parts=st.integers(1, 200), step=STEPS)
def test_split_sums_exactly_and_differs_by_at_most_one_step(units: int, parts: int, step: Decimal) -> None:
    shares = [share.amount for share in split_evenly(Money(units * step, "USD"), parts, step)]
    assert sum(shares) == units * step
    assert len(shares) == parts
    assert max(shares) - min(shares) <= step
    assert shares == sorted(shares, reverse=True)


@given(where=st.sampled_from(CURRENCIES), units=st.integers(1, 10**9), parts=st.integers(1, 50))
def test_every_currency_of_the_tables_is_split_and_converted_exactly(
    where: tuple[str, str], units: int, parts: int
) -> None:
    platform, currency = where
    step = TABLES[platform][0](currency)
    assert step is not None
    shares = split_evenly(Money(units * step, currency), parts, step)
    assert {share.currency for share in shares} == {currency}
    assert sum(to_units(share.amount, step) for share in shares) == units
    if platform == "google":
        assert all(google_facts.to_micros(share.amount) % int(step * 1_000_000) == 0 for share in shares)


@pytest.mark.parametrize("platform", list(TABLES))
def test_the_offset_traps_are_whole_units_and_an_unknown_currency_is_none(platform: str) -> None:
    step = TABLES[platform][0]
    assert {step(currency) for currency in ("JPY", "HUF", "TWD")} == {Decimal(1)}
    assert {step(currency) for currency in ("USD", "EUR")} == {Decimal("0.01")}
    assert step("XTS") is None


def test_split_gives_the_rest_to_the_first() -> None:
    shares = split_evenly(Money(Decimal(100), "USD"), 3, Decimal("0.01"))
    assert [str(share) for share in shares] == ["33.34 USD", "33.33 USD", "33.33 USD"]


def test_an_amount_finer_than_the_step_is_refused() -> None:
    with pytest.raises(ValueError, match=r"100\.5 is not a multiple of 1"):
        to_units(Decimal("100.5"), Decimal(1))


@pytest.mark.parametrize(("currency", "places"), [("USD", 2), ("XTS", 2), ("JPY", 0), ("KWD", 3)])
def test_amounts_have_the_places_of_their_minor_unit(currency: str, places: int) -> None:
    amount = Decimal(1234567).scaleb(-places)
    assert currency_exponent(currency) == places
    assert to_minor(amount, places) == 1234567
    assert to_major(1234567, places) == amount


def test_half_a_minor_unit_is_rounded_to_the_even_one() -> None:
    assert [to_minor(Decimal(amount), 2) for amount in ("0.005", "0.015", "0.025")] == [0, 2, 2]
