"""The table of actions: what an entry says is what the door does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Key
from campaign_automation.capability import run_action
from campaign_automation.models.common import Role
from campaign_automation.settings import Settings
from campaign_automation.wiring import Wiring


def answer(name: str, roles: list[str]) -> dict[str, Any]:
    parts = Wiring(Settings(table_name="none"))
    return asyncio.run(run_action(parts, name, {"nothing": 1}, {"user_id": "u", "roles": roles}))


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_for_those_who_have_its_role(name: str) -> None:
    role = ACTIONS[name].role
    others = [other for other in Role if other != role]
    refused = answer(name, others)["error"]
    assert (refused["code"], refused["details"]["role"]) == ("1004", role)
    # With the role the parameters are read, and these are wrong.
    assert answer(name, [role])["error"]["code"] == "1001"


@pytest.mark.parametrize("name", ACTIONS)
def test_what_changes_anything_has_a_key_and_is_no_get(name: str) -> None:
    action = ACTIONS[name]
    assert action.summary.endswith(".")
    assert action.changes == (action.method != "GET")
    assert action.role is (Role.VIEWER if action.key is Key.NONE else Role.BUYER)
    assert set(action.path_names) <= set(action.request.model_fields)
    assert action.success in (200, 201)


def test_in_one_process_a_caller_has_all_roles() -> None:
    parts = Wiring(Settings(table_name="none"))
    refused = asyncio.run(run_action(parts, "create_campaign", {}, {"user_id": "u"}))["error"]
    assert refused["code"] == "1001"


def test_an_unknown_role_is_refused_by_name() -> None:
    assert answer("create_campaign", ["root"])["error"]["details"]["field"].startswith("roles")
