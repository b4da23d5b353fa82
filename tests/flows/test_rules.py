"""Automation rules through the real template: schedules that fire, one action a tick, what is told of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest

from local.cloud import Cloud
from tests.support.api import Api
from tests.support.aws import client
from tests.support.builders import request_body
from tests.support.cuts import cut, slow
from tests.support.sandbox import Sandbox

# Every ad set that spends at all earns less than this.
STOP_LOSS: dict[str, Any] = {
    "rule_name": "stop-loss",
    "condition": {
        "all": [
            {"metric": "spend", "operator": "greater_than", "value": 1, "time_range": "3d"},
            {"metric": "roas", "operator": "less_than", "value": 1000, "time_range": "3d"},
        ]
    },
    "action": {"type": "pause_adset"},
    "schedule": "rate(15 minutes)",
}


class Rules:
    """The rules of one user; those made here are deleted at the end, so that no later clock fires them."""

    def __init__(self, api: Api, cloud: Cloud, sandbox: Sandbox) -> None:
        self.api = api
        self.sandbox = sandbox
        self.http = api.http
        self.cloud = cloud
        self.made: set[str] = set()

    def running(self, platform: str = "meta", days: int = 5, **changes: Any) -> dict[str, Any]:
        """A campaign that has been running for some days; the schedules know what time it is."""
        created = self.api.create(request_body(platform=platform, **changes)).json()
        assert self.api.manage(created["campaign_id"], "start").json()["status"] == "success"
        self.sandbox.advance(advance_days=days)
        self.tick()
        return dict(created)

    def create(self, campaigns: list[str] | str, **changes: Any) -> httpx.Response:
        key = {"Idempotency-Key": changes.pop("key")} if "key" in changes else {}
        scope = {"campaign_ids": campaigns} if isinstance(campaigns, list) else campaigns
        answer = self.http.post("/v1/rules", json={**STOP_LOSS, "applies_to": scope, **changes}, headers=key)
        return self._noted(answer)

    def _noted(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 201:
            self.made.add(answer.json()["rule_id"])
        return answer

    def from_template(self, template: str, campaigns: list[str], **body: Any) -> httpx.Response:
        body = {"applies_to": {"campaign_ids": campaigns}, **body}
        return self._noted(self.http.post(f"/v1/rule-templates/{template}/rules", json=body))

    def get(self, rule_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/rules/{rule_id}").json())

    def state(self, rule_id: str, action: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/rules/{rule_id}/state", json={"action": action, **body})

    def delete(self, rule_id: str) -> httpx.Response:
        self.made.discard(rule_id)
        return self.http.delete(f"/v1/rules/{rule_id}")

    def fire(self, rule_id: str) -> dict[str, Any]:
        return self.local(f"schedules/{rule_id}/fire")

    def tick(self) -> list[dict[str, Any]]:
        return list(self.local("tick")["fired"])

    def reconcile(self) -> dict[str, Any]:
        return dict(self.local("schedules/ReconcileRulesFunctionEveryFifteenMinutes/fire")["answer"])

    def local(self, verb: str) -> dict[str, Any]:
        answer = httpx.post(f"{self.cloud.info['api_url']}/_local/{verb}", json={}, timeout=600, verify=False)
        return dict(answer.json())

    def metrics(self) -> dict[str, dict[str, float]]:
        url = f"{self.cloud.info['api_url']}/_local/metrics"
        return dict(httpx.get(url, timeout=600, verify=False).json()["CampaignAutomation"])

    def table_calls(self) -> Counter[str]:
        """The requests to the table since the cloud is up, by operation."""
        url = f"{self.cloud.info['api_url']}/_local/usage"
        counts = httpx.get(url, timeout=600, verify=False).json()
        start = "dynamodb."
        return Counter({name.removeprefix(start): n for name, n in counts.items() if name.startswith(start)})

    def notices(self, rule_id: str) -> list[dict[str, Any]]:
        """The notices of the rule that reached the Web Platform; earlier tests may have left others."""
        told = self.sandbox.state("web_platform")["notifications"]
        return [item for item in told if item.get("extra_data", {}).get("rule_id") == rule_id]

    def payload(self, rule_id: str, at: datetime) -> dict[str, Any]:
        """What the rule's schedule would hand over at that time."""
        target = self.scheduler.get_schedule(Name=rule_id, GroupName=self.group)["Target"]
        return dict(json.loads(target["Input"].replace("<aws.scheduler.scheduled-time>", at.isoformat())))

    def invoke(self, payload: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(self.schedules().values()))["Target"]["Arn"]
        answer = client(self.cloud, "lambda").invoke(FunctionName=name, Payload=json.dumps(payload).encode())
        return dict(json.loads(answer["Payload"].read()))

    @property
    def group(self) -> str:
        return str(self.cloud.info["environment"]["RULE_SCHEDULE_GROUP"])

    @property
    def scheduler(self) -> Any:
        return client(self.cloud, "scheduler")

    def schedules(self) -> dict[str, dict[str, Any]]:
        listed = self.scheduler.list_schedules(GroupName=self.group)["Schedules"]
        return {item["Name"]: item for item in listed}


