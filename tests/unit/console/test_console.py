"""The console's parts on a real sandbox: what it shows, what its forms do, and whom it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from campaign_automation import CampaignAutomation
from campaign_automation_testing.processes import RunningSandbox
from local.cloud.backing import SandboxClock
from local.cloud.schedules import Schedule
from local.cloud.ticker import Ticker
from local.console.app import Console
from local.console.deeds import DEEDS, carry_out
from local.console.doors import Doors
from local.console.guard import ADDRESS
from local.console.page import document
from local.console.trees import accounts, alive
from local.console.view import PLATFORMS, View
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

Json = dict[str, Any]
USER = {"user_id": "user_123"}
PORT = 8080
PLANTED = "<script>alert(1)</script>"


@pytest.fixture
def doors(campaign_sandbox_process: RunningSandbox) -> Doors:
    """The sandbox alone: what the API and the cloud itself do is a flow's."""

    def move(change: Callable[[], object]) -> list[Json]:
        change()
        return []

    return Doors(
        api_url="http://127.0.0.1:1",
        admin_url=campaign_sandbox_process.urls["admin"],
        token=lambda user: "",
        move=move,
        fire=lambda name: {},
        schedules=list,
        executions=list,
        metrics=dict,
    )


def look(doors: Doors, **lists: list[Json]) -> View:
    state = doors.sandbox("GET", "/state")
    names = ("campaigns", "rules", "tests", "proposals", "templates")
    return View(
        user="user_123",
        now=datetime.fromisoformat(state["clock"]),
        state=state,
        market=doors.sandbox("GET", "/market"),
        faults=doors.sandbox("GET", "/faults"),
        calls=doors.sandbox("GET", "/calls"),
        lists={name: lists.get(name, []) for name in names},
        problems=[],
        schedules=[{"name": "rule_1", "expression": "rate(6 hours)", "enabled": True}],
        executions=[],
        metrics={"CampaignAutomation": {"requests_total": {"action=list_rules": 2}}},
        outcomes=[],
    )


def created(module: CampaignAutomation, *requests: Json) -> list[Json]:
    async def work() -> list[Json]:
        made = [await module.execute("create_campaign", request, USER) for request in requests]
        await module.aclose()
        return made

    made = asyncio.run(work())
    assert [item["status"] for item in made] == ["success"] * len(requests), made
    return made


def test_each_platforms_campaigns_are_trees_with_budgets_and_delivery(
    doors: Doors, campaign_automation: CampaignAutomation, campaign_sandbox: Sandbox
) -> None:
    asked = [request_body(platform=name, activate=True, name=PLANTED) for name in PLATFORMS]
    made = created(campaign_automation, *asked)
    campaign_sandbox.advance(advance_days=2)
    state = doors.sandbox("GET", "/state")
    for platform, answer in zip(PLATFORMS, made, strict=True):
        (account, *_) = [item for item in accounts(platform, state[platform]) if item.campaigns]
        (campaign,) = account.campaigns
        assert (account.user, account.currency, campaign.id) == (
            "user_123",
            "USD",
            answer["platform_campaign_id"],
        )
        assert {item.id for item in campaign.below} == {
            item["platform_adset_id"] for item in answer["adsets"]
        }
        assert sum(len(item.below) for item in campaign.below) == len(answer["ads"])
        owners = [campaign] if campaign.budget is not None else campaign.below
        assert sum(item.budget or 0 for item in owners) == 100
        assert campaign.figures.spend == sum(item.figures.spend for item in campaign.below) > 0
        assert sum(day.spend for day in account.days.values()) == campaign.figures.spend
        assert alive(account.campaigns) == account.campaigns
    shown = [
        {
            "campaign_id": item["campaign_id"],
            "platform_campaign_id": item["platform_campaign_id"],
            "platform": item["platform"],
            "name": item["name"],
            "campaign_status": "active",
        }
        for item in made
    ]
    page = document(look(doors, campaigns=shown))
    assert PLANTED not in page
    assert page.count("&lt;script&gt;") > len(made)
    assert page.count("Conversions by spend a day") >= 1
    assert "requests_total" in page


def test_a_page_without_anything_is_whole(doors: Doors, campaign_sandbox: Sandbox) -> None:
    page = document(look(doors))
    assert "There is none yet." in page
    assert "An ad set meets a market" in page
    assert page.count("<h1>") == 1


def test_forms_set_the_platforms(doors: Doors, campaign_sandbox: Sandbox) -> None:
    def done(deed: str, **form: str) -> str:
        outcome = carry_out(doors, {"deed": deed, "user": "user_123", **form})
        assert outcome.is_good, outcome
        return outcome.words

    before = campaign_sandbox.now()
    done("advance", days="2")
    assert campaign_sandbox.now() - before >= timedelta(days=2)
    done("fault", platform="meta", operation="batch", kind="http_500", nth="2", times="3")
    (fault,) = campaign_sandbox.faults()
    assert (fault["kind"], fault["nth"], fault["times"]) == ("http_500", 2, 3)
    done("no_faults")
    assert campaign_sandbox.faults() == []
    done("limits", tiktok="10", meta="", google="")
    assert campaign_sandbox.limits()["limits"] == {"tiktok": 10}
    assert "5 campaigns" in done("elsewhere", account="meta/act_100000000000001", count="5")
    assert len(campaign_sandbox.state("meta")["campaigns"]) == 5
    done("unkind", seed="3")
    done("unkind", seed="")
    assert "0" in done("late")
    done("reset", seed="2")
    assert campaign_sandbox.state("meta")["campaigns"] == {}


