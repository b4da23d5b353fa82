"""Platform facts: sourced, and not about to end."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaign_automation.adapters.common.fact import Fact
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
    (version,) = [fact for fact in FACTS if (fact.platform, fact.what) == ("meta", "Marketing API version")]
    assert version.sunset is not None
    assert len(sunset_warnings("meta", version.sunset - timedelta(days=days))) == warned


def test_an_end_that_is_provided_for_concerns_the_adapter_alone() -> None:
    assert sunset_warnings("tiktok", date(2026, 12, 31)) == []