@pytest.fixture
def rules(api: Api, cloud: Cloud, sandbox: Sandbox) -> Iterator[Rules]:
    made = Rules(api, cloud, sandbox)
    yield made
    for rule_id in list(made.made):
        made.delete(rule_id)


def statuses(api: Api, campaign_id: str) -> list[str]:
    return sorted(item["status"] for item in api.status(campaign_id).json()["adsets"])


@pytest.mark.parametrize("platform", cut(["meta", "tiktok", "google"], "tiktok"))
def test_a_rule_acts_when_its_time_comes_and_tells_what_it_did(
    api: Api, sandbox: Sandbox, rules: Rules, platform: str
) -> None:
    campaign_id = rules.running(platform)["campaign_id"]
    answer = rules.create([campaign_id]).json()
    assert (answer["status"], answer["state"], answer["schedule"]) == (
        "success",
        "enabled",
        "rate(15 minutes)",
    )
    assert answer["backtest"]["as_known_now"]["firings"], answer
    sandbox.advance(advance_hours=1)
    (fired,) = [item for item in rules.tick() if item["schedule"] == answer["rule_id"]]
    result = fired["answer"]
    assert (result["outcome"], result["evaluated"], result["acted"]) == ("done", 3, 3), json.dumps(result)
    assert statuses(api, campaign_id) == ["paused"] * 3
    record = api.audit(campaign_id)[-1]
    assert record["actor"] == f"rule:{answer['rule_id']}"
    assert "stop-loss" in record["reason"]
    assert "roas" in record["reason"]
    assert {figure["metric"] for figure in record["evidence"]["figures"]} == {"spend", "roas"}
    (notice,) = rules.notices(answer["rule_id"])
    assert (notice["category"], notice["message"]) == ("ad_paused", result["notification"])
    shown = rules.get(answer["rule_id"])
    assert shown["runs"][0]["acted"] == 3
    assert shown["last_run"] == result["scheduled_time"]


@pytest.mark.slow
def test_the_same_tick_three_times_and_two_at_once_is_one_action(
    api: Api, sandbox: Sandbox, rules: Rules
) -> None:
    campaign_id = rules.running()["campaign_id"]
    rule = rules.create(
        [campaign_id],
        action={"type": "increase_budget", "parameters": {"percentage": 10}},
        cooldown="0h",
        settle="0h",
    ).json()
    payload = rules.payload(rule["rule_id"], sandbox.now())
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(rules.invoke, [payload] * 2))
    results.append(rules.invoke(payload))
    assert {result["outcome"] for result in results} <= {"done", "not_now"}, results
    assert results[-1]["acted"] == 3
    assert [item["after"] for item in results[-1]["changed"]] == [
        pytest.approx(item["before"] * 1.1, abs=0.01) for item in results[-1]["changed"]
    ]
    raised = [item for item in api.audit(campaign_id) if item["operation"] == "set_budget"]
    assert (len(raised), {item["outcome"] for item in raised}) == (3, {"applied"})
    assert len(rules.notices(rule["rule_id"])) == 1


