"""The module in a process without AWS: a file as its store, accounts handed in, schedules of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from campaign_automation import CampaignAutomation, Limits
from campaign_automation.clients.mcp_client import McpClient
from campaign_automation.embedding import Embedding, embed
from local.cloud.supervisor import MCP_PATHS
from tests.embedded.conftest import Module
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox
from tests.support.web_platform import MemoryWebPlatform

USER = {"user_id": "user_123"}
PAGE = "https://shop.example/1"
CREATIVES = [
    {
        "creative_id": f"mine_{number}",
        "name": "A shoe",
        "file_url": f"{PAGE}.png",
        "file_type": "image",
        "product_url": PAGE,
    }
    for number in (1, 2)
]
ACCOUNTS = {
    "user_123": {
        "google": {"platform_account_id": "1230000003", "access_token": "sandbox-google-token-123"},
    }
}
META_ACCOUNT = {
    "platform_account_id": "act_100000000000001",
    "access_token": "sandbox-meta-token-123",
    "ad_account_id": 1001,  # the Web Platform's number
}
META = {"user_123": {"meta": META_ACCOUNT}}
# Google's search ads need these besides an account.
APPS = {"google": {"business_name": "Shoes", "logo_url": f"{PAGE}.png"}}


@pytest.fixture
def google(module: Module) -> Module:
    """Make a module with an account of Google Ads."""
    return partial(module, **{"accounts": ACCOUNTS, "apps": APPS})


def body(**changes: Any) -> dict[str, Any]:
    own = {"platform": "google", "creatives": CREATIVES, "eu_political_advertising": False, **changes}
    return {name: value for name, value in request_body(**own).items() if name != "creative_ids"}


async def call(module: CampaignAutomation, name: str, /, **parameters: Any) -> dict[str, Any]:
    answer = await module.execute(name, parameters, USER)
    assert answer["status"] == "success", answer
    return answer


async def stopping_rule(module: CampaignAutomation, campaign_id: str) -> dict[str, Any]:
    return await call(module, "create_rule", **RULE, applies_to={"campaign_ids": [campaign_id]}, confirm=True)


def test_a_campaign_is_made_and_known_after_a_restart(
    google: Module, sandbox: Sandbox, tmp_path: Path
) -> None:
    async def first() -> str:
        before = google()
        created = await call(before, "create_campaign", **body())
        assert any(str(tmp_path) in warning for warning in created["warnings"]), created["warnings"]
        await before.aclose()
        return str(created["campaign_id"])

    async def second(campaign_id: str) -> None:
        after = google()
        await call(after, "manage_campaign", campaign_id=campaign_id, action="start")
        status = await call(after, "get_campaign_status", campaign_id=campaign_id)
        assert status["campaign"]["status"] == "active"
        trail = await call(after, "get_audit", campaign_id=campaign_id)
        assert {"create", "set_status"} <= {record["operation"] for record in trail["records"]}
        await after.aclose()

    asyncio.run(second(asyncio.run(first())))
    assert sandbox.left_behind("google")["campaigns"] == 1


RULE = {
    "rule_name": "stop",
    "condition": {"metric": "spend", "operator": "greater_than_or_equal", "value": 0, "time_range": "today"},
    "action": {"type": "pause_campaign"},
    "schedule": "rate(6 hours)",
}


def test_a_rule_runs_when_it_is_due_once_over_all_processes(google: Module, sandbox: Sandbox) -> None:
    async def story() -> None:
        one, other = google(), google()
        campaign_id = (await call(one, "create_campaign", **body(activate=True)))["campaign_id"]
        made = await call(
            one, "create_rule", **RULE, applies_to={"campaign_ids": [campaign_id]}, confirm=True
        )
        assert any("run_due" in warning for warning in made["warnings"]), made["warnings"]
        assert [run["schedule"] for run in await one.run_due()] == []
        sandbox.advance(advance_hours=7)
        runs = [*await one.run_due(), *await other.run_due()]
        (rule,) = [run for run in runs if run["schedule"] == made["rule_id"]]
        assert (rule["status"], rule["answer"]["acted"]) == ("success", 1), rule
        assert rule["scheduled_time"] == made["next_run"]
        status = await call(other, "get_campaign_status", campaign_id=campaign_id)
        assert status["campaign"]["status"] == "paused"
        await call(one, "delete_rule", rule_id=made["rule_id"])
        sandbox.advance(advance_hours=7)
        assert made["rule_id"] not in {run["schedule"] for run in await one.run_due()}
        await one.aclose()
        await other.aclose()

    asyncio.run(story())


def test_a_test_ends_by_itself(google: Module, sandbox: Sandbox) -> None:
    async def story() -> None:
        one = google()
        request = body(test_name="shoes", test_duration_days=7, force=True, activate=True)
        del request["objective"]
        made = await call(one, "create_ab_test", **request)
        sandbox.advance(advance_days=8)
        await one.run_due()
        status = await call(one, "get_campaign_status", campaign_id=made["campaign_id"])
        assert status["campaign"]["status"] == "paused"
        await one.aclose()

    asyncio.run(story())


def test_time_passes_in_the_background(google: Module, sandbox: Sandbox) -> None:
    async def story() -> None:
        one = google()
        campaign_id = (await call(one, "create_campaign", **body(activate=True)))["campaign_id"]
        made = await call(
            one, "create_rule", **RULE, applies_to={"campaign_ids": [campaign_id]}, confirm=True
        )
        sandbox.advance(advance_hours=7)
        async with one.background():
            while not (await call(one, "get_rule", rule_id=made["rule_id"]))["runs"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await one.aclose()

    asyncio.run(story())


def test_without_a_cap_nothing_is_started_and_the_message_says_what_gives_one(
    google: Module, sandbox: Sandbox
) -> None:
    async def story() -> dict[str, Any]:
        one = google(limits=None)
        created = await call(one, "create_campaign", **body())
        parameters = {"campaign_id": created["campaign_id"], "action": "start"}
        answer = await one.execute("manage_campaign", parameters, USER)
        await one.aclose()
        return answer

    answer = asyncio.run(story())
    assert "Limits(account_daily_budget" in str(answer), answer


def test_all_that_is_missing_is_told_by_the_first_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"PLATFORM_TIMEOUT_SECONDS": "soon"})
    one = CampaignAutomation(store="tape://3", settings={"wings": 2})
    answer = asyncio.run(one.execute("list_rules", {}, USER))
    error = answer["error"]
    assert (error["code"], error["details"]["retryable"]) == ("4000", False)
    for name in ("PLATFORM_TIMEOUT_SECONDS", "tape://3", "wings", "accounts"):
        assert name in error["message"], error["message"]
    asyncio.run(one.aclose())


def test_a_function_without_a_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"AWS_LAMBDA_FUNCTION_NAME": "create_campaign"})
    answer = asyncio.run(CampaignAutomation(accounts=ACCOUNTS).execute("list_rules", {}, USER))
    assert "TABLE_NAME" in answer["error"]["message"]


def test_accounts_may_come_from_a_coroutine(google: Module, sandbox: Sandbox) -> None:
    async def accounts(user_id: str, platform: str) -> dict[str, str] | None:
        return ACCOUNTS.get(user_id, {}).get(platform)

    async def story() -> None:
        one = google(accounts=accounts)
        await call(one, "create_campaign", **body())
        refused = await one.execute("create_campaign", body(), {"user_id": "user_456"})
        assert refused["error"]["code"] == "6000"
        await one.aclose()

    asyncio.run(story())


def test_a_plain_client_of_the_web_platform_is_enough(google: Module, sandbox: Sandbox) -> None:
    tools = MemoryWebPlatform()

    async def story() -> None:
        account = {**ACCOUNTS["user_123"]["google"], "ad_account_id": 1}
        one = google(accounts={"user_123": {"google": account}}, mcp_client=tools, store="memory")
        await call(one, "create_campaign", **request_body(platform="google", eu_political_advertising=False))
        await one.aclose()

    asyncio.run(story())
    assert len(tools.campaigns) == 1


class Hanging(MemoryWebPlatform):
    """Answers no write before `released` is set; nothing is done meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if not name.startswith("get_"):
            await self.released.wait()
        return await super().call_tool(name, arguments)


