"""Error bodies of every odd shape: always a typed error, of the class that its code says."""

from __future__ import annotations

import json
from typing import Any

import grpc
import httpx
import pytest
import requests
from google.api_core import exceptions
from hypothesis import example, given
from hypothesis import strategies as st

from campaign_automation.adapters.common.calls import LONGEST_WAIT_SECONDS
from campaign_automation.adapters.google.errors import FAILURE_KEY, from_exception
from campaign_automation.adapters.meta.wire import _value_of
from campaign_automation.adapters.tiktok.wire import opened
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
    error_body,
)

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8).map(lambda text: text.replace("{", "("))
    | st.sampled_from(["", "15", "\ud83d", "\ude00\ud83d"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
STATUSES = st.sampled_from([200, 400, 403, 404, 429, 500, 502, 503])
BODIES = st.sampled_from(
    [
        b"",
        b"   ",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"error": {"code": 1',
        b"null",
        b'"text"',
        b"\xff",
    ]
)
OPTIONAL = (
    "message", "type", "error_subcode", "is_transient", "fbtrace_id", "error_data", "error_user_msg",
    "error_user_title",
)  # fmt: skip
USAGE = "x-business-use-case-usage"


def checked(error: PlatformError, platform: str) -> PlatformError:
    assert error.details["platform"] == platform
    wait = error.details.get("retry_after")
    assert wait is None or (isinstance(wait, int) and 0 < wait <= LONGEST_WAIT_SECONDS)
    json.dumps(error_body(error), allow_nan=False, ensure_ascii=False).encode()
    assert "{" not in error.message, error.message  # no object is shown raw
    assert error.details.get("platform_code") != "None"
    return error


# --- Meta ------------------------------------------------------------------------------------------------


def meta_answer(body: bytes, status: int, headers: dict[str, str] | None = None) -> PlatformError:
    answer = requests.Response()
    answer._content, answer.status_code = body, status
    answer.headers.update(headers or {})
    with pytest.raises(PlatformError) as caught:
        _value_of(answer)
    return checked(caught.value, "meta")


@given(code=JUNK, more=st.dictionaries(st.sampled_from(OPTIONAL), JUNK), status=STATUSES)
@example(code=190, more={"error_subcode": 463, "error_data": None}, status=400)
@example(code=True, more={"error_subcode": 463, "error_user_msg": {"a": 1}}, status=400)
@example(code=1, more={"message": {"a": 1}, "fbtrace_id": {"a": 1}, "is_transient": "false"}, status=400)
@example(code=100, more={"message": "\ud83d", "error_data": {"blame_field_specs": [[{"a": 1}]]}}, status=400)
def test_any_error_of_meta_is_typed(code: Any, more: dict[str, Any], status: int) -> None:
    meta_answer(json.dumps({"error": {"code": code, **more}}).encode(), status)


@given(
    more=st.dictionaries(
        st.sampled_from(["message", "type", "is_transient", "fbtrace_id", "error_data"]), JUNK
    )
)
@example(more={"error_data": ""})
@example(more={"error_data": None})
@example(more={"error_data": []})
@example(more={"error_data": '{"blame_field_specs": []}'})
@example(more={})
def test_a_lost_token_of_meta_stays_a_lost_token(more: dict[str, Any]) -> None:
    error = meta_answer(json.dumps({"error": {"code": 190, "error_subcode": 463, **more}}).encode(), 400)
    assert (type(error), error.code) == (PlatformAuthError, "6001")


@pytest.mark.parametrize("code", [True, 1.5, None, {}, "x"])
def test_what_is_no_code_of_meta_is_none(code: Any) -> None:
    error = meta_answer(json.dumps({"error": {"code": code, "error_subcode": 463}}).encode(), 400)
    assert "platform_code" not in error.details
    assert error.message == "meta: no reason given"


@given(usage=st.one_of(JUNK, st.dictionaries(st.text(max_size=3), JUNK)))
def test_any_usage_header_of_meta_leaves_the_limit_a_limit(usage: Any) -> None:
    body = json.dumps({"error": {"code": 80004, "message": "too many calls"}}).encode()
    error = meta_answer(body, 400, {USAGE: json.dumps(usage), "x-app-usage": "{"})
    assert isinstance(error, PlatformRateLimitError)


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(7, 420), ("15", 900), (None, None), (0, None), (-3, None), (10**9, 86_400)]
)
def test_the_time_to_regain_access_is_read_in_every_form(minutes: Any, seconds: int | None) -> None:
    usage = {"1": [{"estimated_time_to_regain_access": minutes}, None, "x"], "2": None, "3": [{}]}
    body = b'{"error": {"code": 17}}'
    error = meta_answer(body, 400, {USAGE: json.dumps(usage)})
    assert error.details.get("retry_after") == seconds


@given(body=BODIES, status=STATUSES)
def test_an_unreadable_answer_of_meta_is_open_or_a_limit(body: bytes, status: int) -> None:
    error = meta_answer(body, status)
    if status == 429:
        assert isinstance(error, PlatformRateLimitError)
    else:
        assert isinstance(error, PlatformUnavailableError)
        assert error.details["outcome_unknown"]


# --- TikTok ----------------------------------------------------------------------------------------------


def tiktok_answer(body: bytes, status: int = 200) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        opened(httpx.Response(status, content=body))
    return checked(caught.value, "tiktok")


@given(
    code=st.integers(min_value=20_002, max_value=80_000),
    more=st.dictionaries(st.sampled_from(["message", "request_id", "data"]), JUNK),
)
def test_any_error_of_tiktok_is_typed(code: int, more: dict[str, Any]) -> None:
    tiktok_answer(json.dumps({"code": code, **more}).encode())


@given(more=st.dictionaries(st.sampled_from(["message", "request_id", "data"]), JUNK), status=STATUSES)
def test_a_lost_token_of_tiktok_stays_a_lost_token(more: dict[str, Any], status: int) -> None:
    error = tiktok_answer(json.dumps({"code": 40105, **more}).encode(), status)
    assert (type(error), error.code) == (PlatformAuthError, "6001")


@given(code=JUNK.filter(lambda code: isinstance(code, bool) or not isinstance(code, int)), status=STATUSES)
def test_an_envelope_without_a_code_is_open_or_a_limit(code: Any, status: int) -> None:
    error = tiktok_answer(json.dumps({"code": code}).encode(), status)
    assert isinstance(error, PlatformRateLimitError if status == 429 else PlatformUnavailableError)


@given(body=BODIES, status=STATUSES)
def test_an_unreadable_answer_of_tiktok_is_open_or_a_limit(body: bytes, status: int) -> None:
    error = tiktok_answer(body, status)
    assert isinstance(error, PlatformRateLimitError if status == 429 else PlatformUnavailableError)


@given(data=st.text(min_size=1, max_size=5) | st.integers(min_value=1) | st.just(True))
def test_an_answer_of_tiktok_whose_data_is_no_object_is_open(data: Any) -> None:
    error = tiktok_answer(json.dumps({"code": 0, "data": data}).encode())
    assert error.details["outcome_unknown"]


# --- Google ----------------------------------------------------------------------------------------------


class LostCall(grpc.RpcError):
    def __init__(self, trailer: tuple[tuple[str, Any], ...]) -> None:
        self._trailer = trailer

    def trailing_metadata(self) -> tuple[tuple[str, Any], ...]:
        return self._trailer


STATUS_CLASSES = {
    exceptions.PermissionDenied: (PlatformAuthError, "1004"),
    exceptions.Unauthenticated: (PlatformAuthError, "6001"),
    exceptions.InternalServerError: (PlatformUnavailableError, "4002"),
    exceptions.ServiceUnavailable: (PlatformUnavailableError, "4002"),
    exceptions.DeadlineExceeded: (PlatformUnavailableError, "4002"),
    exceptions.ResourceExhausted: (PlatformRateLimitError, "1003"),
    exceptions.InvalidArgument: (PlatformRejectedError, "1001"),
}


@pytest.mark.parametrize("status", STATUS_CLASSES)
@given(packed=st.none() | st.just(b"") | st.binary(max_size=4).map(lambda tail: b"\xff\xff" + tail))
def test_a_status_without_a_readable_failure_tells_the_class(status: Any, packed: bytes | None) -> None:
    trailer = () if packed is None else ((FAILURE_KEY, packed), ("request-id", "r-1"))
    error = checked(from_exception(status("words", errors=[LostCall(trailer)])), "google")
    assert (type(error), error.code) == STATUS_CLASSES[status]


@given(text=st.text(max_size=20), status=st.sampled_from(list(STATUS_CLASSES)), packed=st.binary(max_size=40))
def test_any_error_of_google_is_typed(text: str, status: Any, packed: bytes) -> None:
    words = text.replace("{", "(")  # Google's words are text, and may hold any
    checked(from_exception(status(words, errors=[LostCall(((FAILURE_KEY, packed),))])), "google")


@given(status=st.sampled_from(list(STATUS_CLASSES)), before=st.text(max_size=10))
def test_a_withdrawn_grant_of_google_is_a_lost_token_in_every_status(status: Any, before: str) -> None:
    error = from_exception(status(f"{before} ('invalid_grant: Token has been expired or revoked.')"))
    assert (type(error), error.code) == (PlatformAuthError, "6001")
