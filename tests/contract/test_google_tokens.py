"""Google's access tokens, which last an hour, from refresh tokens and service accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from campaign_automation.adapters.renewal import AccountRenewal
from campaign_automation.managers.shared.accounts import GivenAccounts, SecretAccounts, with_access
from campaign_automation.settings import Settings
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    ConfigurationError,
    PlatformAuthError,
    PlatformUnavailableError,
)
from local.sandbox.google_tokens import CLIENT_ID, CLIENT_SECRET, ROBOT, refresh_token
from tests.support import google
from tests.support.google import CUSTOMER
from tests.support.sandbox import Sandbox

Json = dict[str, Any]
Open = Callable[..., SecretAccounts]
APP = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
STORED = {"platform_account_id": CUSTOMER, "refresh_token": refresh_token(123)}


@pytest.fixture
def sandbox(control: Sandbox) -> Sandbox:
    control.reset()
    return control


@pytest.fixture
def opened(process: str, sandbox: Sandbox) -> Open:
    """The accounts of secrets, each the given one."""

    def accounts(stored: Json = STORED, app: Json = APP) -> SecretAccounts:
        settings = Settings(google_token_url=f"{process}/google/token")
        renewal = AccountRenewal(settings, {"google": app})
        return SecretAccounts(lambda name: stored, "dev", renewal, "https://shop.example/{platform}")

    return accounts


@pytest.fixture(scope="module")
def robot() -> Json:
    key = rsa.generate_private_key(65537, 2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"client_email": ROBOT, "private_key": text.decode(), "token_uri": "https://elsewhere.example"}


def use(accounts: Any, ports: dict[str, int]) -> str:
    """Read the account through Google with the token that `accounts` gives; return its currency."""
    adapter = google.adapter(ports["google_port"])
    described = asyncio.run(with_access(accounts, "user_123", "google", CUSTOMER, adapter.describe_account))
    return described.currency


def tokens(sandbox: Sandbox) -> int:
    return sandbox.operations("google").get("token", 0)


def test_a_refresh_token_opens_the_account_and_is_used_once_in_its_hour(
    opened: Open, ports: dict[str, int], sandbox: Sandbox
) -> None:
    accounts = opened()
    assert [use(accounts, ports) for _ in range(3)] == ["USD"] * 3
    assert tokens(sandbox) == 1


def test_a_service_account_opens_the_account(
    opened: Open, ports: dict[str, int], robot: Json, sandbox: Sandbox
) -> None:
    stored = {"platform_account_id": CUSTOMER, "service_account": robot}
    assert use(opened(stored), ports) == "USD"
    assert tokens(sandbox) == 1


def test_accounts_handed_in_are_renewed_too(process: str, ports: dict[str, int], sandbox: Sandbox) -> None:
    settings = Settings(google_token_url=f"{process}/google/token")
    account = {**STORED, **APP}
    given = GivenAccounts({"user_123": {"google": account}}, AccountRenewal(settings, {}))
    assert use(given, ports) == "USD"


def test_an_access_token_that_is_refused_is_renewed_once(
    opened: Open, ports: dict[str, int], sandbox: Sandbox
) -> None:
    accounts = opened()
    use(accounts, ports)
    sandbox.fault("google", "read_account", "auth_expired")
    assert use(accounts, ports) == "USD"
    assert tokens(sandbox) == 2


def test_a_token_near_its_end_is_renewed_before_it_is_used(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = opened()
    first = asyncio.run(accounts.access("user_123", "google", CUSTOMER)).token
    monkeypatch.setattr(clock, "_offset", timedelta(minutes=50))
    assert asyncio.run(accounts.access("user_123", "google", CUSTOMER)).token == first
    monkeypatch.setattr(clock, "_offset", timedelta(minutes=56))
    assert asyncio.run(accounts.access("user_123", "google", CUSTOMER)).token != first


def test_a_revoked_refresh_token_asks_its_owner_to_connect_again(opened: Open, sandbox: Sandbox) -> None:
    sandbox.fault("google", "token", "auth_expired")
    with pytest.raises(PlatformAuthError, match="invalid_grant") as refused:
        asyncio.run(opened().access("user_123", "google", CUSTOMER))
    assert refused.value.code == "6001"
    assert refused.value.details["action_url"] == "https://shop.example/google"
    assert STORED["refresh_token"] not in str(refused.value)


@pytest.mark.parametrize("kind", ["http_500", "drop_connection"])
def test_a_token_endpoint_that_fails_is_retryable(opened: Open, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("google", "token", kind, times=0)
    with pytest.raises(PlatformUnavailableError) as refused:
        asyncio.run(opened().access("user_123", "google", CUSTOMER))
    assert refused.value.retryable


@pytest.mark.parametrize(
    ("stored", "app", "wanted"),
    [
        (STORED, {}, "client_id"),
        (
            {"platform_account_id": CUSTOMER, "service_account": {"client_email": ROBOT}},
            APP,
            "service_account",
        ),
        ({"platform_account_id": CUSTOMER, "service_account": "a file"}, APP, "service_account"),
    ],
)
def test_a_secret_that_is_not_complete_is_the_operators_to_mend(
    opened: Open, stored: Json, app: Json, wanted: str
) -> None:
    with pytest.raises(ConfigurationError, match=wanted):
        asyncio.run(opened(stored, app).access("user_123", "google", CUSTOMER))