def told(google: Module, tools: MemoryWebPlatform) -> CampaignAutomation:
    account = {**ACCOUNTS["user_123"]["google"], "ad_account_id": 1}
    return google(accounts={"user_123": {"google": account}}, mcp_client=tools)


def test_a_web_platform_that_hangs_costs_the_caller_nothing(google: Module, sandbox: Sandbox) -> None:
    tools = Hanging()

    async def story() -> None:
        one = told(google, tools)
        async with one.background():
            created = await call(one, "create_campaign", **body())
            changed = {"campaign_id": created["campaign_id"], "action": "start"}
            assert (await call(one, "manage_campaign", **changed))["new_status"] == "active"
            assert tools.campaigns == {}
            tools.released.set()
        await one.aclose()

    asyncio.run(story())
    (record,) = tools.campaigns.values()
    assert record["status"] == "active"


@pytest.fixture
def meta(module: Module, urls: dict[str, str]) -> Module:
    """Make a module with an account of Meta, whose files are those of the sandbox's Web Platform."""
    address = urls["web_platform"] + MCP_PATHS["customer"]
    tools = McpClient(address, lambda: "sandbox-service-token")
    return partial(module, mcp_client=tools, accounts=META, settings={"mcp_url": address})


# --- declarations ------------------------------------------------------------------------------------------


