"""The command line, as a process of its own with nothing in its environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.actions import ACTIONS


def run(home: Path, *arguments: str, given: str = "") -> tuple[int, Any, str]:
    """Return the exit code, the JSON of standard output, and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "campaign_automation", *arguments],
        env={"HOME": str(home)},
        input=given,
        capture_output=True,
        text=True,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def config(home: Path) -> str:
    account = {"platform_account_id": "act_1", "access_token": "t"}
    path = home / "config.json"
    path.write_text(json.dumps({"accounts": {"me": {"meta": account}}, "limits": {"step_percent": 20}}))
    return str(path)


@pytest.mark.slow
def test_actions_are_listed_with_their_parameters(tmp_path: Path) -> None:
    code, listed, _ = run(tmp_path, "actions")
    assert code == 0
    assert {item["action"] for item in listed} == set(ACTIONS)
    assert all(item["parameters"]["type"] == "object" for item in listed)


def test_an_action_is_called_and_due_runs_are_carried_out(tmp_path: Path) -> None:
    given = config(tmp_path)
    code, rules, _ = run(tmp_path, "call", "list_rules", "--user", "me", "--config", given)
    assert (code, rules["rules"]) == (0, [])
    assert run(tmp_path, "run-due", "--config", given)[:2] == (0, [])
    assert (tmp_path / ".campaign_automation" / "store.db").exists()


@pytest.mark.slow
def test_an_error_is_its_envelope_and_an_exit_code(tmp_path: Path) -> None:
    code, answer, _ = run(
        tmp_path, "call", "get_rule", "--user", "me", "--json", "-", "--config", config(tmp_path), given="{}"
    )
    assert (code, answer["error"]["details"]["field"]) == (1, "rule_id")
    code, answer, _ = run(tmp_path, "run-due")
    assert (code, answer["error"]["code"]) == (1, "4000")


@pytest.mark.parametrize("limits", [5, {"step": 20}])
def test_wrong_limits_are_told_with_those_that_there_are(tmp_path: Path, limits: Any) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"limits": limits}))
    code, _, errors = run(tmp_path, "run-due", "--config", str(path))
    assert code == 2
    assert "limits: should be a JSON object that may hold account_daily_budget" in errors


@pytest.mark.slow
def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    code, _, errors = run(tmp_path, "call", "list_rules", "--user", "me", "--json", "[1]")
    assert code == 2
    assert "should be a JSON object" in errors
