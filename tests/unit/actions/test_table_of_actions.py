"""The table of actions: what an entry says is what the door does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Key
from campaign_automation.capability import run_action
from campaign_automation.models.common import Answer, Role
from campaign_automation.settings import Settings
from campaign_automation.wiring import Wiring

ROOT = Path(__file__).parents[3]


def answer(name: str, roles: list[str]) -> dict[str, Any]:
    parts = Wiring(Settings(table_name="none"))
    return asyncio.run(run_action(parts, name, {"nothing": 1}, {"user_id": "u", "roles": roles}))


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_for_those_who_have_its_role(name: str) -> None:
    role = ACTIONS[name].role
    # Every role may read.
    others = [] if role is Role.VIEWER else [other for other in Role if other != role]
    refused = answer(name, others)["error"]
    assert (refused["code"], refused["details"]["role"]) == ("1004", role)
    assert answer("get_audit", [role])["error"]["code"] == "1001"
    # With the role the parameters are read, and these are wrong.
    assert answer(name, [role])["error"]["code"] == "1001"


@pytest.mark.parametrize("name", ACTIONS)
def test_what_changes_anything_has_a_key_and_is_no_get(name: str) -> None:
    action = ACTIONS[name]
    assert action.summary.endswith(".")
    assert action.changes == (action.method != "GET")
    assert action.role in (
        Role.VIEWER if action.key is Key.NONE else Role.BUYER,
        Role.APPROVER,
        Role.OPERATOR,
    )
    assert set(action.path_names) <= set(action.request.model_fields)
    assert action.success in (200, 201)
    # A key repeats an earlier answer, and such an answer says so.
    answers = [answer for answers in action.answers.values() for answer in answers]
    assert all(issubclass(answer, Answer) == action.changes for answer in answers)


def test_in_one_process_a_caller_has_all_roles() -> None:
    parts = Wiring(Settings(table_name="none"))
    refused = asyncio.run(run_action(parts, "create_campaign", {}, {"user_id": "u"}))["error"]
    assert refused["code"] == "1001"


def test_an_unknown_role_is_refused_by_name() -> None:
    assert answer("create_campaign", ["root"])["error"]["details"]["field"].startswith("roles")


@pytest.mark.parametrize(
    ("action", "context", "field"),
    [
        (["create_campaign"], {}, "action"),
        ({}, {}, "action"),
        (None, None, "action"),
        ("get_audit", None, "context"),
    ],
)
def test_what_is_no_call_is_answered_not_raised(action: Any, context: Any, field: str) -> None:
    parts = Wiring(Settings(table_name="none"))
    refused = asyncio.run(run_action(parts, action, {}, context))["error"]
    assert (refused["code"], refused["details"]["field"]) == ("1001", field)


class Hostile(dict[str, Any]):
    def get(self, *_: Any) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize("request_id", ["x" * 100_000, [1], 7, "", "\ud83d"])
def test_a_request_id_that_is_none_is_replaced(request_id: Any) -> None:
    parts = Wiring(Settings(table_name="none"))
    told = asyncio.run(run_action(parts, "nothing", {}, {"request_id": request_id}))["error"]["request_id"]
    assert told.startswith("req_")
    assert asyncio.run(run_action(parts, "nothing", {}, Hostile()))["error"]["code"] == "1001"


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("manage_campaign", {"campaign_id": "c", "action": "pause", "reason": "stop \ud83d"}, "reason"),
        ("create_campaign", {"creative_ids": ["1", "\ud800"]}, "creative_ids.1"),
        ("undo_change", {"campaign_id": "c", "run_id": "\ud800"}, "run_id"),
        ("get_rule", {"rule_id": "\ud800"}, "rule_id"),
        ("create_rule", {"\udfff": 1}, "parameters"),
    ],
)
def test_half_a_character_is_refused_by_its_field(name: str, parameters: Any, field: str) -> None:
    parts = Wiring(Settings(table_name="none"))
    refused = asyncio.run(run_action(parts, name, parameters, {"user_id": "u"}))["error"]
    assert (refused["code"], refused["details"]["field"]) == ("1001", field)


@pytest.mark.parametrize("amount", ["1e-999999999", "1e-99999", "0.0000001", "0"])
def test_an_amount_below_any_unit_is_refused_at_once(amount: str) -> None:
    parts = Wiring(Settings(table_name="none"))
    body = {"objective": "sales", "creative_ids": ["1"], "daily_budget": Decimal(amount)}
    refused = asyncio.run(run_action(parts, "create_campaign", body, {"user_id": "u"}))["error"]
    assert (refused["code"], refused["details"]["field"]) == ("1001", "daily_budget")


# Runs a handler whose use case tells which functions of ours stand between the two.
FRAMES_PROGRAM = """
import importlib.util, traceback
from campaign_automation.managers.changes.history import ChangeHistory


async def undo(self, request, caller):
    frames = [frame.name for frame in traceback.extract_stack() if "campaign_automation" in frame.filename]
    print("frames", *frames)


ChangeHistory.undo = undo
spec = importlib.util.spec_from_file_location("app", "functions/undo_change/app.py")
app = importlib.util.module_from_spec(spec)
spec.loader.exec_module(app)
event = {
    "httpMethod": "POST",
    "resource": "/v1/campaigns/{campaign_id}/undo",
    "pathParameters": {"campaign_id": "cmp_1"},
    "headers": {},
    "body": '{"run_id": "r"}',
    "requestContext": {"requestId": "q", "authorizer": {"principalId": "u"}},
}


class Lambda:
    function_name, memory_limit_in_mb, invoked_function_arn, aws_request_id = "f", 1, "a", "r"


app.lambda_handler(event, Lambda())
"""


def test_a_request_passes_five_functions_on_its_way_to_the_use_case() -> None:
    environment = {"TABLE_NAME": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", FRAMES_PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("frames")]
    assert told.split()[1:] == ["lambda_handler", "run", "respond", "run_action", "undo_change"], done.stderr
