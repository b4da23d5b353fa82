"""A/B tests through the real template: made, looked at, applied, cancelled, ended by their schedules."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from campaign_automation import CampaignAutomation
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import cut, slow
from tests.support.module import environment, execute
from tests.support.sandbox import Sandbox

NOW = "2026-11-02T15:00:00+00:00"
DAYS = 28
# On each platform's sandbox market the last of these works about twice as well as the others.
CREATIVES = {"meta": ["1", "7", "9"], "tiktok": ["6", "9"], "google": ["8", "1", "4"]}
# The end of TikTok's own split test stops both ad groups, so only the winner is left to be started.
STEPS = {
    "meta": ["end_split", "paused", "paused", "set_budget", "lift_end"],
    "tiktok": ["end_split", "active", "set_budget", "lift_end"],
    "google": ["paused", "paused", "lift_end"],
}


class Tests:
    __test__ = False

    def __init__(self, api: Api, sandbox: Sandbox, cloud: Cloud) -> None:
        self.http, self.sandbox, self.cloud = api.http, sandbox, cloud
        self.ids: list[str] = []

    def create(self, platform: str = "meta", key: str | None = None, **changes: Any) -> httpx.Response:
        """Without a daily schedule, unless asked."""
        creatives = CREATIVES[platform]
        body = {
            "test_name": "Which shoe",
            "creative_ids": creatives,
            "daily_budget": 200 * len(creatives),
            "test_duration_days": DAYS,
            "platform": platform,
            "daily_checks": False,
        }
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        answer = self.http.post("/v1/ab-tests", json={**body, **changes}, headers=headers)
        if test_id := answer.json().get("test_id"):
            self.ids.append(test_id)
        return answer

    def made(self, platform: str = "meta", **changes: Any) -> dict[str, Any]:
        answer = self.create(platform, **changes)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def analyze(self, test_id: str, **body: Any) -> dict[str, Any]:
        return dict(self.http.post(f"/v1/ab-tests/{test_id}/analyses", json=body).json())

    def cancel(self, test_id: str, **body: Any) -> dict[str, Any]:
        return dict(self.http.post(f"/v1/ab-tests/{test_id}/cancellation", json=body).json())

    def fire(self, test_id: str) -> httpx.Response:
        url = f"{self.cloud.info['api_url']}/_local/schedules/{test_id}/fire"
        return httpx.post(url, timeout=600, verify=False)

    def adsets(self, platform: str) -> dict[str, str]:
        return {str(item["id"]): item["status"] for item in self.sandbox.live(platform, "adsets")}


@pytest.fixture
def tests(api: Api, sandbox: Sandbox, cloud: Cloud) -> Iterator[Tests]:
    """The same days for every run: the sandbox's market is drawn from its seed and the date."""
    sandbox.reset(now=NOW)
    cloud.tick()  # the scheduler goes by this time too
    client = Tests(api, sandbox, cloud)
    yield client
    for test_id in client.ids:  # or the clocks of later tests would end them
        client.cancel(test_id)
    sandbox.reset()
    cloud.tick()


@pytest.mark.parametrize("platform", cut(CREATIVES, "tiktok"))
def test_a_test_runs_until_its_winner_holds_and_applying_it_leaves_the_winner_alone(
    tests: Tests, api: Api, sandbox: Sandbox, platform: str
) -> None:
    created = tests.made(platform, test_duration_days=60)
    budgets = [item["budget"] for item in created["adsets"]]
    assert (set(budgets), sum(budgets)) == ({200}, 200 * len(budgets))
    assert created["randomised"] == (platform != "google")
    assert created["campaign_status"] == "active"
    assert len(tests.adsets(platform)) == len(sandbox.live(platform, "ads")) == len(budgets)
    early = tests.analyze(created["test_id"])
    assert (early["verdict"], early["safe_to_stop"], early["window"]["until"]) == (
        "insufficient_data",
        False,
        None,
    )
    for days in (15, 15, 15):
        sandbox.advance(advance_days=days)
        analysis = tests.analyze(created["test_id"])
    winner = analysis["winner"]
    assert (analysis["verdict"], winner["creative_id"]) == ("winner", CREATIVES[platform][-1]), analysis
    assert (analysis["safe_to_stop"], winner["holds_under_looks"], analysis["looks"]) == (True, True, 3)
    assert analysis["randomised"] == (platform != "google")
    assert_adds_up(analysis)
    applied = tests.analyze(created["test_id"], apply=True)
    assert (applied["test_state"], applied["applied"]["failed"]) == ("finished", []), applied["applied"]
    assert steps_of(api, created, applied) == STEPS[platform]
    by_id = {item["adset_id"]: str(item["platform_adset_id"]) for item in created["adsets"]}
    active = [name for name, status in tests.adsets(platform).items() if status == "ACTIVE"]
    assert [name.rpartition("/")[2].rpartition("~")[2] for name in active] == [
        by_id[winner["adset_id"]].rpartition("~")[2]
    ]
    if platform != "google":  # where the winner has the campaign's whole budget anyway
        live = {item["adset_id"]: item for item in api.status(created["campaign_id"]).json()["adsets"]}
        assert live[winner["adset_id"]]["daily_budget"] == 300
    assert_over(tests, created["test_id"])
    sandbox.advance(advance_days=17)  # past the platform's own end of the test, which is not the winner's
    assert api.status(created["campaign_id"]).json()["campaign"]["spend_today"] > 0


