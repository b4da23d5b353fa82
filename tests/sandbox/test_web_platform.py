"""The Web Platform through the official MCP client and through the customer's own dialect."""

import asyncio
import json
from typing import Any, Protocol

import httpx
import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from campaign_automation.clients.mcp_client import McpClient
from campaign_automation.managers.shared.accounts import WebPlatformAccounts
from campaign_automation.utils.error_handler import CampaignAutomationError
from tests.sandbox.support import ACCOUNT, TOKEN, Json, Sandbox

SERVICE_TOKEN = "sandbox-service-token"
CAMPAIGN: Json = {
    "user_id": 123,
    "ad_account_id": 1001,
    "name": "Autumn",
    "objective": "sales",
    "budget": 150.25,
    "targeting": {"platform_campaign_id": "1202"},
    "creative_ids": [1, 2],
}


class Refused(Exception):
    """A tool said no; `data` is what it told the program."""

    def __init__(self, message: str, data: Json) -> None:
        super().__init__(message)
        self.data = data


class Call(Protocol):
    def __call__(self, tool: str, **arguments: Any) -> Json: ...


class Standard:
    """The official client, a new connection for each call."""

    def __init__(self, url: str, mode: str, token: str = SERVICE_TOKEN) -> None:
        self.url, self.mode, self.token = url, mode, token

    def __call__(self, tool: str, **arguments: Any) -> Json:
        return asyncio.run(self._call(tool, arguments))

    async def _call(self, tool: str, arguments: Json) -> Json:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=600) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=self.mode) as client:
                result = await client.call_tool(tool, arguments)
        data: Json | None = result.structured_content
        (content,) = result.content
        assert isinstance(content, types.TextContent)
        assert data is not None
        assert json.loads(content.text) == data
        if result.is_error:
            raise Refused(data.pop("error"), data)
        return data


class Customer:
    """The customer's dialect by plain HTTP."""

    def __init__(self, sandbox: Sandbox, token: str = SERVICE_TOKEN) -> None:
        self.sandbox, self.token = sandbox, token

    def post(self, method: str, params: Json) -> Json:
        answer = self.sandbox.http.post(
            f"{self.sandbox.url}/web_platform/api/v1/mcp",
            json={"jsonrpc": "2.0", "id": 7, "method": method, "params": params},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        assert answer.status_code == 200
        message: Json = answer.json()
        assert message["id"] == 7
        return message

    def __call__(self, tool: str, **arguments: Any) -> Json:
        message = self.post("tools/call", {"name": tool, "arguments": arguments})
        if "error" in message:
            assert message["error"]["code"] == -32000
            raise Refused(message["error"]["message"], message["error"].get("data", {}))
        result: Json = message["result"]
        return result


@pytest.fixture(params=["legacy", "2026-07-28", "legacy json", "customer"])
def call(request: pytest.FixtureRequest, sandbox: Sandbox) -> Call:
    if request.param == "customer":
        return Customer(sandbox)
    mode, _, json_answers = request.param.partition(" ")
    path = "mcp-json" if json_answers else "mcp"
    return Standard(f"{sandbox.url}/web_platform/{path}", mode)


@pytest.fixture
def customer(sandbox: Sandbox) -> Customer:
    return Customer(sandbox)


def test_account_and_token(call: Call) -> None:
    account = call("get_active_ad_account", user_id="123", platform="meta")["active_account"]
    token = call("get_ad_account_token", user_id=123, ad_account_id=account["id"])

    assert (account["id"], account["platform_account_id"], account["status"]) == (1001, ACCOUNT, "active")
    assert token["access_token"] == TOKEN
    assert token["token_expires_at"] == account["token_expires_at"] > "2026-12-31"


def test_campaign_life(call: Call) -> None:
    created = call("create_campaign", **CAMPAIGN)
    changed = call("update_campaign", user_id=123, campaign_id=created["id"], status="active", budget=99)
    read = call("get_campaign", user_id=123, campaign_id=created["id"])
    listed = call("get_campaigns", user_id=123, platform="meta", status="active")
    call("delete_campaign", user_id=123, campaign_id=created["id"])

    assert (created["status"], created["budget"]) == ("draft", 150.25)
    assert read == changed
    assert (read["status"], read["budget"], read["targeting"]) == ("active", 99, CAMPAIGN["targeting"])
    assert [row["id"] for row in listed["campaigns"]] == [created["id"]]
    with pytest.raises(Refused, match="not found"):
        call("get_campaign", user_id=123, campaign_id=created["id"])
    assert call("get_campaigns", user_id=123)["total"] == 0


def test_other_users_things_are_not_found(call: Call) -> None:
    foreign = {"get_creative": {"creative_id": 101}, "get_ad_account_token": {"ad_account_id": 2001}}
    for tool, arguments in foreign.items():
        with pytest.raises(Refused, match="not found"):
            call(tool, user_id=123, **arguments)
    with pytest.raises(Refused) as unknown:
        call("get_creative", user_id=123, creative_id=9999)
    assert str(unknown.value) == "Creative 9999 not found"


def test_wrong_arguments_are_explained(call: Call) -> None:
    with pytest.raises(Refused) as wrong:
        call("create_campaign", **CAMPAIGN | {"objective": "profit"})
    assert wrong.value.data["parameter"] == "objective"
    assert "conversions" in wrong.value.data["allowed_values"]
    assert wrong.value.data["received"] == "profit"


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"budget": 10.005}, "budget"),
        ({"budget": 0}, "budget"),
        ({"budget": "150"}, "budget"),
        ({"name": None}, "name"),
        ({"user_id": "user_123"}, "user_id"),
        ({"ad_account_id": 2001}, "ad_account_id"),
        ({"creative_ids": [1, 101]}, "creative_ids"),
        ({"budget_type": "weekly"}, "budget_type"),
        ({"targeting": "US"}, "targeting"),
    ],
)
def test_wrong_campaign_is_refused(
    customer: Customer, sandbox: Sandbox, changes: Json, parameter: str
) -> None:
    with pytest.raises(Refused) as refused:
        customer("create_campaign", **CAMPAIGN | changes)
    assert refused.value.data["parameter"] == parameter
    assert sandbox.state()["web_platform"]["campaigns"] == {}


