"""Budgets optimised through the real template, on three platforms, after days of the simulated market."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaign_automation.models.common import Level
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.module import change_by_hand
from tests.support.sandbox import Sandbox

PLATFORMS = ("meta", "tiktok", "google")
RULES = {"optimization_strategy": "rules"}
# The operation that changes a budget.
WRITES = {"meta": "update_adset", "tiktok": "update_adset", "google": "update_campaign"}


@pytest.fixture(params=cut(PLATFORMS, "google"))
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def running(api: Api, sandbox: Sandbox, platform: str) -> dict[str, Any]:
    """A campaign that has run for nine days and does far better than its target."""
    return start(api, sandbox, platform, target_roas=1.5, target_cpa=30)


def start(api: Api, sandbox: Sandbox, platform: str, days: int = 9, **more: Any) -> dict[str, Any]:
    answer = api.create(request_body(platform=platform, daily_budget=300, **more))
    assert answer.status_code == 201, answer.text
    assert api.manage(answer.json()["campaign_id"], "start").status_code == 200
    if days:
        # At three in the morning little of the day's money is spent, whenever the test runs.
        to_hour(sandbox, 3)
        sandbox.advance(advance_days=days)
    return dict(answer.json())


def to_hour(sandbox: Sandbox, hour: int) -> None:
    """The next time that the accounts' clocks show that hour."""
    now = sandbox.now().astimezone(ZoneInfo("America/New_York"))
    sandbox.advance(advance_hours=(hour - now.hour) % 24)


def budgets(api: Api, campaign_id: str) -> dict[str, float]:
    """What the platform has now, of whatever has budgets there."""
    state = api.status(campaign_id).json()
    own = {item["adset_id"]: item["daily_budget"] for item in state["adsets"]}
    return own if None not in own.values() else {"campaign": state["campaign"]["daily_budget"]}


def writes(sandbox: Sandbox, platform: str) -> int:
    return sum(sandbox.operations(platform)[name] for name in {WRITES[platform], "update_campaign"})


def test_a_plan_is_shown_carried_out_and_left_alone_for_the_day(
    api: Api, sandbox: Sandbox, running: dict[str, Any], platform: str
) -> None:
    campaign_id, before = running["campaign_id"], budgets(api, running["campaign_id"])
    sent = writes(sandbox, platform)
    plan = api.optimize(campaign_id, dry_run=True, **RULES).json()
    assert plan["status"] == "success", plan
    assert {(item["action"], item["outcome"]) for item in plan["optimizations"]} == {
        ("increase_budget", "planned")
    }
    assert (writes(sandbox, platform), budgets(api, campaign_id)) == (sent, before)
    done = api.optimize(campaign_id, plan_digest=plan["plan_digest"], reason="it does well", **RULES).json()
    assert {item["outcome"] for item in done["optimizations"]} == {"applied"}, done
    after = budgets(api, campaign_id)
    assert after == {name: amount * 1.2 for name, amount in before.items()}
    assert done["total_after"] == sum(after.values()) == 360
    trail = [item for item in api.audit(campaign_id) if item["operation"] == "set_budget"]
    assert {(item["reason"], item["actor"], item["outcome"]) for item in trail} == {
        ("it does well", "user:user_123", "applied")
    }
    assert all(item["evidence"]["roas"] > 1.5 * 1.5 for item in trail)
    (known,) = sandbox.state("web_platform")["campaigns"].values()
    assert Decimal(str(known["budget"])) == 360
    again = api.optimize(campaign_id, **RULES).json()
    assert {(item["action"], item["reason"]) for item in again["optimizations"]} == {("keep", "cooldown")}
    undone = api.undo(campaign_id, done["run_ids"][campaign_id]).json()
    assert undone["not_restored"] == [], undone
    assert budgets(api, campaign_id) == before


@pytest.mark.slow
def test_a_plan_on_what_somebody_changed_is_stale_and_writes_nothing(
    api: Api, cloud: Cloud, sandbox: Sandbox, running: dict[str, Any], platform: str
) -> None:
    campaign_id = running["campaign_id"]
    plan = api.optimize(campaign_id, dry_run=True, **RULES).json()
    level = Level.CAMPAIGN if platform == "google" else Level.ADSET
    ids = {
        Level.CAMPAIGN: running["platform_campaign_id"],
        Level.ADSET: running["adsets"][0]["platform_adset_id"],
    }
    change_by_hand(cloud, platform, level, ids[level], "paused")
    sent = writes(sandbox, platform)
    refused = api.optimize(campaign_id, plan_digest=plan["plan_digest"], **RULES)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["details"]["guard"]) == (422, "4005", "plan_stale")
    change_by_hand(cloud, platform, level, ids[level], "active")
    sent += 1  # that was by hand, too
    sandbox.advance(advance_hours=1)
    expired = api.optimize(campaign_id, plan_digest=plan["plan_digest"], **RULES).json()["error"]
    assert expired["details"]["guard"] == "plan_stale"
    assert writes(sandbox, platform) == sent


@pytest.mark.slow
def test_a_refused_budget_is_told_and_the_others_change(
    api: Api, sandbox: Sandbox, running: dict[str, Any], platform: str
) -> None:
    campaign_id = running["campaign_id"]
    sandbox.fault(platform, WRITES[platform], "policy")
    items = api.optimize(campaign_id, **RULES).json()["optimizations"]
    failed = [item for item in items if item["outcome"] == "failed"]
    assert len(failed) == 1, items
    assert failed[0]["error"]["details"]["platform"] == platform
    assert {item["outcome"] for item in items if item not in failed} <= {"applied"}
    again = api.optimize(campaign_id, **RULES).json()["optimizations"]
    assert {item["outcome"] for item in again if item["outcome"]} == {"applied"}
    assert sum(budgets(api, campaign_id).values()) == 360