@pytest.mark.parametrize("platform", cut(["meta", "google"]))
def test_the_gate_caps_what_a_rule_may_raise(api: Api, sandbox: Sandbox, rules: Rules, platform: str) -> None:
    campaign_id = rules.running(platform)["campaign_id"]
    rule = rules.create(
        [campaign_id],
        action={"type": "increase_budget", "parameters": {"percentage": 50}},
        cooldown="0h",
        settle="0h",
    ).json()
    first = rules.fire(rule["rule_id"])["answer"]
    # On Google Ads the budget is the campaign's.
    assert first["acted"] == (1 if platform == "google" else 3), json.dumps(first)
    sandbox.advance(advance_hours=1)
    again = rules.fire(rule["rule_id"])["answer"]
    assert again["acted"] == 0
    assert {item["reason"].partition(":")[0] for item in again["skipped"]} == {"day_cap"}
    assert (
        len([item for item in api.audit(campaign_id) if item["operation"] == "set_budget"]) == first["acted"]
    )


@pytest.mark.slow
def test_active_rules_are_counted_and_a_lost_schedule_is_made_again(
    api: Api, sandbox: Sandbox, rules: Rules
) -> None:
    campaign_id = rules.running(days=1)["campaign_id"]
    rule_id = rules.create([campaign_id], mode="observe").json()["rule_id"]
    before = rules.metrics().get("campaign_automation_active_rules", {})
    rules.local("schedules/OutboxFunctionEveryFiveMinutes/fire")
    after = rules.metrics()["campaign_automation_active_rules"]
    assert sum(after.values()) - sum(before.values()) == len(rules.schedules()) >= 1
    # Between the two writes of a creation the process may die; here is what it would have left.
    rules.scheduler.delete_schedule(Name=rule_id, GroupName=rules.group)
    assert rules.reconcile()["made"] == 1
    assert rules.schedules()[rule_id]["State"] == "ENABLED"
    stale = rules.scheduler.get_schedule(Name=rule_id, GroupName=rules.group)
    assert rules.state(rule_id, "disable").json()["state"] == "disabled"
    assert rule_id not in rules.schedules()
    wanted = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    rules.scheduler.create_schedule(**{name: stale[name] for name in wanted})
    assert rules.fire(rule_id)["answer"]["note"] == "rule_disabled"
    assert rules.reconcile()["deleted"] == 1
    assert rule_id not in rules.schedules()


@slow
def test_a_rule_that_would_touch_too_much_touches_nothing_and_waits_for_a_person(
    api: Api, sandbox: Sandbox, rules: Rules
) -> None:
    campaign_id = rules.running()["campaign_id"]
    refused = rules.create([campaign_id], max_affected={"count": 2})
    assert (refused.status_code, refused.json()["error"]["details"]["guard"]) == (422, "confirm"), (
        refused.text
    )
    assert refused.json()["error"]["details"]["backtest"]["as_known_now"]["exceeded_on"]
    rule_id = rules.create([campaign_id], max_affected={"count": 2}, confirm=True).json()["rule_id"]
    result = rules.fire(rule_id)["answer"]
    assert (result["outcome"], result["acted"], result["matched"]) == ("needs_review", 0, 3), result
    assert statuses(api, campaign_id) == ["active"] * 3
    (notice,) = rules.notices(rule_id)
    assert (notice["notification_type"], notice["category"]) == ("urgent", "optimization_suggestion")
    assert "3 objects, more than the 2 allowed" in notice["message"]
    assert rules.get(rule_id)["state"] == "needs_review"
    sandbox.advance(advance_hours=1)
    assert rules.fire(rule_id)["answer"]["note"] == "rule_needs_review"
    assert rules.reconcile()["deleted"] == 1
    rule = rules.get(rule_id)["rule"] | {"max_affected": {"count": 5}, "confirm": False}
    updated = rules.http.put(f"/v1/rules/{rule_id}", json={"rule": rule, "version": 1}).json()
    assert (updated["version"], updated["state"]) == (2, "needs_review"), updated
    assert rules.http.put(f"/v1/rules/{rule_id}", json={"rule": rule, "version": 1}).status_code == 409
    assert rules.state(rule_id, "enable").json()["state"] == "enabled"
    assert rules.fire(rule_id)["answer"]["acted"] == 3