def test_only_three_status_words_are_known(customer: Customer) -> None:
    created = customer("create_campaign", **CAMPAIGN)
    with pytest.raises(Refused) as refused:
        customer("update_campaign", user_id=123, campaign_id=created["id"], status="deleted")
    assert refused.value.data["allowed_values"] == ["draft", "active", "paused"]


def test_creating_twice_makes_two(customer: Customer) -> None:
    first, second = customer("create_campaign", **CAMPAIGN), customer("create_campaign", **CAMPAIGN)
    assert first["id"] != second["id"]


def test_creatives_page(customer: Customer) -> None:
    first = customer("get_creatives", user_id=123, page_size=40)
    second = customer("get_creatives", user_id=123, page=2, page_size=40)

    assert [len(page["creatives"]) for page in (first, second)] == [40, 20]
    assert (first["has_more"], second["has_more"], first["total"]) == (True, False, 60)
    assert {creative["file_type"] for creative in first["creatives"]} == {"image", "video"}
    with pytest.raises(Refused):
        customer("get_creatives", user_id=123, page_size=101)


def test_files_are_real_and_differ(customer: Customer, sandbox: Sandbox) -> None:
    urls = [customer("get_creative", user_id=123, creative_id=n)["file_url"] for n in (1, 3, 2)]
    first, other, film = (sandbox.http.get(url) for url in urls)
    assert first.content.startswith(b"\x89PNG")
    assert first.content != other.content
    assert film.headers["content-type"] == "video/mp4"


def test_admin_changes_a_creative(customer: Customer, sandbox: Sandbox) -> None:
    sandbox.admin("PUT", "/creatives/1", {"status": "rejected", "product_url": ""})
    assert customer("get_creative", user_id=123, creative_id=1)["status"] == "rejected"
    assert customer("get_creatives", user_id=123, status="approved")["total"] == 59


def test_user_without_account_gets_null(customer: Customer) -> None:
    assert customer("get_active_ad_account", user_id=789, platform="meta") == {"active_account": None}
    assert customer("get_active_ad_account", user_id=999, platform="google") == {"active_account": None}


def test_credits_are_taken_and_given_back(customer: Customer) -> None:
    assert customer("deduct_credit", user_id=123, amount=900, operation_type="copy")["balance"] == 100
    with pytest.raises(Refused) as refused:
        customer("deduct_credit", user_id=123, amount=100.5)
    assert refused.value.data == {"error_code": "INSUFFICIENT_CREDIT", "required": 100.5, "available": 100.0}
    assert customer("refund_credit", user_id=123, amount=900)["balance"] == 1000
    assert customer("check_credit", user_id=123, amount=1000)["sufficient"] is True


