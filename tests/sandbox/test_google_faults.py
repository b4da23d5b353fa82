"""Failures of the Google sandbox as the vendor's client sees them."""

from __future__ import annotations

import time

import pytest
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.api_core import exceptions

from tests.sandbox.google_client import CUSTOMER, FAILURE_KEY, GoogleClient, codes, tree
from tests.sandbox.support import Sandbox

HANG = 0.3


def test_proxy_answers_without_a_failure(google: GoogleClient, sandbox: Sandbox) -> None:
    sandbox.fault("google", "read_account", "garbage")
    with pytest.raises(exceptions.ServiceUnavailable, match="502"):
        google.rows("SELECT customer.id FROM customer")


@pytest.mark.parametrize(
    ("kind", "raised", "code"),
    [
        ("http_500", exceptions.InternalServerError, "internal_error"),
        ("rate_limit", exceptions.ResourceExhausted, "quota_error"),
    ],
)
def test_statuses_that_the_client_does_not_translate(
    google: GoogleClient, sandbox: Sandbox, kind: str, raised: type[Exception], code: str
) -> None:
    sandbox.fault("google", "*", kind)
    with pytest.raises(raised) as refused:
        google.rows("SELECT customer.id FROM customer")
    trailer = dict(refused.value.errors[0].trailing_metadata())  # type: ignore[attr-defined]
    failure = GoogleAdsFailure.pb(GoogleAdsFailure.deserialize(trailer[FAILURE_KEY]))
    assert failure.errors[0].error_code.WhichOneof("error_code") == code
    assert failure.request_id == trailer["request-id"]
    if kind == "rate_limit":
        assert failure.errors[0].details.quota_error_details.retry_delay.seconds == 5


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("auth_expired", "authentication_error.OAUTH_TOKEN_EXPIRED"),
        ("policy", "policy_violation_error.POLICY_ERROR"),
    ],
)
def test_statuses_that_the_client_translates(
    google: GoogleClient, sandbox: Sandbox, kind: str, code: str
) -> None:
    sandbox.fault("google", "create_campaign", kind)
    error = google.refused(*tree())
    assert codes(error) == [code]
    assert sandbox.state()["google"]["campaigns"] == {}


def test_streams_fail_alike(google: GoogleClient, sandbox: Sandbox) -> None:
    sandbox.fault("google", "read_account", "auth_expired")
    with pytest.raises(GoogleAdsException) as refused:
        google.streamed("SELECT customer.id FROM customer")
    assert codes(refused.value) == ["authentication_error.OAUTH_TOKEN_EXPIRED"]


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "authentication_error.OAUTH_TOKEN_INVALID"),
        ("sandbox-google-token-456", "authorization_error.USER_PERMISSION_DENIED"),
    ],
)
def test_wrong_tokens(google: GoogleClient, token: str, code: str) -> None:
    assert codes(GoogleClient(google.service, token).refused(*tree())) == [code]


def test_account_fields_are_checked(google: GoogleClient, sandbox: Sandbox) -> None:
    wrong = sandbox.http.put(f"{sandbox.url}/admin/accounts/google/{CUSTOMER}", json={"colour": 1})
    missing = sandbox.http.put(f"{sandbox.url}/admin/accounts/google/9990000009", json={})
    assert (wrong.status_code, missing.status_code) == (400, 404)
    made = sandbox.admin("PUT", "/accounts/google/9990000009", {"user_id": 789, "currency": "JPY"})
    own = GoogleClient(google.service, "sandbox-google-token-789")
    (row,) = own.rows("SELECT customer.currency_code FROM customer", "9990000009")
    assert (row.customer.currency_code, made["id"]) == ("JPY", "9990000009")


def test_latency_is_googles_own(google: GoogleClient, sandbox: Sandbox) -> None:
    sandbox.admin("POST", "/latency", {"google": HANG * 1000})
    started = time.monotonic()
    google.rows("SELECT customer.id FROM customer")
    assert time.monotonic() - started >= HANG
