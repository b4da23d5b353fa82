"""Clients of the Web Platform that are handed in: whatever they raise or answer is one of our errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from campaign_automation.clients.given_tools import GivenTools
from campaign_automation.clients.mcp_answers import failure as failed_as
from campaign_automation.utils.error_handler import CampaignAutomationError


class Coded(Exception):
    def __init__(self, message: str, code: Any, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data


class Wrapped(Exception):
    """As the official client raises: code, message and data are those of its part `error`."""

    def __init__(self, error: Coded) -> None:
        super().__init__("wrapped")
        self.error = error


class Given:
    def __init__(self, result: Any) -> None:
        self.result = result

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        if self.result is asyncio.sleep:
            await asyncio.sleep(60)
        return self.result


def too_many(seconds: str) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "https://platform.example/mcp")
    response = httpx.Response(429, headers={"Retry-After": seconds}, request=request)
    return httpx.HTTPStatusError("too many", request=request, response=response)


def call(result: Any) -> dict[str, Any]:
    tools = GivenTools(Given(result), seconds=0.05 if result is asyncio.sleep else 30)
    return asyncio.run(tools.call_tool("get_creative", {"creative_id": 1}))


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (ConnectionRefusedError("no"), "3000"),
        (ConnectionError("gone"), "3000"),
        (OSError("network"), "3000"),
        (httpx.ReadError("gone"), "3000"),
        (asyncio.CancelledError(), "3000"),
        (TimeoutError(), "3004"),
        (httpx.ReadTimeout("slow"), "3004"),
        (httpx.ConnectTimeout("slow"), "3004"),
        (too_many("17"), "1003"),
        (asyncio.sleep, "3004"),
        (Coded("no tool", 3001), "3001"),
        (Coded("bad", "3002"), "3002"),
        (Coded("slow", "3004"), "3004"),
        (Coded("x", -32601), "3001"),
        (Coded("x", -32602), "3002"),
        (Coded("Creative 1 not found", -32000), "5000"),
        (Coded("no", -32000, {"required": 5, "available": 1}), "6011"),
        (Coded("no", 6011), "6011"),
        (Wrapped(Coded("bad", -32602)), "3002"),
        (Coded("odd", object()), "3003"),
        (RuntimeError("Creative 1 not found"), "5000"),
        (RuntimeError(), "3003"),
        (KeyError("id"), "3003"),
        (None, "3003"),
        ("text", "3003"),
        ([], "3003"),
        ({"content": [{"type": "text", "text": "it broke"}], "isError": True}, "3003"),
    ],
)
def test_every_failure_has_its_code(result: Any, code: str) -> None:
    with pytest.raises(CampaignAutomationError) as failure:
        call(result)
    assert failure.value.code == code


@pytest.mark.parametrize("result", [ConnectionError("gone"), TimeoutError(), asyncio.CancelledError()])
def test_a_call_that_was_cut_may_have_acted(result: Any) -> None:
    with pytest.raises(CampaignAutomationError) as failure:
        call(result)
    assert failure.value.details["outcome_unknown"] is True
    assert failure.value.retryable


@pytest.mark.parametrize(
    "result",
    [
        {"id": 7},
        {"content": [], "structuredContent": {"id": 7}},
        {"content": [{"type": "text", "text": '{"id": 7}'}]},
    ],
)
def test_an_answer_is_the_tools_data(result: Any) -> None:
    assert call(result) == {"id": 7}


@pytest.mark.parametrize(
    "result",
    [
        {"name": "shoes \ud83d"},
        {"content": [{"type": "text", "text": '{"name": "shoes \\ud83d"}'}]},
        {"content": [{"type": "text", "text": {"odd": 1}}, {"type": "text", "text": '{"name": "shoes �"}'}]},
    ],
)
def test_half_a_character_is_replaced(result: Any) -> None:
    assert call(result) == {"name": "shoes �"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("no \ud83d"), "get_creative: no �"),
        (Coded("no", -32000, {"parameter": "\ud83d"}), "get_creative: no"),
        (Wrapped(Coded("x", True)), "get_creative: wrapped"),
    ],
)
def test_the_words_of_a_failure_can_be_sent_on(error: Exception, message: str) -> None:
    with pytest.raises(CampaignAutomationError) as failure:
        call(error)
    assert failure.value.message == message
    json.dumps(failure.value.details, ensure_ascii=False).encode()


def test_an_object_for_a_message_is_not_shown_raw() -> None:
    assert failed_as("get_creative", {"code": -32000, "message": {"a": 1}}).message == (
        "get_creative: no reason given"
    )


def test_a_cancelled_caller_stays_cancelled() -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(GivenTools(Given(asyncio.sleep)).call_tool("get_creative", {}))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_a_client_that_is_throttled_says_for_how_long() -> None:
    with pytest.raises(CampaignAutomationError) as failure:
        call(too_many("17"))
    assert failure.value.details["retry_after"] == 17
