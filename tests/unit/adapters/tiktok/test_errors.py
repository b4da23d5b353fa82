"""Every error class of TikTok becomes the right one of ours."""

from typing import Any

import httpx
import pytest

from campaign_automation.adapters.tiktok.errors import is_gone, is_nothing_to_update, is_per_second, translate
from campaign_automation.adapters.tiktok.wire import _goes_on, opened
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)

AUTH, REJECTED, LIMIT, QUOTA, FAULT = (
    PlatformAuthError,
    PlatformRejectedError,
    PlatformRateLimitError,
    PlatformQuotaError,
    PlatformUnavailableError,
)

# codes -> our class, our code, retryable, outcome unknown
ROWS: list[tuple[list[int], type[PlatformError], str, bool, bool]] = [
    ([40102, 40103, 40104, 40105, 40107, 40110], AUTH, "6001", False, False),
    ([40001, 40130, 40003, 40113, 40117, 40118, 40301, 41000], AUTH, "1004", False, False),
    ([40101, 40106, 40108, 40109, 40115, 40116], AUTH, "1002", False, False),
    ([40100, 40132, 61000, 40016], LIMIT, "1003", True, False),
    ([40502, 40011], QUOTA, "1005", False, False),
    ([40000, 40002, 40006, 40051, 40061, 40700, 41001, 41002, 40012], REJECTED, "1001", False, False),
    ([40007, 40300, 40302, 40905], REJECTED, "5000", False, False),
    ([40050, 40202], FAULT, "5004", True, True),
    ([40911], REJECTED, "5004", False, False),
    ([40201], FAULT, "4002", True, False),
    ([40901, 40903, 40904, 40906, 40910, 40912, 40915, 40916], REJECTED, "6003", False, False),
    ([40902, 40913, 40914], FAULT, "6003", True, False),
    ([50000, 50002, 51000, 51999, 52000, 52999, 60001, 70001, 20001], FAULT, "4002", True, True),
    ([12345, 99999], REJECTED, "4002", False, False),
]
CASES = [(code, *row[1:]) for row in ROWS for code in row[0]]


@pytest.mark.parametrize(("code", "kind", "ours", "retryable", "unknown"), CASES)
def test_every_class_of_error_is_mapped(
    code: int, kind: type[PlatformError], ours: str, retryable: bool, unknown: bool
) -> None:
    error = translate({"code": code, "message": "m", "request_id": "trace"})
    assert (type(error), error.code, error.retryable) == (kind, ours, retryable)
    assert bool(error.details.get("outcome_unknown")) is unknown
    assert error.details["platform"] == "tiktok"
    assert error.details["platform_code"] == str(code)
    assert error.details["platform_request_id"] == "trace"


def test_a_name_that_exists_already_is_ours_and_is_looked_up() -> None:
    error = translate({"code": 40002, "message": "Campaign name already exists. Please try another one."})
    assert (type(error), error.code) == (FAULT, "5004")
    assert error.details["outcome_unknown"]


def test_breaking_the_limit_per_minute_asks_for_five_quiet_minutes() -> None:
    minute = translate({"code": 40100, "message": "too many requests per minute"})
    second = translate({"code": 40100, "message": "too many requests per second"})
    assert (minute.details["retry_after"], second.details["retry_after"]) == (300, 1)
    other = translate({"code": 40100, "message": "App is restricted for 600 seconds."})
    assert (other.details["retry_after"], is_per_second(other)) == (300, False)


def test_what_is_gone_and_what_is_unchanged_can_be_told() -> None:
    assert is_gone(translate({"code": 40007}))
    assert not is_gone(translate({"code": 40002}))
    assert is_nothing_to_update(translate({"code": 40012}))
    assert not is_nothing_to_update(None)


@pytest.mark.parametrize("status", [200, 500])
def test_the_code_decides_and_not_the_http_status(status: int) -> None:
    answer = httpx.Response(status, json={"code": 40105, "message": "revoked", "request_id": "r"})
    with pytest.raises(PlatformAuthError) as caught:
        opened(answer)
    assert caught.value.code == "6001"


def test_a_partial_success_gives_its_data() -> None:
    answer = httpx.Response(200, json={"code": 20001, "message": "partly", "data": {"error_list": []}})
    assert opened(answer).data == {"error_list": []}


def test_data_may_be_missing() -> None:
    assert opened(httpx.Response(200, json={"code": 0, "message": "OK"})).data == {}


@pytest.mark.parametrize("body", ["<html>", "[]", '"text"', "{}", '{"code": "0"}'])
def test_an_answer_without_an_envelope_is_an_open_outcome(body: str) -> None:
    with pytest.raises(PlatformUnavailableError) as caught:
        opened(httpx.Response(502, text=body))
    assert caught.value.details["outcome_unknown"]


@pytest.mark.parametrize(
    ("info", "rows", "goes_on"),
    [
        ({"total_page": 2}, 1, True),
        ({"total_page": "2"}, 1, True),
        ({"total_page": 1}, 1000, False),
        ({"total_page": 0}, 0, False),
        ({"total_page": None}, 1000, True),
        ({"total_page": None}, 999, False),
        (None, 1000, True),
        ({}, 3, False),
    ],
)
def test_a_page_follows_by_count_or_after_a_full_one(info: Any, rows: int, goes_on: bool) -> None:
    assert _goes_on({"page_info": info}, 1, rows) == goes_on