def test_notification_is_kept(call: Call, sandbox: Sandbox) -> None:
    created = call(
        "create_notification",
        user_id=123,
        notification_type="important",
        category="ad_paused",
        title="Paused",
        message="Ad 7 was paused",
        extra_data={"ad": 7},
    )
    (kept,) = sandbox.state()["web_platform"]["notifications"]
    assert kept["id"] == created["id"]
    assert kept["extra_data"] == {"ad": 7}


def test_a_name_is_refused_beyond_255_characters(customer: Customer) -> None:
    created = customer("create_campaign", **CAMPAIGN | {"name": "x" * 255})
    for tool, arguments in (
        ("create_campaign", CAMPAIGN),
        ("update_campaign", {"user_id": 123, "campaign_id": created["id"]}),
    ):
        with pytest.raises(Refused) as refused:
            customer(tool, **arguments | {"name": "x" * 256})
        assert refused.value.data["parameter"] == "name"


def test_an_expired_account_is_told_in_a_text(call: Call, sandbox: Sandbox) -> None:
    sandbox.patch_account(token_expired=True)
    with pytest.raises(Refused) as refused:
        call("get_ad_account_token", user_id=123, ad_account_id=1001)
    assert str(refused.value) == "Ad account 1001 token has expired. Please re-authorize."


def test_an_account_is_told_as_its_owner_typed_it(customer: Customer, sandbox: Sandbox) -> None:
    sandbox.patch_account(told={"platform_account_id": "100000000000001", "token_expires_at": 0})
    account = customer("get_active_ad_account", user_id=123, platform="meta")["active_account"]
    token = customer("get_ad_account_token", user_id=123, ad_account_id=1001)
    assert account["platform_account_id"] == token["platform_account_id"] == "100000000000001"
    assert token["token_expires_at"] == 0


def test_failures_are_texts_when_it_is_terse(customer: Customer, sandbox: Sandbox) -> None:
    sandbox.admin("PUT", "/web_platform", {"is_terse": True})
    with pytest.raises(Refused, match="not found") as refused:
        customer("get_creative", user_id=123, creative_id=9999)
    assert refused.value.data == {}


@pytest.mark.parametrize("category", ["general", "rule_notice", "", "SYSTEM"])
def test_a_notification_of_another_category_is_refused(customer: Customer, category: str) -> None:
    with pytest.raises(Refused) as refused:
        customer(
            "create_notification",
            user_id=123,
            notification_type="urgent",
            category=category,
            title="Left behind",
            message="One object remains",
        )
    assert refused.value.data["parameter"] == "category"


def test_reports_are_newest_first_and_own(
    customer: Customer, sandbox: Sandbox, graph: Any, campaign_id: str, adset_id: str, ad_id: str
) -> None:
    for node in (campaign_id, adset_id, ad_id):
        graph.post(node, status="ACTIVE")
    sandbox.advance(advance_days=5)
    asked = {"user_id": 123, "entity_type": "campaign", "entity_id": campaign_id}

    report = customer("get_reports", **asked, start_date="2026-11-03", end_date="2026-11-05")

    days = [entry["timestamp"][:10] for entry in report["metrics"]]
    assert days == ["2026-11-05", "2026-11-04", "2026-11-03"]
    assert report["metrics"]
    assert all(isinstance(entry["spend"], str) for entry in report["metrics"])
    assert customer("get_reports", **asked | {"user_id": 456})["metrics"] == []


# What differs between the dialects


def test_customer_drops_unknown_arguments_standard_refuses_them(customer: Customer, sandbox: Sandbox) -> None:
    assert customer("get_creative", user_id=123, creative_id=1, colour="red")["id"] == 1
    with pytest.raises(Refused, match="colour"):
        Standard(f"{sandbox.url}/web_platform/mcp", "2026-07-28")(
            "get_creative", user_id=123, creative_id=1, colour="red"
        )


def test_customer_introduces_itself_in_its_old_revision(customer: Customer) -> None:
    introduced = customer.post("initialize", {"protocolVersion": "2025-11-25"})["result"]
    assert introduced["protocolVersion"] == "2024-11-05"
    assert len(customer.post("tools/list", {})["result"]["tools"]) == 14
    assert customer.post("server/discover", {})["error"]["code"] == -32601


