"""The envelope: complete, typed, and silent about secrets and insides."""

import json
from datetime import datetime

import pytest

from campaign_automation.steps import failure_body
from campaign_automation.utils.error_handler import (
    CODES,
    CampaignAutomationError,
    InvalidRequestError,
    PlatformRateLimitError,
    envelope,
    error_body,
    error_from_body,
)


def test_the_envelope_of_an_expected_failure() -> None:
    error = PlatformRateLimitError("meta: slow down", platform="meta", platform_code="80004", retry_after=60)
    answer = envelope(error, "req_1")
    body = answer["error"]
    assert answer["status"] == "error"
    assert (body["code"], body["type"], body["request_id"]) == ("1003", "RATE_LIMIT_EXCEEDED", "req_1")
    assert body["details"] == {
        "platform": "meta",
        "platform_code": "80004",
        "retry_after": 60,
        "retryable": True,
    }
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None


def test_an_unexpected_exception_tells_nothing_of_its_insides() -> None:
    answer = envelope(KeyError("/opt/secret/path"), "req_1")
    assert answer["error"]["code"] == "1000"
    assert "secret" not in json.dumps(answer)


def test_every_code_has_a_type_and_a_status_that_fits_it() -> None:
    assert len({code.type for code in CODES.values()}) == len(CODES)
    assert all(400 <= code.http_status < 600 for code in CODES.values())


def test_a_stored_error_comes_back_the_same() -> None:
    error = InvalidRequestError("name: is empty", field="name")
    assert error_body(error_from_body(error_body(error))) == error_body(error)


def test_no_error_of_ours_holds_a_secret_in_its_text() -> None:
    """Warnings, receipts and notes quote it past the envelope."""
    error = PlatformRateLimitError("meta: GET /me?access_token=SECRET", platform="meta")
    assert (error.message, str(error)) == ("meta: GET /me?access_token=[redacted]",) * 2


def test_a_caught_failure_of_a_step_keeps_its_envelope() -> None:
    body = error_body(InvalidRequestError("daily_budget: too low", field="daily_budget"))
    cause = json.dumps({"errorType": "InvalidRequestError", "errorMessage": json.dumps(body)})
    assert failure_body({"Error": "InvalidRequestError", "Cause": cause}) == body


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        ("States.Timeout", "4000", True),
        ("Sandbox.Timedout", "4000", True),
        ("Lambda.Unknown", "4000", True),
        ("Runtime.ExitError", "4000", True),
        ("KeyError", "1000", False),
    ],
)
def test_a_step_that_crashed_gets_an_error_too(error: str, code: str, retryable: bool) -> None:
    body = failure_body({"Error": error, "Cause": '{"errorMessage": "/var/task/app.py exploded"}'})
    assert (body["code"], body["details"]["retryable"]) == (code, retryable)
    assert "/var/task" not in json.dumps(body)


def test_details_without_a_value_are_left_out() -> None:
    assert CampaignAutomationError("x", field=None).details == {}