def test_what_nobody_declared_is_made_and_starts_when_somebody_declares(
    meta: Module, sandbox: Sandbox
) -> None:
    async def story() -> None:
        one = meta()
        answer = await one.execute("create_campaign", request_body(activate=True), USER)
        assert answer["error"]["details"]["field"] == "special_ad_categories"
        created = await call(one, "create_campaign", **request_body())
        assert any("special_ad_categories" in warning for warning in created["warnings"])
        start = {"campaign_id": created["campaign_id"], "action": "start"}
        refused = await one.execute("manage_campaign", start, USER)
        assert refused["error"]["details"]["guard"] == "undeclared", refused
        wrong = await one.execute("manage_campaign", {**start, "special_ad_categories": ["HOUSING"]}, USER)
        assert wrong["error"]["details"]["field"] == "special_ad_categories"
        assert {item["status"] for item in sandbox.live("meta", "adsets")} == {"PAUSED"}
        started = await call(one, "manage_campaign", **start, special_ad_categories=["NONE"])
        assert started["new_status"] == "active"
        await call(one, "manage_campaign", **{**start, "action": "pause"})
        await call(one, "manage_campaign", **start)  # it is declared once and for all
        await one.aclose()

    asyncio.run(story())


def test_the_deployments_declaration_serves_a_start_too(meta: Module, sandbox: Sandbox) -> None:
    async def story() -> None:
        before = meta()
        created = await call(before, "create_campaign", **request_body())
        await before.aclose()
        declared = {"special_ad_categories": ["NONE"]}
        after = meta(declarations=declared)
        await call(after, "manage_campaign", campaign_id=created["campaign_id"], action="start")
        await after.aclose()

    asyncio.run(story())


