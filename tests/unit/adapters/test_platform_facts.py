"""Platform facts: sourced, and not about to end."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaign_automation.adapters.common.fact import Fact
from campaign_automation.adapters.meta.facts import VERSION_ENDS
from campaign_automation.adapters.meta.requests import version_warnings
from campaign_automation.adapters.platform_facts import FACTS, WARNING_DAYS, ending, sunset_warnings


def test_no_fact_without_a_successor_ends_soon() -> None:
    due = [fact for fact in ending(datetime.now(UTC).date()) if fact.successor is None]
    assert due == [], "update the adapter to what follows, then this table"


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: f"{fact.platform} {fact.what}")
def test_each_fact_tells_where_and_when_it_was_read(fact: Fact) -> None:
    assert fact.source
    assert fact.value
    assert fact.read_on <= datetime.now(UTC).date()


@pytest.mark.parametrize(("days", "warned"), [(WARNING_DAYS + 1, 0), (WARNING_DAYS, 1), (-1, 1)])
def test_answers_warn_as_long_before_the_end(days: int, warned: int) -> None:
    (version,) = [fact for fact in FACTS if (fact.platform, fact.what) == ("google", "API version")]
    assert version.sunset is not None
    assert len(sunset_warnings("google", version.sunset - timedelta(days=days))) == warned


def test_an_end_that_is_provided_for_concerns_the_adapter_alone() -> None:
    assert sunset_warnings("tiktok", date(2026, 12, 31)) == []


def test_no_end_is_invented_for_a_version_of_meta() -> None:
    (version,) = [fact for fact in FACTS if (fact.platform, fact.what) == ("meta", "Marketing API version")]
    assert (version.value, version.sunset) == ("v26.0", None)
    assert sunset_warnings("meta", date(2030, 1, 1)) == []


@pytest.mark.parametrize(
    ("version", "day", "warned"),
    [
        ("v24.0", date(2026, 11, 27), True),
        ("v25.0", date(2026, 11, 27), False),
        ("v25.0", date(2027, 1, 9), True),
        ("v25.0", date(2027, 2, 24), True),
        ("v26.0", date(2029, 1, 1), False),
        ("v27.0", date(2029, 1, 1), False),
    ],
)
def test_a_version_that_ends_is_named_with_its_day(version: str, day: date, warned: bool) -> None:
    warnings = version_warnings(version, day)
    assert bool(warnings) == warned
    assert all(str(VERSION_ENDS[version]) in text for text in warnings)