def steps_of(api: Api, created: dict[str, Any], applied: dict[str, Any]) -> list[str]:
    """What the trail says was done in the run, in order: operations, and statuses that were set."""
    run = [
        item for item in api.audit(created["campaign_id"]) if item["run_id"] == applied["applied"]["run_id"]
    ]
    return [item["after"].get("status", item["operation"]) for item in run]


def assert_adds_up(analysis: dict[str, Any]) -> None:
    assert analysis["results"]
    for row, figures in zip(
        sorted(analysis["contingency_table"], key=lambda item: str(item["creative_id"])),
        sorted(analysis["results"], key=lambda item: str(item["creative_id"])),
        strict=True,
    ):
        assert row["converted"] == round(figures["conversions"])
        assert row["converted"] + row["not_converted"] == figures["impressions"]
        share = 100 * row["converted"] / figures["impressions"]
        assert figures["conversion_rate"] == pytest.approx(share, abs=1e-6)
        assert figures["interval"]["low"] < share < figures["interval"]["high"]
    assert [item["rank"] for item in analysis["results"]] == list(range(1, len(analysis["results"]) + 1))
    assert analysis["test"]["method"] == "chi_square"
    assert analysis["test"]["p_value"] < analysis["test"]["alpha"] == 0.05


def assert_over(tests: Tests, test_id: str) -> None:
    again = tests.analyze(test_id, apply=True)
    assert (again["status"], again["error"]["code"]) == ("error", "5004")
    assert "finished" in again["error"]["message"]
    assert tests.analyze(test_id)["message"].startswith("The test is finished: creative")
    assert "already" in tests.cancel(test_id)["message"]


@slow
def test_an_early_winner_is_not_applied_unless_it_is_forced(tests: Tests, sandbox: Sandbox) -> None:
    created = tests.made()
    sandbox.advance(advance_days=9)
    analysis = tests.analyze(created["test_id"], apply=True)
    assert (analysis["verdict"], analysis["safe_to_stop"]) == ("winner", False)
    applied = analysis["applied"]
    assert (applied["changed"], applied["test_ended"]) == ([], False)
    assert applied["skipped"]
    assert all(item["reason"].startswith("too_early") for item in applied["skipped"])
    shown = tests.analyze(created["test_id"], apply=True, force=True, dry_run=True)["applied"]
    assert {(item["field"], item["after"]) for item in shown["changed"]} == {
        ("status", "paused"),
        ("daily_budget", 240),
    }
    assert set(tests.adsets("meta").values()) == {"ACTIVE"}
    forced = tests.analyze(created["test_id"], apply=True, force=True)
    assert (forced["applied"]["changed"], forced["test_state"]) == (shown["changed"], "finished")


@pytest.mark.slow
def test_the_platform_splits_the_audience_and_the_end_of_the_test_ends_that(
    tests: Tests, sandbox: Sandbox
) -> None:
    created = tests.made()
    (study,) = sandbox.state("meta")["studies"].values()
    assert [cell["adsets"] for cell in study["cells"]] == [
        [item["platform_adset_id"]] for item in created["adsets"]
    ]
    sandbox.advance(advance_days=2)
    cancelled = tests.cancel(created["test_id"], reason="sold out")
    assert (cancelled["test_state"], cancelled["changed"][0]["after"]) == ("cancelled", "paused")
    (ended,) = sandbox.state("meta")["studies"].values()
    assert ended["end_time"] < study["end_time"]
    analysis = tests.analyze(created["test_id"])
    assert (analysis["test_state"], analysis["recommendations"]) != ("running", [])
    assert analysis["message"].startswith("The test is cancelled: sold out")