@pytest.mark.parametrize(
    "form",
    [
        {"deed": "destroy"},
        {},
        {"deed": "advance", "days": "-1"},
        {"deed": "advance", "days": "tomorrow"},
        {"deed": "fault", "platform": "meta", "operation": "*", "kind": "bad luck"},
        {"deed": "elsewhere", "account": "meta/act_0", "count": "1"},
        {"deed": "elsewhere", "account": "nowhere", "count": "1"},
        {"deed": "elsewhere", "account": "meta/é ü\n", "count": "1"},
        {"deed": "elsewhere", "account": "meta/../../clock", "count": "1"},
        {"deed": "advance", "days": "99999999999999"},
        {"deed": "fire", "schedule": "no-such-schedule"},
        {"deed": "create"},
        {"deed": "action", "action": "list_rules", "parameters": "[" * 60_000},
        {"deed": "action", "action": "fly", "parameters": "{}"},
        {"deed": "action", "action": "list_rules", "parameters": "[]"},
        {"deed": "rule", "template": "stop_loss", "campaign_id": "", "parameters": "{"},
    ],
)
def test_a_form_that_asks_for_what_cannot_be_is_told_so(
    doors: Doors, campaign_sandbox: Sandbox, form: Mapping[str, str]
) -> None:
    outcome = carry_out(doors, form)
    assert not outcome.is_good
    assert outcome.words


def test_every_form_of_the_page_has_its_deed(doors: Doors, campaign_sandbox: Sandbox) -> None:
    test = {"test_name": "t", "test_state": "running", "ends_at": "x", "test_id": "abt_1"}
    proposal = {"summary": "s", "proposed_by": "p", "expires_at": "x", "proposal_id": "prop_1"}
    campaign = {
        "name": "n",
        "campaign_id": "cmp_1",
        "platform_campaign_id": None,
        "platform": "meta",
        "campaign_status": "paused",
    }
    page = document(look(doors, tests=[test], proposals=[proposal], campaigns=[campaign]))
    for name in DEEDS:
        assert f'name="deed" value="{name}"' in page, name


# --- whom it refuses ---------------------------------------------------------------------------------------


def asked(doors: Doors, method: str, host: str = f"127.0.0.1:{PORT}", **headers: str) -> Any:
    builder = EnvironBuilder(ADDRESS, method=method, base_url=f"http://{host}", headers=headers)
    if method == "POST":
        builder.form["deed"] = "no_faults"
    return Console(doors, PORT)(Request(builder.get_environ()))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Referer": "https://attacker.example/127.0.0.1:8080"},
    ],
)
def test_a_form_of_another_site_is_refused(
    doors: Doors, campaign_sandbox: Sandbox, headers: dict[str, str]
) -> None:
    campaign_sandbox.fault("meta", "batch", "http_500")
    assert asked(doors, "POST", **headers).status_code == 403
    assert len(campaign_sandbox.faults()) == 1


@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:8080", "172.17.0.1:8080", "127.0.0.1:1"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_name_of_this_machine_is_refused(doors: Doors, host: str, method: str) -> None:
    answer = asked(doors, method, host, Origin=f"http://{host}")
    assert answer.status_code == 403


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}"])
def test_the_pages_own_forms_are_taken_once(doors: Doors, campaign_sandbox: Sandbox, host: str) -> None:
    campaign_sandbox.fault("meta", "batch", "http_500")
    answer = asked(doors, "POST", host, Origin=f"http://{host}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ADDRESS}?user=user_123#done")
    assert campaign_sandbox.faults() == []


# --- the clock ---------------------------------------------------------------------------------------------


def test_what_is_due_fires_when_the_followed_clock_is_moved(
    campaign_sandbox_process: RunningSandbox, campaign_sandbox: Sandbox
) -> None:
    schedule = Schedule("rule_1", "default", "arn:s", "rate(6 hours)", "UTC", {"Arn": "arn:f"})
    ticker = Ticker(lambda: [schedule], lambda target, text: (False, None), lambda item: None)
    clock = SandboxClock(campaign_sandbox_process.urls["admin"])
    ticker.created("default", "rule_1", clock.now())
    assert len(ticker.tick_after(clock.followed)) == 1  # a rate begins when it is made
    assert ticker.tick_after(clock.followed) == []
    campaign_sandbox.advance(advance_days=1)
    assert [item.schedule for item in ticker.tick_after(clock.followed)] == ["rule_1"]
    assert ticker.tick_after(clock.followed) == []


def test_a_followed_clock_goes_on_when_it_says_nothing() -> None:
    clock = SandboxClock("http://127.0.0.1:1")
    later = datetime.now(UTC) + timedelta(days=3)
    clock.adopt(later)
    assert clock.followed() >= later
