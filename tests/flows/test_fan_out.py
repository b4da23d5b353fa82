"""A rule over more accounts than one function takes, through the state machine of the real template."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign_automation.managers.rules.evaluation import FANNED_OUT
from local import cloud as local_cloud
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.aws import client
from tests.support.many_accounts_in_cloud import ManyAccountsInCloud
from tests.support.sandbox import Sandbox

# A deployment of its own takes half a minute to start.
pytestmark = pytest.mark.slow
ACCOUNTS = 6


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    parameters = {"RuleAccountsOfOneFunction": "3", "RuleFunctionsAtOnce": "2"}
    with local_cloud.start(tmp_path_factory.mktemp("cloud"), parameters=parameters) as running:
        yield running


def test_a_rule_over_many_accounts_is_decided_once_by_its_execution(own_cloud: Cloud) -> None:
    info = own_cloud.info
    with (
        Api(info["api_url"], info["tokens"]["user_123"]) as api,
        Sandbox(info["sandbox"]["admin"]) as sandbox,
    ):
        house = ManyAccountsInCloud(own_cloud, api, sandbox)
        house.fill(ACCOUNTS, campaigns=2)
        spent = {"metric": "spend", "operator": "greater_than", "time_range": "7d"}
        quiet = house.rule(condition={**spent, "value": 1_000_000_000})
        answer, run = house.run(quiet)
        assert answer["note"] == FANNED_OUT
        assert (run["looked_at"], run["matched"], run["acted"]) == (ACCOUNTS, 0, 0)
        assert run["evaluated"] > ACCOUNTS
        loud = house.rule(condition={**spent, "value": 0}, priority=1)
        answer, told = house.run(loud)
        assert (answer["note"], told["evaluated"]) == (FANNED_OUT, run["evaluated"])
        assert told["acted"] > 0
        ended = house.executions(client(own_cloud, "stepfunctions"))
        assert [item["status"] for item in ended] == ["SUCCEEDED"] * 2
