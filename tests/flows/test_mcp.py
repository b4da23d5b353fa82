"""The MCP endpoint of a deployment: who may call it, and an agent's day through the official client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from local.cloud import Cloud
from tests.support.api import PATIENCE_SECONDS
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox


def test_without_a_token_the_answer_says_how_to_get_one(cloud: Cloud) -> None:
    refused = httpx.post(f"{cloud.info['api_url']}/mcp", json={}, timeout=PATIENCE_SECONDS)
    assert refused.status_code == 401
    assert "/.well-known/oauth-protected-resource" in refused.headers["WWW-Authenticate"]
    described = httpx.get(
        f"{cloud.info['api_url']}/.well-known/oauth-protected-resource", timeout=PATIENCE_SECONDS
    ).json()
    assert described.get("resource", "").endswith("/mcp"), described
    assert described["authorization_servers"] == [cloud.info["api_url"]]


def test_an_agent_creates_checks_and_pauses_a_campaign(cloud: Cloud, sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {cloud.info['tokens']['user_123']}"}

    async def work() -> tuple[Any, ...]:
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_SECONDS) as http:
            transport = streamable_http_client(f"{cloud.info['api_url']}/mcp", http_client=http)
            async with Client(transport) as client:
                asked = request_body(name="By an agent", platform="tiktok")
                made = await client.call_tool("create_campaign", asked)
                while made.structured_content["status"] == "accepted":
                    made = await client.call_tool("create_campaign", asked)
                known = {"campaign_id": made.structured_content["campaign_id"]}
                shown = await client.read_resource(f"campaign://{known['campaign_id']}")
                paused = await client.call_tool("manage_campaign", {**known, "action": "pause"})
                refused = await client.call_tool("manage_campaign", {**known, "action": "explode"})
                return made, shown, paused, refused

    made, shown, paused, refused = asyncio.run(work())
    campaign_id = made.structured_content["campaign_id"]
    assert json.loads(shown.contents[0].text)["campaign"]["campaign_id"] == campaign_id
    assert paused.structured_content["new_status"] == "paused"
    assert (refused.is_error, refused.structured_content["error"]["code"]) == (True, "1001")
    assert len(sandbox.live("tiktok", "campaigns")) >= 1
