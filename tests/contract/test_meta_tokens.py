"""The end of Meta's tokens, asked from Meta where it is not stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.renewal import AccountRenewal
from campaign_automation.managers.shared.accounts import GivenAccounts, days_left, token_warnings
from campaign_automation.settings import Settings
from campaign_automation.utils import clock
from local.sandbox.seeds import META_APP_ID, META_APP_SECRET
from tests.support.meta import ACCOUNT, TOKEN
from tests.support.sandbox import Sandbox

APP = {"app_id": META_APP_ID, "app_secret": META_APP_SECRET}
STORED = {"platform_account_id": ACCOUNT, "access_token": TOKEN}
Open = Callable[..., GivenAccounts]


@pytest.fixture
def sandbox(control: Sandbox) -> Sandbox:
    control.reset()
    return control


@pytest.fixture
def opened(process: str, sandbox: Sandbox) -> Open:
    def accounts(app: dict[str, Any] = APP, **stored: Any) -> GivenAccounts:
        settings = Settings(meta_graph_url=f"{process}/meta")
        renewal = AccountRenewal(settings, {"meta": app})
        return GivenAccounts({"user_123": {"meta": {**STORED, **stored}}}, renewal)

    return accounts


def read(accounts: GivenAccounts) -> Access:
    return asyncio.run(accounts.access("user_123", "meta", ACCOUNT))


def asked(sandbox: Sandbox) -> int:
    return sandbox.operations("meta").get("debug_token", 0)


def test_a_token_that_ends_within_two_weeks_is_told(opened: Open, sandbox: Sandbox) -> None:
    sandbox.patch_account("meta", ACCOUNT, token_days=9)
    access = read(opened())
    assert days_left(access) == 9
    assert token_warnings(access, "meta") == [
        "meta: the ad account's token expires in 9 days; connect the account again"
    ]


def test_a_system_users_token_has_no_end(opened: Open, sandbox: Sandbox) -> None:
    sandbox.patch_account("meta", ACCOUNT, token_days=None)
    assert read(opened()).expires_at is None
    assert asked(sandbox) == 1


def test_meta_is_asked_once_a_day(opened: Open, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = opened()
    assert read(accounts).expires_at == read(accounts).expires_at is not None
    assert asked(sandbox) == 1
    monkeypatch.setattr(clock, "_offset", timedelta(hours=25))
    read(accounts)
    assert asked(sandbox) == 2


def test_an_end_that_is_stored_is_not_asked_for(opened: Open, sandbox: Sandbox) -> None:
    assert read(opened(token_expires_at="2030-01-01")).expires_at is not None
    assert asked(sandbox) == 0


@pytest.mark.parametrize("kind", ["http_500", "drop_connection", "auth_expired"])
def test_a_look_up_that_fails_stops_nothing_and_is_tried_again_after_an_hour(
    opened: Open, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.fault("meta", "debug_token", kind)
    accounts = opened()
    assert read(accounts).expires_at is None
    assert read(accounts).token.get_secret_value() == TOKEN
    monkeypatch.setattr(clock, "_offset", timedelta(minutes=61))
    assert read(accounts).expires_at is not None


@pytest.mark.parametrize("app", [{}, {"app_id": "1", "app_secret": "another"}])
def test_without_the_app_the_end_is_not_known(opened: Open, app: dict[str, Any]) -> None:
    assert read(opened(app)).expires_at is None


def test_a_token_that_meta_does_not_know_has_no_known_end(opened: Open) -> None:
    assert read(opened(access_token="unheard-of")).expires_at is None