@pytest.mark.slow
def test_an_observing_rule_says_once_what_it_would_have_done(
    api: Api, sandbox: Sandbox, rules: Rules
) -> None:
    campaign_id = rules.running()["campaign_id"]
    rule_id = rules.create([campaign_id], mode="observe").json()["rule_id"]
    result = rules.fire(rule_id)["answer"]
    assert (result["outcome"], result["acted"]) == ("observed", 0)
    assert "would have paused 3" in result["notification"]
    sandbox.advance(advance_hours=1)
    again = rules.fire(rule_id)["answer"]
    assert (again["notification"], {item["reason"] for item in again["skipped"]}) == (None, {"cooldown"})
    assert statuses(api, campaign_id) == ["active"] * 3
    assert len(rules.notices(rule_id)) == 1


@slow
@pytest.mark.slow
def test_a_tick_reads_the_campaigns_of_an_account_together(api: Api, sandbox: Sandbox, rules: Rules) -> None:
    """In the table of the cloud, with the rights of its function."""
    campaigns = [rules.running(daily_budget=budget)["campaign_id"] for budget in (90, 100)]
    rule_id = rules.create(campaigns, mode="observe").json()["rule_id"]
    before = rules.table_calls()
    result = rules.fire(rule_id)["answer"]
    asked = rules.table_calls() - before
    assert (result["evaluated"], result["undecidable"]) == (6, [])
    assert asked["BatchGetItem"] == 3  # digests and marks, and the marks again
    # Of the one that somebody changed meanwhile the tick knows it.
    api.manage(campaigns[0], "pause")
    sandbox.advance(advance_hours=1)
    assert {item["reason"] for item in rules.fire(rule_id)["answer"]["skipped"]} == {
        "already_paused",
        "cooldown",
    }


@slow
@pytest.mark.slow
def test_rules_that_want_the_same_otherwise_need_a_priority(api: Api, sandbox: Sandbox, rules: Rules) -> None:
    campaign_id = rules.running()["campaign_id"]
    first = rules.create([campaign_id], rule_name="pauses").json()["rule_id"]
    other = {"rule_name": "starts", "action": {"type": "start_adset", "parameters": {"paused_by": "anyone"}}}
    refused = rules.create([campaign_id], **other)
    details = refused.json()["error"]["details"]
    assert (refused.status_code, details["guard"]) == (422, "conflict"), refused.text
    assert [item["rule_id"] for item in details["conflicts"]] == [first]
    assert rules.create([campaign_id], **other, priority=5).status_code == 201
    assert rules.create([rules.running(days=1)["campaign_id"]], **other).status_code == 201


def test_wrong_words_are_refused_with_the_nearest_right_one(api: Api, sandbox: Sandbox, rules: Rules) -> None:
    leaf = {"metric": "roass", "operator": "less_than", "value": 1}
    for changes, near in (
        ({"condition": leaf}, "roas"),
        ({"condition": {**leaf, "metric": "roas", "operator": "less_then"}}, "less_than"),
        ({"action": {"type": "pause_adsets"}}, "pause_adset"),
        ({"time_zone": "Europe/Berlim"}, "Europe/Berlin"),
    ):
        answer = rules.create("all", **changes)
        assert answer.status_code == 400, answer.text
        assert f"did you mean '{near}'" in answer.json()["error"]["message"]
    error = rules.from_template("stop_los", []).json()["error"]
    assert "did you mean 'stop_loss'" in error["message"]
    assert "metric" in rules.create("all", condition=leaf).json()["error"]["details"]["field"]


def test_another_users_rule_is_like_none(
    api: Api, other_api: Api, sandbox: Sandbox, rules: Rules, cloud: Cloud
) -> None:
    campaign_id = rules.running(days=1)["campaign_id"]
    rule_id = rules.create([campaign_id], mode="observe").json()["rule_id"]
    theirs = Rules(other_api, cloud, sandbox)
    for call in (
        lambda name: other_api.http.get(f"/v1/rules/{name}"),
        lambda name: other_api.http.delete(f"/v1/rules/{name}"),
        lambda name: theirs.state(name, "disable"),
        lambda name: other_api.http.put(f"/v1/rules/{name}", json={"rule": rules.get(rule_id)["rule"]}),
    ):
        known, unknown = call(rule_id), call("rule_nobody")
        assert known.status_code == unknown.status_code == 404
        assert (
            known.text.replace(rule_id, "?").partition("timestamp")[0]
            == (unknown.text.replace("rule_nobody", "?").partition("timestamp")[0])
        )
    assert theirs.create([campaign_id]).json()["error"]["code"] == "5000"
    assert rule_id not in {item["rule_id"] for item in other_api.http.get("/v1/rules").json()["rules"]}
    assert rules.get(rule_id)["state"] == "enabled"