def test_a_dry_run_shows_the_test_and_writes_nothing(tests: Tests, sandbox: Sandbox) -> None:
    planned = tests.create(dry_run=True).json()
    assert (planned["state"], planned["test_id"], planned["randomised"]) == ("planned", None, None)
    assert [item["level"] for item in planned["changes"]] == ["campaign"] + ["adset"] * 3 + ["ad"] * 3
    assert sandbox.left_behind("meta") == {}


@pytest.mark.slow
def test_a_key_makes_one_test(tests: Tests, sandbox: Sandbox) -> None:
    key = uuid.uuid4().hex
    first, again = tests.create(key=key), tests.create(key=key)
    assert first.json()["test_id"] == again.json()["test_id"]
    assert sandbox.left_behind("meta")["campaigns"] == 1
    assert tests.create(key=key, mode="open_ended").json()["error"]["code"] == "5004"


@pytest.mark.slow
def test_without_activation_it_waits_for_somebody_to_start_it(tests: Tests, sandbox: Sandbox) -> None:
    created = tests.made(activate=False)
    assert created["campaign_status"] == "paused"
    assert any("start it" in words for words in created["warnings"])
    assert set(tests.adsets("meta").values()) == {"PAUSED"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"creative_ids": ["1"]}, "creative_ids", "at least 2"),
        ({"creative_ids": [str(number) for number in range(1, 12)]}, "creative_ids", "at most 10"),
        ({"creative_ids": ["1", "1"]}, "creative_ids", "twice"),
        ({"test_duration_days": 0}, "test_duration_days", "greater than or equal to 1"),
        ({"test_duration_days": 91}, "test_duration_days", "less than or equal to 90"),
        ({"daily_budget": 100}, "daily_budget", "99.99 USD or 100.02 USD would"),
        ({"daily_budget": 1.5}, "daily_budget", "minimum"),
        ({"minimum_detectable_effect": 20}, "minimum_detectable_effect", "less than or equal to 5"),
        ({"colour": "red"}, "colour", "unknown field"),
        ({"creative_ids": ["1", "999999"], "daily_budget": 100}, "creative_ids", "not known"),
    ],
)
def test_bad_input_is_refused_by_name_and_leaves_nothing(
    tests: Tests, sandbox: Sandbox, changes: dict[str, Any], field: str, words: str
) -> None:
    error = tests.create(**changes).json()["error"]
    assert error["details"]["field"] == field
    assert words in error["message"]
    assert sandbox.left_behind("meta") == {}


@slow
def test_a_test_that_cannot_finish_is_refused_with_the_numbers_unless_it_is_forced(
    tests: Tests, api: Api, sandbox: Sandbox
) -> None:
    api.create(request_body(activate=True, name="History"))
    sandbox.advance(advance_days=12)
    small = {"test_duration_days": 3, "minimum_detectable_effect": 0.05}
    refused = tests.create(**small)
    details = refused.json()["error"]["details"]
    assert (refused.status_code, details["guard"]) == (422, "test_too_short")
    assert details["required_days"] > details["planned_days"] == 3
    sample = details["required_sample"]
    assert sample["source"] == "account_history"
    assert sample["impressions_per_variant"] > sample["impressions_per_variant_per_day"] > 1000
    forced = tests.made(**small, force=True)
    assert forced["required_sample"] == sample
    assert any(words.startswith("forced:") for words in forced["warnings"])
    assert tests.made(minimum_detectable_effect=2, dry_run=True)["required_sample"]["can_finish"]


@pytest.mark.slow
def test_a_given_rate_tells_the_sample_where_there_is_no_history(tests: Tests) -> None:
    sample = tests.made(baseline_rate=0.2, dry_run=True)["required_sample"]
    assert (sample["source"], sample["days_needed"], sample["can_finish"]) == ("given", None, None)
    assert sample["impressions_per_variant"] > 10_000


