"""Prometheus itself scrapes the deployed API, and every query of the dashboard finds a series."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.cloud import Cloud
from local.cloud.backing import free_port
from tests.support.api import PATIENCE_SECONDS, Api
from tests.support.builders import request_body
from tests.support.rules import body
from tests.support.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docs" / "grafana.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
Ask = Callable[[str], list[dict[str, Any]]]

PROMETHEUS = shutil.which("prometheus")


@pytest.fixture
def counting(cloud: Cloud) -> Iterator[Cloud]:
    cloud.deploy(PrometheusMetrics="true", JwtRolesClaim="roles")
    yield cloud
    cloud.deploy(PrometheusMetrics="false", JwtRolesClaim="")


def scrape(cloud: Cloud, role: str, user: str) -> httpx.Response:
    with Api(cloud.info["api_url"], cloud.token(user, roles=[role])) as api:
        return api.http.get("/metrics")


@pytest.mark.slow
def test_only_operators_scrape_and_only_where_it_is_switched_on(counting: Cloud) -> None:
    assert scrape(counting, "buyer", "prometheus_1").status_code == 403
    answer = scrape(counting, "operator", "prometheus_2")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    counting.deploy(PrometheusMetrics="false", JwtRolesClaim="roles")
    answer = scrape(counting, "operator", "prometheus_3")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "5000")


@pytest.mark.slow
@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here (Debian: apt-get install prometheus)")
def test_prometheus_scrapes_the_api_and_each_query_of_the_dashboard_finds_a_series(
    counting: Cloud, sandbox: Sandbox, tmp_path: Path
) -> None:
    with (
        Api(counting.info["api_url"], counting.token("user_123", roles=["buyer"])) as api,
        prometheus(counting, tmp_path) as ask,
    ):
        do_what_the_panels_show(counting, api, sandbox)
        for query in QUERIES:
            wait_for(ask, query)
        first = wait_for(ask, CREATED)
        assert api.create(request_body(name="Counted again")).status_code == 201
        wait_for(ask, f"{CREATED} > {first}")


CREATED = 'sum(campaign_automation_requests_total{action="create_campaign",status="success"})'


def do_what_the_panels_show(cloud: Cloud, api: Api, sandbox: Sandbox) -> None:
    """Create with a retry, fail once, pause, read twice, evaluate a rule, and run the scheduled functions."""
    sandbox.fault("meta", "create_campaign", "http_500", times=2)
    created = api.create(request_body())
    assert created.status_code == 201, created.text
    campaign_id = created.json()["campaign_id"]
    sandbox.fault("meta", "create_ad", "policy")
    assert api.create(request_body(name="Refused")).status_code == 422
    assert api.manage(campaign_id, "start").status_code == 200
    api.status(campaign_id)
    rule = api.http.post("/v1/rules", json=body(applies_to={"campaign_ids": [campaign_id]}))
    assert rule.status_code == 201, rule.text
    for schedule in (
        rule.json()["rule_id"],
        "OutboxFunctionEveryFiveMinutes",
        "ReconcileCampaignsFunctionEveryTwoMinutes",
        "ReconcileRulesFunctionEveryFifteenMinutes",
    ):
        fired = httpx.post(f"{cloud.info['api_url']}/_local/schedules/{schedule}/fire", timeout=600)
        assert fired.status_code == 200, fired.text
    assert api.http.delete(f"/v1/rules/{rule.json()['rule_id']}").status_code == 200


@contextmanager
def prometheus(cloud: Cloud, folder: Path) -> Iterator[Ask]:
    """A Prometheus of its own that scrapes the API as an operator; yields its query interface."""
    address = f"127.0.0.1:{free_port()}"
    job = {
        "job_name": "campaign-automation",
        "metrics_path": "/metrics",
        "authorization": {"credentials": cloud.token("prometheus", roles=["operator"])},
        "static_configs": [{"targets": [cloud.info["api_url"].removeprefix("http://")]}],
    }
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [job],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))  # JSON is YAML
    command = [str(PROMETHEUS), f"--config.file={folder}/prometheus.yml", f"--web.listen-address={address}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--storage.tsdb.path={folder}/data"], stdout=log, stderr=log, cwd=folder
        )
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=60) as client:

            def ask(query: str) -> list[dict[str, Any]]:
                try:
                    answer = client.get("/api/v1/query", params={"query": query}).json()
                except httpx.TransportError:  # it is starting
                    return []
                assert answer["status"] == "success", answer
                return list(answer["data"]["result"])

            yield ask
    finally:
        process.terminate()
        process.wait()


def wait_for(ask: Ask, query: str) -> float:
    """Return the first value of the query's answer as soon as there is one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := ask(query)):
        assert time.monotonic() < deadline, query
        time.sleep(0.2)
    return float(found[0]["value"][1])
