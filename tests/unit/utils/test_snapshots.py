"""Hooks after a restore, for state that copies of a snapshot must not share."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator

import pytest
import snapshot_restore_py
from awslambdaric.lambda_runtime_hooks_runner import run_after_restore

from campaign_automation.actions import ACTIONS
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.reports import CurrencyTotal, Report, ReportFigures, ReportRow
from campaign_automation.settings import Settings
from campaign_automation.wiring import Wiring
from local.cloud.aws import CREDENTIALS


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    snapshot_restore_py.get_after_restore().clear()
    yield
    snapshot_restore_py.get_after_restore().clear()


def preloaded() -> Wiring:
    parts = Wiring(Settings(table_name="table", create_campaign_state_machine_arn="arn"))
    parts.preload(CreateCampaign)
    return parts


def test_each_copy_draws_its_own_numbers() -> None:
    preloaded()
    before = random.getstate()
    run_after_restore()
    first = random.getstate()
    random.setstate(before)
    run_after_restore()
    assert len({before, first, random.getstate()}) == 3


def test_the_clients_of_a_function_are_built_before_the_snapshot_and_hold_no_connection_after_it() -> None:
    parts = preloaded()
    made = parts._aws._clients
    assert set(made) == {"dynamodb", "stepfunctions"}
    sessions = [client._endpoint.http_session for client in made.values()]
    for session in sessions:
        session._manager.connection_from_url("https://aws.example")
        assert len(session._manager.pools) == 1
    run_after_restore()
    assert [len(session._manager.pools) for session in sessions] == [0, 0]
    assert parts._aws.client("dynamodb") is made["dynamodb"]


@pytest.mark.parametrize(
    ("setting", "client"),
    [
        ("statistics_function_name", "statistics"),
        ("write_copy_function_name", "writing"),
        ("outbox_function_name", "handing_over"),
        ("collect_insights_function_name", "handing_over"),
    ],
)
def test_the_clients_of_other_functions_are_built_before_the_snapshot(setting: str, client: str) -> None:
    parts = Wiring(Settings(table_name="table", **{setting: "function"}))
    parts.preload()
    assert client in vars(parts._aws)


def test_an_answer_and_all_that_it_is_made_of_are_built_before_the_snapshot() -> None:
    built = ACTIONS["get_report"].models
    assert {Report, ReportRow, ReportFigures, CurrencyTotal} <= set(built)
    Wiring(Settings()).preload(*built)
    assert all(model.__pydantic_complete__ for model in built)


def test_collections_of_garbage_leave_out_what_a_function_has_loaded() -> None:
    gc.unfreeze()
    preloaded()
    assert gc.get_freeze_count() > 10_000