@slow
def test_a_platform_that_cannot_be_read_leaves_its_objects_undecidable(
    api: Api, sandbox: Sandbox, rules: Rules
) -> None:
    meta, google = (rules.running(platform, days=2)["campaign_id"] for platform in ("meta", "google"))
    rule_id = rules.create([meta, google]).json()["rule_id"]
    sandbox.fault("meta", "*", "auth_expired", times=0)
    result = rules.fire(rule_id)["answer"]
    assert (result["evaluated"], result["acted"], len(result["undecidable"])) == (6, 3, 3), result
    assert {item["reason"] for item in result["undecidable"]} == {"not_read: 6001"}
    sandbox.reset_faults()
    assert (statuses(api, meta), statuses(api, google)) == (["active"] * 3, ["paused"] * 3)
    assert sum(rules.metrics()["rule_undecidable_total"].values()) >= 3


@pytest.mark.slow
def test_a_notice_outlives_the_web_platforms_downtime(api: Api, sandbox: Sandbox, rules: Rules) -> None:
    campaign_id = rules.running()["campaign_id"]
    action = {"type": "send_notification", "parameters": {"message": "look at this"}}
    rule_id = rules.create([campaign_id], action=action).json()["rule_id"]
    sandbox.fault("web_platform", "create_notification", "http_500", times=0)
    assert rules.fire(rule_id)["answer"]["acted"] == 3
    assert not times_told(sandbox, "look at this")
    sandbox.reset_faults()
    swept = rules.local("schedules/OutboxFunctionEveryFiveMinutes/fire")["answer"]
    assert swept["after"] == 0, (swept, sandbox.state("web_platform"))
    assert times_told(sandbox, "look at this") == 1
    assert {item["operation"] for item in api.audit(campaign_id)} == {"create", "set_status"}


def times_told(sandbox: Sandbox, text: str) -> int:
    return sum(text in item["message"] for item in sandbox.state("web_platform")["notifications"])


@slow
def test_the_same_key_makes_one_rule_and_templates_make_valid_ones(
    api: Api, sandbox: Sandbox, rules: Rules
) -> None:
    campaign_id = rules.running(days=1, target_roas=2, target_cpa=20)["campaign_id"]
    first = rules.create([campaign_id], key="rule once", mode="observe")
    assert (
        rules.create([campaign_id], key="rule once", mode="observe").json()["rule_id"]
        == first.json()["rule_id"]
    )
    assert rules.create([campaign_id], key="rule once").status_code == 409
    dry = rules.create([campaign_id], dry_run=True).json()
    assert (dry["state"], len(api.http.get("/v1/rules").json()["rules"])) == ("planned", 1)
    listed = api.http.get("/v1/rule-templates").json()["templates"]
    assert len(listed) >= 8
    with ThreadPoolExecutor(2) as pool:
        names = [template["template"] for template in listed]
        drawn = pool.map(
            lambda name: rules.from_template(name, [campaign_id], dry_run=True, confirm=True), names
        )
    for made in drawn:
        assert made.status_code == 201, made.text
        assert made.json()["backtest"]["as_known_now"]["evaluated_days"] >= 1
    rules.from_template("stop_loss", [campaign_id], parameters={"roas_below": 0.5}, mode="observe")
    page = api.http.get("/v1/rules?limit=1").json()
    assert (len(page["rules"]), page["next"]) == (1, page["rules"][0]["rule_id"])
    rest = api.http.get(f"/v1/rules?after={page['next']}").json()
    assert (len(rest["rules"]), rest["next"]) == (1, None)