@pytest.mark.slow
def test_a_lost_answer_is_resolved_by_looking(
    api: Api, sandbox: Sandbox, running: dict[str, Any], platform: str
) -> None:
    sandbox.fault(platform, WRITES[platform], "drop_after")
    items = api.optimize(running["campaign_id"], **RULES).json()["optimizations"]
    assert {item["outcome"] for item in items} == {"applied"}, items
    assert sum(budgets(api, running["campaign_id"]).values()) == 360


@pytest.mark.slow
def test_one_total_is_split_over_two_platforms_to_the_cent(api: Api, sandbox: Sandbox) -> None:
    first = start(api, sandbox, "meta", days=0)
    second = start(api, sandbox, "tiktok", days=9, name="The other")
    body = {"optimization_strategy": "allocate", "target_metric": "cpa", "total_daily_budget": 620}
    both = {"campaign_ids": [second["campaign_id"]], **body}
    answer = api.optimize(first["campaign_id"], **both).json()
    assert answer["status"] == "success", answer
    assert answer["allocation"]["relative_gap"] <= 1e-6
    assert set(answer["run_ids"]) == {first["campaign_id"], second["campaign_id"]}
    live = [amount for item in (first, second) for amount in budgets(api, item["campaign_id"]).values()]
    assert sum(Decimal(str(amount)) for amount in live) == 620 == answer["total_after"]
    low = api.optimize(first["campaign_id"], **{**both, "total_daily_budget": 100})
    assert (low.status_code, low.json()["error"]["details"]["field"]) == (400, "total_daily_budget")


@pytest.mark.slow
def test_a_decision_is_looked_at_again_when_its_days_are_over(api: Api, sandbox: Sandbox) -> None:
    campaign_id = start(api, sandbox, "meta", days=9)["campaign_id"]
    body = {"optimization_strategy": "allocate", "target_metric": "cpa", "total_daily_budget": 330}
    done = api.optimize(campaign_id, **body).json()
    [told] = done["forecasts"]
    sandbox.advance(advance_days=15)
    for _ in range(2):
        answer = api.optimize(campaign_id, dry_run=True, **body).json()
        [earlier] = answer["earlier_decisions"]
        assert (earlier["run_id"], earlier["predicted"]) == (done["run_ids"][campaign_id], told["predicted"])
        assert earlier["observed"] > 0
        assert answer["calibration"][0]["forecasts"] == 1
    trail = api.audit(campaign_id)
    changed = [item for item in trail if item["run_id"] == earlier["run_id"]]
    assert {item["evidence"]["looked_at_again"]["verdict"] for item in changed} == {earlier["verdict"]}


@pytest.mark.slow
def test_a_lone_campaign_that_does_well_is_brought_to_the_asked_total(api: Api, sandbox: Sandbox) -> None:
    """One budget is too few for curves, and the written rules would raise it to 360."""
    campaign_id = start(api, sandbox, "google", target_roas=1.5)["campaign_id"]
    answer = api.optimize(campaign_id, optimization_strategy="allocate", total_daily_budget=200).json()
    assert (answer["plan_status"], budgets(api, campaign_id)) == ("too_little_data", {"campaign": 200}), (
        answer
    )
    assert answer["asked_total"] == {"asked": 200, "after": 200, "outcome": "met"}


@pytest.mark.slow
def test_on_tiktok_a_budget_below_what_today_spent_waits_for_midnight(api: Api, sandbox: Sandbox) -> None:
    campaign_id = start(api, sandbox, "tiktok", target_cpa=0.5)["campaign_id"]
    to_hour(sandbox, 22)
    before = budgets(api, campaign_id)
    answer = api.optimize(campaign_id, guard=False).json()
    assert {item["action"] for item in answer["optimizations"]} == {"decrease_budget"}, answer
    assert {item["effective"] for item in answer["optimizations"]} == {"next_day"}
    assert "midnight" in answer["warnings"][-1]
    assert budgets(api, campaign_id) == before
    assert {item["reason"] for item in api.optimize(campaign_id).json()["optimizations"]} == {"cooldown"}
    to_hour(sandbox, 3)
    assert {amount * 1.25 for amount in budgets(api, campaign_id).values()} == set(before.values())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"window_days": 91}, "window_days"),
        ({"target_metric": "ctr"}, "target_metric"),
        ({"optimization_strategy": "rules", "target_marginal_cpa": 100}, "target_marginal_cpa"),
        ({"optimization_strategy": "allocate", "total_daily_budget": -1}, "total_daily_budget"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_input_names_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api.optimize("cmp_00000000000000000000", **body)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)


@pytest.mark.slow
def test_another_tenants_campaign_is_unknown(api: Api, other_api: Api) -> None:
    campaign = api.create(request_body()).json()
    assert other_api.optimize(campaign["campaign_id"]).status_code == 404
    assert api.optimize("cmp_00000000000000000000").status_code == 404
    new = api.optimize(campaign["campaign_id"]).json()
    assert (new["plan_status"], new["optimizations"]) == ("all_paused", [])
