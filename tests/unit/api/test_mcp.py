"""The MCP endpoint, as the official client and as plain HTTP see it, before actions of one process."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from campaign_automation.actions import ACTIONS
from campaign_automation.api.mcp import protocol
from campaign_automation.api.reference.words import examples
from tests.chaos.house import USER
from tests.fuzz.door import Door, open_door
from tests.support.mcp_server import ROLES_HEADER, ActionsOfOneProcess, mcp_server

Json = dict[str, Any]
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with open_door(seed=11) as opened:
        yield opened


@pytest.fixture(scope="module")
def functions(door: Door) -> ActionsOfOneProcess:
    return ActionsOfOneProcess(door.house.parts, door.runner)


@pytest.fixture(scope="module")
def server(functions: ActionsOfOneProcess) -> Iterator[str]:
    with mcp_server(functions, USER) as url:
        yield url


def ask(server: str, work: Any, roles: str = "viewer buyer approver operator") -> Any:
    """Return what `work` does with a connected official client."""

    async def call() -> Any:
        async with httpx2.AsyncClient(headers={ROLES_HEADER: roles}, timeout=60) as http:
            transport = streamable_http_client(f"{server}/mcp", http_client=http)
            async with Client(transport) as client:
                return await work(client)

    return asyncio.run(call())


def post(server: str, message: object, **headers: str) -> httpx.Response:
    content = message if isinstance(message, str) else json.dumps(message)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    # Without certificates, whose reading takes longer than the request.
    return httpx.post(f"{server}/mcp", content=content, headers=named, timeout=60, verify=False)


def request(method: str, params: Json | None = None) -> Json:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}


# --- tools ----------------------------------------------------------------------------------------------


def test_every_action_is_a_tool_with_its_schema_and_hints(server: str) -> None:
    async def listed(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in ask(server, listed)}
    assert tools.keys() == ACTIONS.keys()
    for action in ACTIONS.values():
        tool = tools[action.name]
        schema = tool.input_schema
        assert set(schema["properties"]) >= {*action.path_names, *action.query_names}
        assert all(field.get("description") for field in schema["properties"].values())
        assert tool.annotations.read_only_hint is not action.changes
        assert tool.annotations.destructive_hint is action.is_destructive
    assert tools["create_rule"].annotations.idempotent_hint
    assert not tools["manage_campaign"].annotations.idempotent_hint


def test_a_caller_is_shown_the_tools_of_their_roles(server: str) -> None:
    async def names(client: Client) -> Any:
        return {tool.name for tool in (await client.list_tools()).tools}

    viewer, buyer = ask(server, names, "viewer"), ask(server, names, "buyer")
    assert viewer == {name for name, action in ACTIONS.items() if action.role == "viewer"}
    assert {"create_campaign", "get_campaign_status"} <= buyer
    assert "set_kill_switch" not in buyer


def test_a_call_answers_as_the_action_does(server: str, door: Door, functions: ActionsOfOneProcess) -> None:
    campaign_id = door.known["campaign_id"]

    async def work(client: Client) -> Any:
        shown = await client.call_tool("get_campaign_status", {"campaign_id": campaign_id})
        paused = await client.call_tool(
            "manage_campaign", {"campaign_id": campaign_id, "action": "pause", "reason": "by an agent"}
        )
        listed = await client.call_tool("list_campaigns", {"limit": 1, "platform": "meta"})
        return shown, paused, listed

    shown, paused, listed = ask(server, work)
    assert shown.structured_content["campaign"]["campaign_id"] == campaign_id
    assert json.loads(shown.content[0].text) == shown.structured_content
    assert (paused.is_error, paused.structured_content["new_status"]) == (False, "paused")
    assert len(listed.structured_content["campaigns"]) == 1
    assert functions.calls[-1]["queryStringParameters"] == {"limit": "1", "platform": "meta"}


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.request.model_fields])
def test_wrong_arguments_are_a_tools_error_with_our_code(server: str, name: str) -> None:
    arguments = examples()[name] | {"no_such_field": 1}
    answer = post(server, request("tools/call", {"name": name, "arguments": arguments})).json()["result"]
    assert answer["isError"] is True
    error = answer["structuredContent"]["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "no_such_field")


def test_a_tools_error_is_in_the_language_of_the_request(server: str) -> None:
    called = request("tools/call", {"name": "create_rule", "arguments": {"rule_name": 1}})
    answers = [post(server, called, Accept_Language=asked).json()["result"] for asked in ("zh-CN", "en")]
    chinese, english = (answer["structuredContent"]["error"] for answer in answers)
    assert "rule_name：应为文本" in chinese["message"]
    assert "rule_name: should be text" in english["message"]
    assert chinese["details"] == english["details"]


def test_a_role_that_is_missing_is_a_tools_error(server: str) -> None:
    async def work(client: Client) -> Any:
        return await client.call_tool("list_limits", {})

    answer = ask(server, work, "viewer")
    assert (answer.is_error, answer.structured_content["error"]["code"]) == (True, "1004")


def test_an_idempotency_key_reaches_the_action(
    server: str, functions: ActionsOfOneProcess, door: Door
) -> None:
    arguments = {"campaign_id": door.known["campaign_id"], "target_roas": 5}
    called = request(
        "tools/call", {"name": "update_campaign", "arguments": arguments, "_meta": {"idempotencyKey": "once"}}
    )
    first, second = (post(server, called).json()["result"]["structuredContent"] for _ in range(2))
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert functions.calls[-1]["headers"]["Idempotency-Key"] == "once"


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"name": "no_such_tool", "arguments": {}}, "unknown tool"),
        ({"name": 3, "arguments": {}}, "unknown tool"),
        ({"name": "list_rules", "arguments": [1]}, "arguments"),
        ({"name": "get_rule", "arguments": {}}, "rule_id"),
    ],
)
def test_a_call_of_no_tool_is_an_error_of_the_protocol(server: str, params: Json, word: str) -> None:
    error = post(server, request("tools/call", params)).json()["error"]
    assert error["code"] == protocol.INVALID_PARAMS
    assert word in error["message"]


# --- resources ------------------------------------------------------------------------------------------


def test_campaigns_and_reports_are_resources(server: str, door: Door) -> None:
    campaign_id = door.known["campaign_id"]

    async def work(client: Client) -> Any:
        listed = await client.list_resources()
        templates = await client.list_resource_templates()
        campaign = await client.read_resource(f"campaign://{campaign_id}")
        report = await client.read_resource("report://2026-11-01/2026-11-02")
        with pytest.raises(MCPError):
            await client.read_resource("campaign://cmp_ffffffffffffffffffff")
        with pytest.raises(MCPError):
            await client.read_resource("file:///etc/passwd")
        return listed, templates, campaign, report

    listed, templates, campaign, report = ask(server, work)
    assert f"campaign://{campaign_id}" in {str(item.uri) for item in listed.resources}
    assert len(templates.resource_templates) == 2
    assert json.loads(campaign.contents[0].text)["campaign"]["campaign_id"] == campaign_id
    assert json.loads(report.contents[0].text)["status"] in ("success", "accepted")


# --- the protocol ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", protocol.WITH_HANDSHAKE)
def test_each_revision_with_a_handshake_is_spoken(server: str, version: str) -> None:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    opened = post(server, request("initialize", params)).json()["result"]
    assert opened["protocolVersion"] == version
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert post(server, told, mcp_protocol_version=version).status_code == 202
    answer = post(server, request("tools/list"), mcp_protocol_version=version)
    assert (answer.status_code, len(answer.json()["result"]["tools"])) == (200, len(ACTIONS))


def test_an_unknown_revision_is_offered_the_newest_with_a_handshake(server: str) -> None:
    params = {"protocolVersion": "1999-01-01", "capabilities": {}, "clientInfo": {}}
    opened = post(server, request("initialize", params)).json()["result"]
    assert opened["protocolVersion"] == protocol.WITH_HANDSHAKE[-1]


def test_a_stateless_request_is_answered_complete(server: str) -> None:
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "server/discover"}
    found = post(server, request("server/discover", {"_meta": META}), **headers).json()["result"]
    assert found["supportedVersions"] == [*protocol.VERSIONS]
    assert (found["resultType"], found["cacheScope"]) == ("complete", "private")


@pytest.mark.parametrize(
    ("message", "headers", "status", "code"),
    [
        ("{", {}, 400, protocol.PARSE_ERROR),
        ("[" * 100_000, {}, 400, protocol.PARSE_ERROR),
        ([], {}, 400, protocol.INVALID_REQUEST),
        ({"id": 1, "method": "ping"}, {}, 400, protocol.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, {}, 400, protocol.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, {}, 400, protocol.INVALID_REQUEST),
        (request("ping") | {"params": []}, {}, 400, protocol.INVALID_PARAMS),
        (request("tools/call", {"name": "list_rules", "_meta": [1]}), {}, 400, protocol.INVALID_PARAMS),
        # Half a character, which no answer could hold.
        (request("\ud800"), {}, 400, protocol.PARSE_ERROR),
        (request("ping") | {"id": "\ud800"}, {}, 400, protocol.PARSE_ERROR),
        (request("resources/read", {"uri": "\udfff"}), {}, 400, protocol.PARSE_ERROR),
        (
            request("tools/call", {"name": "get_rule", "arguments": {"rule_id": "\ud800"}}),
            {},
            400,
            protocol.PARSE_ERROR,
        ),
        (request("no/such"), {}, 200, protocol.METHOD_NOT_FOUND),
        (request("ping"), {"mcp_protocol_version": "1999-01-01"}, 400, protocol.UNSUPPORTED_VERSION),
        (request("ping"), {"mcp_protocol_version": "2026-07-28"}, 400, protocol.INVALID_PARAMS),
        (
            request("ping", {"_meta": META}),
            {"mcp_protocol_version": "2026-07-28", "mcp_method": "pong"},
            400,
            protocol.HEADER_MISMATCH,
        ),
        (
            request("tools/call", {"_meta": META, "name": "list_rules"}),
            {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "get_rule"},
            400,
            protocol.HEADER_MISMATCH,
        ),
        (
            request("no/such", {"_meta": META}),
            {"mcp_protocol_version": "2026-07-28", "mcp_method": "no/such"},
            404,
            protocol.METHOD_NOT_FOUND,
        ),
    ],
)
def test_what_is_no_request_is_refused_by_its_code(
    server: str, message: object, headers: dict[str, str], status: int, code: int
) -> None:
    answer = post(server, message, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_there_is_no_stream_and_the_authorization_server_is_named(server: str) -> None:
    stream = httpx.get(f"{server}/mcp", timeout=600)
    assert (stream.status_code, stream.headers["Allow"]) == (405, "POST")
    assert httpx.get(f"{server}/.well-known/oauth-protected-resource", timeout=600).json() == {
        "resource": "https://ads.example/mcp",
        "authorization_servers": ["https://issuer.example/"],
        "bearer_methods_supported": ["header"],
    }


# --- a second client ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_client_of_another_language_lists_and_calls(server: str, door: Door, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    package = "@modelcontextprotocol/sdk@1.32"
    installed = subprocess.run(
        ["npm", "install", "--silent", "--prefix", tmp_path, package], capture_output=True, check=False
    )
    if installed.returncode:
        pytest.skip(f"npm cannot install {package} here")
    script = shutil.copy(Path(__file__).with_name("second_client.mjs"), tmp_path)
    done = subprocess.run(
        ["node", script, f"{server}/mcp", door.known["campaign_id"]],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout)
    assert (found["tools"], found["campaign"]) == (len(ACTIONS), door.known["campaign_id"])
    assert found["refused"] == {"isError": True, "code": "1001"}
