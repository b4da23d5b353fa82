"""A scrape over what the HTTP door counted; Prometheus itself scrapes the local cloud in tests/flows."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from campaign_automation.actions import ACTIONS
from campaign_automation.api.http import respond
from campaign_automation.api.prometheus import scrape
from campaign_automation.settings import Settings
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.utils import observability
from campaign_automation.utils.metrics.exposition import OPENMETRICS
from campaign_automation.utils.metrics.families import FAMILIES
from campaign_automation.wiring import Wiring

ROOT = Path(__file__).parents[3]
PARSERS = {
    "text/plain": text_string_to_metric_families,
    OPENMETRICS: openmetrics.text_string_to_metric_families,
}


def event(roles: str = "viewer buyer", accept: str = "text/plain") -> dict[str, Any]:
    context = {"requestId": "r1", "authorizer": {"principalId": "user_1", "roles": roles}}
    return {"body": "{}", "headers": {"Accept": accept}, "requestContext": context}


@pytest.mark.parametrize("accept", PARSERS)
def test_what_was_answered_is_scraped_and_read_by_the_official_parser(tmp_path: Path, accept: str) -> None:
    parts = Wiring(Settings(prometheus_metrics=True), table=SqliteTable(tmp_path / "table"))
    observability.tally.take()  # what tests before this one counted in the process

    async def serve() -> dict[str, Any]:
        for name in ("list_rules", "list_rules", "create_rule"):
            await respond(parts, ACTIONS[name], event())
        return await scrape(parts, event("operator", accept))

    answer = asyncio.run(serve())
    assert answer["statusCode"] == 200
    families = list(PARSERS[accept](answer["body"]))
    assert {family.name.removesuffix("_total") for family in families} == {
        name.removesuffix("_total") for name in FAMILIES
    }
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, *sample.labels.values()): sample.value for sample in samples}
    requests = "campaign_automation_requests_total"
    assert (found[requests, "list_rules", "success"], found[requests, "create_rule", "error"]) == (2, 1)
    assert found["campaign_automation_request_duration_seconds_count", "list_rules"] == 2


def test_only_operators_scrape_and_only_where_counts_are_kept(tmp_path: Path) -> None:
    on = Wiring(Settings(prometheus_metrics=True), table=SqliteTable(tmp_path / "table"))
    assert asyncio.run(scrape(on, event()))["statusCode"] == 403
    off = Wiring(Settings(), table=SqliteTable(tmp_path / "table"))
    assert asyncio.run(scrape(off, event("operator")))["statusCode"] == 404


def test_every_query_of_the_dashboard_asks_for_metrics_that_a_scrape_shows() -> None:
    panels = json.loads((ROOT / "docs" / "grafana.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) > 10
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for query in queries for name in METRIC.findall(query)}
    assert names
    assert names <= FAMILIES.keys()


METRIC = re.compile(r"\b([a-z]+_[a-z_]+)(?=[{\[)]|$)")