def test_bad_token_is_401_in_one_dialect_and_200_in_the_other(sandbox: Sandbox) -> None:
    standard = sandbox.http.post(f"{sandbox.url}/web_platform/mcp", json={})
    assert standard.status_code == 401
    with pytest.raises(Refused, match="token"):
        Customer(sandbox, token="wrong")("get_creatives", user_id=123)


def test_session_is_asked_for_in_the_old_revision_only(sandbox: Sandbox) -> None:
    headers = {
        "Authorization": f"Bearer {SERVICE_TOKEN}",
        "Accept": "application/json, text/event-stream",
    }
    client = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}
    answer = sandbox.http.post(f"{sandbox.url}/web_platform/mcp", json=hello, headers=headers)

    assert answer.headers["mcp-session-id"]
    assert answer.headers["content-type"].startswith("text/event-stream")
    unknown = headers | {"mcp-session-id": "gone", "mcp-protocol-version": "2025-11-25"}
    lost = sandbox.http.post(f"{sandbox.url}/web_platform/mcp", json=hello | {"id": 2}, headers=unknown)
    assert lost.status_code == 404


@pytest.mark.parametrize(
    ("kind", "path", "status"),
    [
        ("http_500", "mcp", 500),
        ("rate_limit", "mcp", 429),
        ("auth_expired", "mcp", 401),
        ("garbage", "mcp", 502),
        ("http_500", "api/v1/mcp", 500),
        ("rate_limit", "api/v1/mcp", 429),
        ("garbage", "api/v1/mcp", 502),
    ],
)
def test_faults_hit_the_named_tool(sandbox: Sandbox, kind: str, path: str, status: int) -> None:
    sandbox.fault("web_platform", "get_creative", kind)
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get_creative", "arguments": {"user_id": 123, "creative_id": 1}},
    }
    answer = sandbox.http.post(
        f"{sandbox.url}/web_platform/{path}",
        json=message,
        headers={"Authorization": f"Bearer {SERVICE_TOKEN}"},
    )
    assert answer.status_code == status
    assert sandbox.calls("web_platform")[-1]["outcome"] == f"fault:{kind}"


def test_lost_answer_after_the_write(sandbox: Sandbox, customer: Customer) -> None:
    sandbox.fault("web_platform", "create_campaign", "drop_after")
    with pytest.raises(httpx.RemoteProtocolError):
        customer("create_campaign", **CAMPAIGN)
    assert customer("get_campaigns", user_id=123)["total"] == 1


# The module's own client


@pytest.mark.parametrize("path", ["mcp", "mcp-json", "api/v1/mcp"])
@pytest.mark.parametrize("is_terse", [False, True])
def test_the_modules_client_tells_failures_apart(sandbox: Sandbox, path: str, is_terse: bool) -> None:
    sandbox.admin("PUT", "/web_platform", {"is_terse": is_terse})
    sandbox.patch_account(token_expired=True)
    client = McpClient(f"{sandbox.url}/web_platform/{path}", lambda: SERVICE_TOKEN)

    def failure(tool: str, **arguments: Any) -> CampaignAutomationError:
        with pytest.raises(CampaignAutomationError) as failed:
            asyncio.run(client.call_tool(tool, {"user_id": "user_123", **arguments}))
        return failed.value

    assert failure("fly").code == "3001"
    assert failure("get_creative", creative_id=9999).code == "5000"
    assert failure("deduct_credit", amount=10_000).code == "6011"
    assert failure("create_campaign", **CAMPAIGN | {"user_id": 123, "name": "x" * 256}).code == (
        "3003" if is_terse else "3002"
    )
    assert "token has expired" in failure("get_ad_account_token", ad_account_id=1001).message
    accounts = WebPlatformAccounts(client, "https://shop.example/{platform}")
    with pytest.raises(CampaignAutomationError) as dead:
        asyncio.run(accounts.access("user_123", "meta", "1001"))
    assert (dead.value.code, dead.value.details["action_url"]) == ("6001", "https://shop.example/meta")
    sandbox.fault("web_platform", "create_campaign", "rate_limit")
    limited = failure("create_campaign", **CAMPAIGN | {"user_id": 123})
    assert (limited.code, limited.details["retry_after"]) == ("1003", 5)
