"""Answers in the language that is asked for at each door, and the same state whichever it is."""

from __future__ import annotations

import asyncio
import json
import tomllib
from textwrap import indent
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from campaign_automation.actions import ACTIONS
from campaign_automation.api.http import respond
from campaign_automation.api.mcp.catalogue import caller_of
from campaign_automation.utils.languages.catalogue import phrases
from tests.support.builders import request_body
from tests.support.doc_blocks import blocks, code
from tests.support.one_tenant import OneTenant

Json = dict[str, Any]


@pytest.fixture(scope="module")
def house() -> OneTenant:
    return OneTenant()


def ask(house: OneTenant, name: str, parameters: Json, **headers: str) -> tuple[Json, Json]:
    """Return the headers and the body of an action's answer over HTTP."""
    action = ACTIONS[name]
    path = {name: parameters[name] for name in action.path_names}
    event = {
        "httpMethod": action.method,
        "resource": action.path,
        "pathParameters": path,
        "queryStringParameters": None,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "body": json.dumps({key: value for key, value in parameters.items() if key not in path}),
        "requestContext": {"requestId": "q", "authorizer": {"principalId": "u", "roles": "buyer approver"}},
    }
    answer = asyncio.run(respond(house.wiring, action, event))
    return answer["headers"], json.loads(answer["body"])


def test_http_answers_in_the_language_of_the_header(house: OneTenant) -> None:
    asked = request_body(daily_budget=-1)
    headers, body = ask(house, "create_campaign", asked, Accept_Language="zh-CN,zh;q=0.9")
    assert body["error"]["message"] == "daily_budget：应大于 0"
    assert headers["Content-Language"] == "zh"
    headers, english = ask(house, "create_campaign", asked, Accept_Language="en")
    assert english["error"]["message"] == "daily_budget: should be greater than 0"
    assert "Content-Language" not in headers
    assert body["error"]["details"] == english["error"]["details"]


def test_a_repeated_answer_is_told_to_each_asker_in_their_language(house: OneTenant) -> None:
    made = house.done("create_campaign", request_body())
    asked = {"campaign_id": made["campaign_id"], "action": "pause"}
    _, first = ask(house, "manage_campaign", asked, Accept_Language="zh", Idempotency_Key="k1")
    _, again = ask(house, "manage_campaign", asked, Idempotency_Key="k1")
    _, third = ask(house, "manage_campaign", asked, Accept_Language="zh", Idempotency_Key="k1")
    assert first["message"] == "无需操作：已经暂停"
    assert again["message"] == "nothing to do: already paused"
    assert (again["replayed"], third["replayed"], third["message"]) == (True, True, first["message"])
    trail = house.done("get_campaign_status", {"campaign_id": made["campaign_id"]})
    assert trail["campaign"]["status"] == "paused"


def test_the_header_leaves_the_ads_in_their_own_language(house: OneTenant) -> None:
    for headers in ({}, {"Accept_Language": "zh"}):
        _, made = ask(house, "create_campaign", request_body(name=f"ads {len(headers)}"), **headers)
        assert made["ads"][0]["copy"].isascii()
        assert not any("language" in text for text in made["warnings"])
    assert made["message"].startswith("已创建")


def test_execute_answers_in_the_language_of_its_context() -> None:
    async def call(context: Any) -> Json:
        module = CampaignAutomation(store="memory", accounts={"u": {}})
        return await module.execute("get_campaign_status", {}, context)

    told = asyncio.run(call({"user_id": "u", "language": "zh"}))
    assert told["error"]["message"] == "campaign_id：必须填写"
    told = asyncio.run(call({"user_id": "u", "language": "fr"}))
    assert told["error"]["message"] == "language: should be 'en' or 'zh'"
    told = asyncio.run(call({"language": "zh"}))
    assert told["error"]["message"] == "user_id：必须填写"


def test_the_example_of_the_docs_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    example = code("docs/languages.md", 'caller = {"user_id": "user_123", "language": "zh"}')
    scope = {"module": CampaignAutomation(store="memory", accounts={"u": {}})}
    exec(f"async def run():\n{indent(example, '    ')}", scope)
    asyncio.run(scope["run"]())  # type: ignore[operator]
    assert capsys.readouterr().out.strip() == example.partition("  # ")[2].strip()


def test_the_pattern_of_the_docs_is_a_phrase() -> None:
    (block,) = (block for block in blocks("toml") if block.page == "docs/languages.md")
    assert tomllib.loads(block.text).items() <= phrases()["changes"].items()


def test_tools_of_agents_are_called_with_the_language_of_their_request() -> None:
    event = {
        "headers": {"Accept-Language": "zh", "Cookie": "a=b"},
        "requestContext": {"requestId": "r", "authorizer": {"roles": "viewer"}},
    }
    assert caller_of(event)["headers"] == {"accept-language": "zh"}
