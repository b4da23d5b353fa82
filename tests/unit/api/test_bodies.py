"""A body that is no JSON object is refused by its field and with the time, before anything is built."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.api.http import respond


@pytest.mark.parametrize("body", [None, "", "{", "[]", '"text"', "1", "[" * 100_000])
def test_a_body_that_is_no_object_is_refused_by_its_field(body: str | None) -> None:
    action = ACTIONS["create_campaign"]
    event = {"httpMethod": "POST", "resource": action.path, "body": body}
    nothing: Any = None
    answer = asyncio.run(respond(nothing, action, {**event, "requestContext": {"requestId": "r"}}))
    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["code"], error["details"]["field"]) == (400, "1001", "body")
    assert error["timestamp"].endswith("Z")