@pytest.mark.slow
def test_a_failed_creation_leaves_no_split_and_no_test(tests: Tests, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "update_campaign", "policy")
    answer = tests.create(daily_checks=True).json()
    assert answer["error"]["details"]["state"] == "rolled_back"
    assert sandbox.left_behind("meta") == {}
    (study,) = sandbox.state("meta")["studies"].values()
    assert study["end_time"][:16] == NOW[:16].replace("T", " ")  # it ended as soon as it had begun
    test_id = answer["error"]["details"]["campaign_id"].replace("cmp_", "abt_")
    assert tests.fire(test_id).status_code == 404
    assert tests.analyze(test_id)["error"]["code"] == "5004"


@pytest.mark.slow
def test_its_schedule_tells_once_that_it_may_stop_and_ends_it_in_the_end(
    tests: Tests, cloud: Cloud, sandbox: Sandbox
) -> None:
    test_id = tests.made(daily_checks=True, test_duration_days=60)["test_id"]
    for days, told in ((3, False), (53, True), (2, False)):
        sandbox.advance(advance_days=days)
        (firing,) = [item for item in cloud.tick() if item["schedule"] == test_id]
        assert firing["answer"]["told"] is told
    assert titles(sandbox, test_id) == ["An A/B test may stop"]
    sandbox.advance(advance_days=2)
    (firing,) = [item for item in cloud.tick() if item["schedule"] == test_id]
    assert (firing["failed"], firing["answer"]["test_state"]) == (False, "finished")
    assert titles(sandbox, test_id) == ["An A/B test may stop", "An A/B test has ended"]
    assert {item["status"] for item in sandbox.live("meta", "campaigns")} == {"PAUSED"}
    assert tests.fire(test_id).status_code == 404
    analysis = tests.analyze(test_id)
    assert (analysis["test_state"], analysis["verdict"], analysis["looks"]) == ("finished", "winner", 4)


@pytest.mark.parametrize("platform", cut(CREATIVES, "meta"))
def test_it_ends_without_daily_checks(tests: Tests, cloud: Cloud, sandbox: Sandbox, platform: str) -> None:
    test_id = tests.made(platform, daily_checks=False, test_duration_days=3)["test_id"]
    sandbox.advance(advance_days=2)
    assert not ended(cloud, test_id)
    sandbox.advance(advance_days=1, advance_hours=1)
    (firing,) = ended(cloud, test_id)
    assert (firing["failed"], firing["answer"]["test_state"]) == (False, "finished"), firing
    assert titles(sandbox, test_id) == ["An A/B test has ended"]
    assert {item["status"] for item in sandbox.live(platform, "campaigns")} == {"PAUSED"}
    assert tests.fire(f"{test_id}-end").status_code == 404


@pytest.mark.parametrize("platform", cut(CREATIVES, "meta"))
def test_a_dead_deployment_stops_spending_too(
    tests: Tests, api: Api, sandbox: Sandbox, platform: str
) -> None:
    campaign_id = tests.made(platform, test_duration_days=3)["campaign_id"]
    sandbox.advance(advance_days=3)
    over = api.status(campaign_id).json()["campaign"]
    assert (over["status"], over["spend_today"] > 0) == ("active", True)
    sandbox.advance(advance_days=3)
    dead = api.status(campaign_id).json()["campaign"]
    assert (dead["status"], dead["spend_today"]) == ("active", 0)


def ended(cloud: Cloud, test_id: str) -> list[dict[str, Any]]:
    return [item for item in cloud.tick() if item["schedule"] == f"{test_id}-end"]


def titles(sandbox: Sandbox, test_id: str) -> list[str]:
    told = sandbox.state("web_platform")["notifications"]
    return [item["title"] for item in told if item.get("extra_data", {}).get("test_id") == test_id]


@pytest.mark.slow
def test_a_new_process_finds_the_test_and_its_looks(tests: Tests, cloud: Cloud, sandbox: Sandbox) -> None:
    test_id = tests.made()["test_id"]
    sandbox.advance(advance_days=3)
    before = tests.analyze(test_id)
    with environment(cloud):
        after = execute(CampaignAutomation(), "analyze_ab_test", {"test_id": test_id})
    assert (after["looks"], before["looks"]) == (1, 1)
    assert after | {"as_of": ""} == before | {"as_of": ""}


def test_budgets_of_a_running_test_are_not_optimised(tests: Tests, api: Api) -> None:
    made = tests.made()
    refused = api.optimize(made["campaign_id"])
    assert (refused.status_code, refused.json()["error"]["details"]["test_id"]) == (409, made["test_id"])
    tests.cancel(made["test_id"])
    assert api.optimize(made["campaign_id"], dry_run=True).status_code == 200
