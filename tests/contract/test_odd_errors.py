"""Odd errors as they were recorded, through Meta's SDK and over the wire: each keeps its class."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformRateLimitError,
    PlatformUnavailableError,
)
from tests.support import meta
from tests.support.sandbox import Sandbox

EXPIRED = {
    "message": "Error validating access token: Session has expired.",
    "code": 190,
    "error_subcode": 463,
}
TOO_MANY = {"message": "(#17) User request limit reached", "code": 17}


def asked(control: Sandbox, process: str, status: int, body: str, **headers: str) -> PlatformError:
    """The error of a read that Meta answers so."""
    control.reset()
    control.fault("meta", "read_account", "raw", status=status, body=body, headers=headers)
    with pytest.raises(PlatformError) as caught:
        asyncio.run(meta.adapter(process).describe_account(meta.ACCESS))
    return caught.value


@pytest.mark.parametrize("more", [{}, {"error_data": ""}, {"error_data": None}, {"error_data": []}])
def test_a_lost_token_is_one_in_every_form(control: Sandbox, process: str, more: dict[str, Any]) -> None:
    error = asked(control, process, 400, json.dumps({"error": EXPIRED | more}))
    assert (type(error), error.code) == (PlatformAuthError, "6001")
    assert error.details["platform_code"] == "190/463"


def test_a_limit_that_sends_only_the_apps_usage_is_a_limit(control: Sandbox, process: str) -> None:
    usage = {"X-App-Usage": '{"call_count":100,"total_cputime":25,"total_time":25}'}
    error = asked(control, process, 400, json.dumps({"error": TOO_MANY}), **usage)
    assert isinstance(error, PlatformRateLimitError)
    assert "retry_after" not in error.details


@pytest.mark.parametrize("minutes", ["15", 15])
def test_the_time_to_regain_access_may_be_a_text(control: Sandbox, process: str, minutes: Any) -> None:
    usage = json.dumps({"1": [{"type": "ads_management", "estimated_time_to_regain_access": minutes}]})
    headers = {"X-Business-Use-Case-Usage": usage}
    error = asked(control, process, 400, json.dumps({"error": TOO_MANY}), **headers)
    assert error.details["retry_after"] == 900


@pytest.mark.parametrize(("status", "body"), [(200, ""), (500, ""), (200, '{"id": "act_1'), (502, "<html>")])
def test_an_unreadable_answer_is_an_open_outcome(
    control: Sandbox, process: str, status: int, body: str
) -> None:
    error = asked(control, process, status, body)
    assert isinstance(error, PlatformUnavailableError)
    assert error.details["outcome_unknown"]


def test_items_of_a_batch_keep_their_own_classes(control: Sandbox, process: str) -> None:
    control.reset()
    odd = EXPIRED | {"error_data": ""}
    items = [
        {"code": 400, "headers": [{"value": "x"}, None], "body": json.dumps({"error": odd})},
        {"code": 200, "body": '{"success": true}'},
        {"code": 500, "headers": None, "body": "<html>"},
        None,
    ]
    control.fault("meta", "batch", "raw", body=json.dumps(items))
    work = meta.adapter(process).set_status(meta.ACCESS, Level.AD, ["1", "2", "3", "4"], "paused")
    lost, done, *open_ones = asyncio.run(work)
    assert lost.error is not None
    assert lost.error.code == "6001"
    assert done.error is None
    assert all(item.error and item.error.details["outcome_unknown"] for item in open_ones)