# --- limits, arguments and stores ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "limits", "expected"),
    [
        ({"KILL_SWITCH": "true"}, Limits({"USD": 5}), (True, 50, {"USD": 5})),
        ({}, Limits({"USD": 5}, stopped=True), (True, 50, {"USD": 5})),
        ({"MAX_BUDGET_STEP_PERCENT": "10"}, Limits({"USD": 5}), (False, 10, {"USD": 5})),
        ({"MAX_BUDGET_STEP_PERCENT": "10"}, Limits(step_percent=20), (False, 10, {})),
        ({"MAX_BUDGET_STEP_PERCENT": "30"}, Limits(step_percent=20), (False, 20, {})),
        (
            {"ACCOUNT_DAILY_BUDGET_CAPS": "act_1:5,USD:3"},
            Limits({"USD": 5}),
            (False, 50, {"1": 5, "USD": 3}),
        ),
    ],
)
def test_of_limits_and_settings_the_stricter_holds(
    environment: dict[str, str], limits: Limits, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", environment)
    settings = embed(Embedding(store="memory", accounts=ACCOUNTS, limits=limits)).settings
    found = settings.kill_switch, settings.max_budget_step_percent, settings.account_daily_budget_caps
    assert found == expected


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("limits", {"USD": 500}),
        ("limits", Limits(account_daily_budget=500)),  # type: ignore[arg-type]
        ("limits", Limits({"usd": 500})),
        ("limits", Limits(step_percent=90)),
        ("store", 5),
        ("store", "sqlite:///"),
        ("store", "sqlite://tmp/x.db"),
        ("store", "sqlite:///x.db?mode=ro"),
        ("settings", "x"),
        ("settings", {"table_name": 3}),
        ("declarations", ["NONE"]),
        ("declarations", {"kill_switch": False}),
        ("accounts", []),
        ("accounts", {"user_123": None}),
        ("accounts", {"user_123": {"google": [1]}}),
        ("accounts", lambda user, platform: None),
        ("apps", 5),
        ("apps", {"gogle": {}}),
    ],
)
def test_a_wrong_argument_is_named_by_the_first_answer(google: Module, argument: str, value: Any) -> None:
    answer = asyncio.run(google(**{argument: value}).execute("list_rules", {}, USER))
    error = answer["error"]
    assert (error["code"], error["details"]["retryable"]) == ("4000", False), error
    assert argument in error["message"]


def test_a_relative_store_is_one_file_wherever_the_process_goes(
    google: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = google(store="sqlite:///data/store.db")
    answer = asyncio.run(one.execute("create_campaign", body(dry_run=True), USER))
    assert any(str(tmp_path / "data" / "store.db") in warning for warning in answer["warnings"]), answer
    monkeypatch.chdir("/")
    asyncio.run(one.aclose())
    assert asyncio.run(one.execute("list_rules", {}, USER))["status"] == "success"
    assert (tmp_path / "data" / "store.db").exists()
    asyncio.run(one.aclose())


def test_a_file_that_is_no_store_is_not_to_be_tried_again(google: Module, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("no database, by far" * 100)
    answer = asyncio.run(google(store=f"sqlite:///{tmp_path}/other.db").execute("list_rules", {}, USER))
    assert (answer["error"]["code"], answer["error"]["details"]["retryable"]) == ("5002", False)


def test_one_account_in_two_spellings_has_the_stricter_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"ACCOUNT_DAILY_BUDGET_CAPS": "100000000000001:50"})
    limits = Limits({"act_100000000000001": 500, "USD": 7})
    settings = embed(Embedding(store="memory", accounts=ACCOUNTS, limits=limits)).settings
    assert settings.account_daily_budget_caps == {"100000000000001": 50, "USD": 7}


@pytest.mark.parametrize(("outcome", "code"), [(OSError("gone"), "3000"), (["text"], "4000"), (None, "6000")])
def test_a_source_of_accounts_that_fails_is_told_by_its_name(google: Module, outcome: Any, code: str) -> None:
    async def accounts(user_id: str, platform: str) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    answer = asyncio.run(google(accounts=accounts).execute("create_campaign", body(dry_run=True), USER))
    assert answer["error"]["code"] == code, answer


def test_what_holds_itself_or_is_nested_without_end_is_refused(google: Module) -> None:
    around: dict[str, Any] = {}
    around["name"] = around
    deep: dict[str, Any] = {}
    for _ in range(50_000):
        deep = {"all": [deep]}
    for parameters, field in ((around, "name"), ({**RULE, "condition": deep}, "condition")):
        answer = asyncio.run(google().execute("create_rule", parameters, USER))
        assert (answer["error"]["code"], answer["error"]["details"]["field"]) == ("1001", field)
