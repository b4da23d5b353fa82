"""Counts of many invocations become one scrape that the official parsers read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from campaign_automation import CampaignAutomation
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.operations.metrics import ROWS, MetricStore
from campaign_automation.stores.table import Table
from campaign_automation.utils.error_handler import StoreError
from campaign_automation.utils.metrics.exposition import OPENMETRICS, TEXT, content_type, exposition
from campaign_automation.utils.metrics.families import BUCKETS, FAMILIES, Tally
from tests.support.memory_table import MemoryTable

REQUESTS = "campaign_automation_requests_total"
DURATION = "campaign_automation_request_duration_seconds"


def samples(text: str, form: str = TEXT) -> dict[tuple[str, ...], float]:
    """By name and label values, what the official parser of the format reads."""
    read = (
        openmetrics.text_string_to_metric_families if form == OPENMETRICS else text_string_to_metric_families
    )
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in read(text)
        for sample in family.samples
    }


def invocation(action: str, seconds: float, status: str = "success") -> Tally:
    tally = Tally()
    tally.count(REQUESTS, 1, {"action": action, "status": status})
    tally.count(DURATION, seconds, {"action": action})
    return tally


@pytest.fixture(params=["memory", "sqlite"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    if request.param == "memory":
        yield MemoryTable()
    else:
        engine = SqliteTable(tmp_path / "store.db")
        yield engine
        engine.close()


@pytest.mark.parametrize("form", [TEXT, OPENMETRICS])
def test_a_scrape_sums_what_all_invocations_counted(table: Table, form: str) -> None:
    store = MetricStore(table)

    async def serve() -> str:
        for seconds in (0.2, 0.25, 4, 60):
            await store.add(invocation("get_campaign_status", seconds))
        for _ in range(3 * ROWS):
            await store.add(invocation("create_campaign", 9, "error"))
        return exposition(await store.totals(), form)

    found = samples(asyncio.run(serve()), form)
    assert found[REQUESTS, "get_campaign_status", "success"] == 4
    assert found[REQUESTS, "create_campaign", "error"] == 3 * ROWS
    bounds = {bound: found[f"{DURATION}_bucket", "get_campaign_status", str(bound)] for bound in BUCKETS}
    # A value at a bound is in that bucket; buckets are cumulative.
    assert (bounds[0.1], bounds[0.25], bounds[3.0], bounds[5.0], bounds[30.0]) == (0, 2, 2, 3, 3)
    assert found[f"{DURATION}_bucket", "get_campaign_status", "+Inf"] == 4
    assert found[f"{DURATION}_count", "get_campaign_status"] == 4
    assert found[f"{DURATION}_sum", "get_campaign_status"] == pytest.approx(64.45)


def test_a_gauge_is_what_was_set_last_whichever_row_holds_it(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = MetricStore(table), iter(range(1, 100))
    monkeypatch.setattr("campaign_automation.stores.operations.metrics.now_ms", lambda: next(now))

    async def serve() -> str:
        for value in range(20):
            tally = Tally()
            tally.count("campaign_automation_active_rules", value, {})
            await store.add(tally)
        return exposition(await store.totals())

    assert samples(asyncio.run(serve()))[("campaign_automation_active_rules",)] == 19


def test_what_was_stored_is_not_stored_again_and_an_idle_invocation_writes_nothing() -> None:
    table, tally = MemoryTable(), invocation("create_rule", 1)
    store = MetricStore(table)

    async def twice() -> list[Tally]:
        await store.add(tally)
        first = await store.totals()
        await store.add(tally)
        return [first, await store.totals()]

    first, second = asyncio.run(twice())
    assert first.counts == second.counts
    assert not tally


def test_a_table_that_fails_costs_no_request_its_answer() -> None:
    class Down(MemoryTable):
        async def _write(self, operations: object) -> None:
            raise StoreError("the campaign store failed: down")

    asyncio.run(MetricStore(Down()).add(invocation("create_rule", 1)))


def test_nothing_is_counted_that_no_scrape_shows() -> None:
    tally = Tally()
    tally.count("ai_tokens_total", 100, {"model": "any"})
    assert not tally


def test_labels_that_no_format_may_hold_plainly_are_escaped() -> None:
    tally = Tally()
    tally.count("retries_total", 1, {"what": 'a "quoted\\ one\n'})
    for form in (TEXT, OPENMETRICS):
        assert samples(exposition(tally, form), form) == {("retries_total", 'a "quoted\\ one\n'): 1}


def test_every_family_is_described_once_and_the_codes_differ() -> None:
    assert len({family.code for family in FAMILIES.values()}) == len(FAMILIES)
    for form in (TEXT, OPENMETRICS):
        text = exposition(Tally(), form)
        assert text.count("# TYPE ") == text.count("# HELP ") == len(FAMILIES)
        assert samples(text, form) == {}


def test_a_scraper_gets_the_format_that_it_asks_for() -> None:
    assert content_type("application/openmetrics-text;version=1.0.0,text/plain;q=0.5") == OPENMETRICS
    assert content_type("") == content_type("text/plain") == TEXT


def test_an_embedding_process_shows_its_own_counts(tmp_path: Path) -> None:
    async def serve(**settings: bool) -> str:
        module = CampaignAutomation(
            store=f"sqlite:///{tmp_path}/store.db", accounts={}, apps={}, settings=settings
        )
        answer = await module.execute("list_rules", {}, {"user_id": "user_1"})
        assert answer["status"] == "success", answer
        try:
            return await module.scrape(openmetrics=True)
        finally:
            await module.aclose()

    found = samples(asyncio.run(serve(prometheus_metrics=True)), OPENMETRICS)
    assert found[REQUESTS, "list_rules", "success"] >= 1
    with pytest.raises(Exception, match="prometheus_metrics turns them on"):
        asyncio.run(serve())
