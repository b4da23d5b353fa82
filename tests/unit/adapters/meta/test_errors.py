"""Every error class of Meta becomes the right one of ours."""

import json
from typing import Any

import pytest

from campaign_automation.adapters.meta.errors import translate
from campaign_automation.adapters.meta.wire import _platform_error
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)

AUTH, REJECTED, LIMIT, FAULT = (
    PlatformAuthError,
    PlatformRejectedError,
    PlatformRateLimitError,
    PlatformUnavailableError,
)

# code, subcode, HTTP status, more of the error -> our class, our code, retryable
CASES: list[tuple[int, int | None, int, dict[str, Any], type[PlatformError], str, bool]] = [
    (190, None, 400, {}, AUTH, "6001", False),
    (190, 458, 400, {}, AUTH, "6001", False),
    (190, 460, 400, {}, AUTH, "6001", False),
    (190, 463, 400, {}, AUTH, "6001", False),
    (190, 464, 400, {}, AUTH, "6001", False),
    (190, 467, 400, {}, AUTH, "6001", False),
    (190, 459, 400, {}, AUTH, "1004", False),
    (190, None, 400, {"message": "pages_read permission(s) must be granted"}, AUTH, "1004", False),
    (102, None, 400, {}, AUTH, "6001", False),
    (104, None, 400, {}, AUTH, "1002", False),
    (3, None, 403, {}, AUTH, "1004", False),
    (10, None, 403, {}, AUTH, "1004", False),
    (200, None, 403, {}, AUTH, "1004", False),
    (294, None, 400, {}, AUTH, "1004", False),
    (299, None, 400, {}, AUTH, "1004", False),
    (100, None, 400, {"message": "(#100) Missing permissions"}, AUTH, "1004", False),
    (100, 33, 400, {"type": "GraphMethodException"}, REJECTED, "5000", False),
    (100, None, 400, {}, REJECTED, "1001", False),
    (100, 1885621, 400, {}, REJECTED, "1001", False),
    (100, 1885272, 400, {}, REJECTED, "1001", False),
    (100, 1885154, 400, {}, REJECTED, "1001", False),
    (100, 1815715, 400, {}, REJECTED, "1001", False),
    (100, 1815573, 400, {}, REJECTED, "1001", False),
    (100, 2446386, 400, {}, REJECTED, "1001", False),
    (100, 2061015, 400, {}, REJECTED, "1001", False),
    (100, 1885183, 400, {}, REJECTED, "1004", False),
    (100, 1487390, 400, {}, REJECTED, "6003", False),
    (100, 3858495, 400, {}, REJECTED, "6005", False),
    (100, 1504018, 400, {}, FAULT, "4002", True),
    (100, 1487534, 400, {}, FAULT, "4002", True),
    (368, 1404082, 400, {}, REJECTED, "6005", False),
    (4, None, 400, {}, LIMIT, "1003", True),
    (4, 1504022, 400, {}, LIMIT, "1003", True),
    (17, 2446079, 400, {}, LIMIT, "1003", True),
    (32, None, 400, {}, LIMIT, "1003", True),
    (613, 1487742, 400, {}, LIMIT, "1003", True),
    (80000, None, 400, {}, LIMIT, "1003", True),
    (80004, None, 400, {}, LIMIT, "1003", True),
    (80014, None, 400, {}, LIMIT, "1003", True),
    (1, 99, 500, {}, FAULT, "4002", True),
    (1, None, 500, {}, FAULT, "4002", True),
    (2, None, 500, {"is_transient": True}, FAULT, "4002", True),
    (-2, None, 500, {}, FAULT, "4002", True),
    (1, 2853001, 500, {"is_transient": False}, REJECTED, "4002", False),
    (1, None, 400, {"message": "Please reduce the amount of data"}, FAULT, "4002", True),
    (2500, None, 400, {}, REJECTED, "1001", False),
    (2635, None, 400, {}, REJECTED, "1001", False),
    (999999, None, 400, {}, REJECTED, "4002", False),
]


@pytest.mark.parametrize(("code", "subcode", "http_status", "more", "kind", "ours", "retryable"), CASES)
def test_every_class_of_error_is_mapped(
    code: int,
    subcode: int | None,
    http_status: int,
    more: dict[str, Any],
    kind: type[PlatformError],
    ours: str,
    retryable: bool,
) -> None:
    body = {"message": "m", "code": code, "error_subcode": subcode, "fbtrace_id": "trace"} | more
    error = translate(body, http_status, {})
    assert (type(error), error.code, error.retryable) == (kind, ours, retryable)
    assert error.details["platform"] == "meta"
    assert error.details["platform_code"] == (f"{code}/{subcode}" if subcode else str(code))
    assert error.details["platform_request_id"] == "trace"


def test_a_fault_leaves_the_outcome_open_and_a_refusal_does_not() -> None:
    assert translate({"code": 2, "is_transient": True}, 500, {}).details["outcome_unknown"]
    assert "outcome_unknown" not in translate({"code": 100}, 400, {}).details


def test_the_waiting_time_comes_from_the_usage_header_in_seconds() -> None:
    usage = {"1": [{"type": "ads_management", "estimated_time_to_regain_access": 7}]}
    error = translate({"code": 80004}, 400, {"x-business-use-case-usage": json.dumps(usage)})
    assert error.details["retry_after"] == 420
    assert "retry_after" not in translate({"code": 80004}, 400, {"x-business-use-case-usage": "?"}).details


@pytest.mark.parametrize(
    "data", [{"blame_field_specs": [["daily_budget"]]}, '{"blame_field_specs": [["daily_budget"]]}']
)
def test_the_blamed_field_is_told_in_both_spellings(data: Any) -> None:
    assert translate({"code": 100, "error_data": data}, 400, {}).details["field"] == "daily_budget"


def test_the_users_text_is_what_we_say() -> None:
    error = translate({"code": 100, "message": "Invalid parameter", "error_user_msg": "Too low."}, 400, {})
    assert error.message == "meta: Too low."


@pytest.mark.parametrize("body", ["<html>", None, [], {"no": "error"}])
def test_an_answer_without_an_error_body_is_an_open_outcome(body: Any) -> None:
    error = _platform_error(body, 502, {})
    assert isinstance(error, PlatformUnavailableError)
    assert error.details["outcome_unknown"]
