"""Ad accounts and tokens as their owners and the Web Platform spell them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.common.accounts import configured
from campaign_automation.adapters.renewal import AccountRenewal
from campaign_automation.managers.changes.guards import Limits, check_account
from campaign_automation.managers.shared.accounts import SecretAccounts, WebPlatformAccounts, with_access
from campaign_automation.settings import Settings
from campaign_automation.utils.error_handler import (
    AccountError,
    CampaignAutomationError,
    NotFoundError,
    PlatformAuthError,
    WebPlatformError,
)
from campaign_automation.utils.redaction import redact

MISSING = "(missing)"
CONNECT = "https://shop.example/connect/{platform}"


class Tools:
    """One account, as the Web Platform tells it."""

    def __init__(self, token: Any, active: Any = None) -> None:
        self.token, self.active = token, active

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "get_active_ad_account":
            return {} if self.active == MISSING else {"active_account": self.active}
        if isinstance(self.token, Exception):
            raise self.token
        return dict(self.token)


def told(platform: str, account_id: Any, token: Any = "t", **more: Any) -> dict[str, Any]:
    return {"platform": platform, "platform_account_id": account_id, "access_token": token, **more}


def access(token: Any, platform: str = "meta") -> Access:
    return asyncio.run(WebPlatformAccounts(Tools(token), CONNECT).access("u", platform, "11"))


@pytest.mark.parametrize(
    ("platform", "typed", "spelt"),
    [
        ("meta", "act_1001", "act_1001"),
        ("meta", "1001", "act_1001"),
        ("meta", 1001, "act_1001"),
        ("meta", " ACT_1001 ", "act_1001"),
        ("google", "123-456-7890", "1234567890"),
        ("google", "123\u2011456\u20117890", "1234567890"),
        ("google", "1234567890", "1234567890"),
        ("tiktok", " 7000000000000000123", "7000000000000000123"),
    ],
)
def test_an_accounts_id_is_spelt_as_its_platform_takes_it(platform: str, typed: Any, spelt: str) -> None:
    assert access(told(platform, typed), platform).platform_account_id == spelt
    secrets = SecretAccounts(lambda name: told(platform, typed), "dev", AccountRenewal(Settings(), {}))
    assert asyncio.run(secrets.choose("u", platform, None)) == spelt
    assert asyncio.run(secrets.choose("u", platform, str(typed))) == spelt
    assert asyncio.run(secrets.access("u", platform, spelt)).platform_account_id == spelt


@pytest.mark.parametrize(
    ("platform", "typed", "wanted"),
    [
        ("meta", "my account", "act_123456"),
        ("meta", "act_", "act_123456"),
        ("meta", None, "act_123456"),
        ("meta", True, "act_123456"),
        ("google", "123-456", "1234567890"),
        ("google", "act_1234567890", "1234567890"),
        ("tiktok", "act_1", "7000000000000000123"),
        ("tiktok", "\u0661\u0662", "7000000000000000123"),
    ],
)
def test_an_id_that_is_none_is_refused_with_the_spelling_wanted(
    platform: str, typed: Any, wanted: str
) -> None:
    with pytest.raises(CampaignAutomationError, match=wanted) as refused:
        access(told(platform, typed), platform)
    assert (refused.value.code, refused.value.details["field"]) == ("6000", "platform_account_id")


def test_settings_name_an_account_in_any_spelling() -> None:
    assert configured(lambda: {"accounts": {"123-456-7890": {"a": 1}}}, "1234567890") == {"a": 1}
    assert configured(lambda: {"accounts": {"1": {"a": 1}}}, "act_1") == {"a": 1}
    assert configured(lambda: {"accounts": {"12": {"a": 1}}}, "act_1") == {}
    for name, account in (("1", "act_1"), ("123-456-7890", "1234567890")):
        limits = Limits(account_caps={name: Decimal(5), "USD": Decimal(5000)})
        refusal = check_account(Decimal(6), account, "USD", limits)
        assert refusal is not None
        assert refusal.code == "account_cap"


@pytest.mark.parametrize(
    "token",
    [
        WebPlatformError("Ad account 11 token has expired. Please re-authorize."),
        WebPlatformError("get_ad_account_token: token is invalid"),
        told("meta", "1", None),
        told("meta", "1", " "),
        told("meta", "1", 7),
        told("meta", "1", "EA AB"),
        told("meta", "1", "EA\nAB"),
        told("meta", "1", "EAAB\u00e9"),
        told("meta", "1", "EAAB\u200b"),
        {"platform": "meta", "platform_account_id": "1"},
    ],
)
def test_without_a_valid_token_its_owner_is_told_where_to_renew_it(token: Any) -> None:
    with pytest.raises(CampaignAutomationError) as refused:
        access(token)
    assert refused.value.code == "6001"
    assert refused.value.details["action_url"] == "https://shop.example/connect/meta"


def test_another_failure_is_no_expired_token() -> None:
    with pytest.raises(CampaignAutomationError) as refused:
        access(WebPlatformError("it broke"))
    assert refused.value.code == "3003"


def test_a_token_is_trimmed() -> None:
    assert access(told("meta", "1", " EAAB\n")).token.get_secret_value() == "EAAB"


@pytest.mark.parametrize(
    ("date", "expires"),
    [
        (None, None),
        (0, None),
        ("0", None),
        ("", None),
        ("never", None),
        (False, None),
        ("1970-01-01T00:00:00Z", None),
        (1e300, None),
        (float("nan"), None),
        ("2027-03-01T10:00:00Z", datetime(2027, 3, 1, 10, tzinfo=UTC)),
        ("2027-03-01 10:00:00", datetime(2027, 3, 1, 10, tzinfo=UTC)),
        (1803895200, datetime(2027, 3, 1, 10, tzinfo=UTC)),
        ("1803895200000", datetime(2027, 3, 1, 10, tzinfo=UTC)),
    ],
)
def test_the_end_of_a_token(date: Any, expires: datetime | None) -> None:
    assert access(told("meta", "1", token_expires_at=date)).expires_at == expires


@pytest.mark.parametrize(
    ("active", "code"),
    [(None, "6000"), *((odd, "3003") for odd in (MISSING, {}, [], "11", 11, {"id": None}, {"id": "x"}))],
)
def test_no_account_is_told_apart_from_an_odd_answer(active: Any, code: str) -> None:
    with pytest.raises(CampaignAutomationError) as refused:
        asyncio.run(WebPlatformAccounts(Tools({}, active)).choose("u", "meta", None))
    assert refused.value.code == code


@pytest.mark.parametrize("platform", [MISSING, None, 7, ["meta"]])
def test_a_token_without_its_platform_is_no_fault_of_the_callers(platform: Any) -> None:
    answer = {**told("meta", "act_1"), "platform": platform}
    if platform == MISSING:
        del answer["platform"]
    with pytest.raises(CampaignAutomationError) as refusal:
        access(answer)
    assert refusal.value.code == "3003"


def test_an_accounts_token_is_kept_out_of_logs() -> None:
    access(told("tiktok", "7000000000000000123", "Opaque-Of-An-Advertiser"), "tiktok")
    assert redact("cannot act: Opaque-Of-An-Advertiser") == "cannot act: [redacted]"


@pytest.mark.parametrize("code", ["1002", "1004"])
def test_a_refusal_that_is_not_the_tokens_stays_what_it_is(code: str) -> None:
    tools = Tools(told("meta", "act_1"))

    async def refused(_: Access) -> None:
        tools.token = WebPlatformError("down")
        raise PlatformAuthError("no", platform="meta", code=code)

    with pytest.raises(PlatformAuthError) as refusal:
        asyncio.run(with_access(WebPlatformAccounts(tools), "u", "meta", "11", refused))
    assert refusal.value.code == code


@pytest.mark.parametrize("asked", ["abc", "act_", "\u0661"])
def test_what_is_neither_a_number_nor_an_id_is_refused(asked: str) -> None:
    with pytest.raises(CampaignAutomationError, match=r"number.*act_123456") as refused:
        asyncio.run(WebPlatformAccounts(Tools({})).choose("u", "meta", asked))
    assert (refused.value.code, refused.value.details["field"]) == ("1001", "ad_account_id")


class ActiveAndOther(Tools):
    """An active account, 11, whose number alone is known, and the platform's ids of it and of another."""

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "get_ad_account_token" and arguments["ad_account_id"] != 11:
            raise NotFoundError("no such account")
        return await super().call_tool(name, arguments)


async def others_number(user_id: str, platform: str, asked: str) -> str | None:
    return {"act_100000000000002": "12", "1230000009": "12"}.get(asked)


@pytest.mark.parametrize(
    ("platform", "active", "spellings", "others"),
    [
        ("meta", "100000000000001", ["act_100000000000001", "100000000000001"], "act_100000000000002"),
        ("google", "123-000-0003", ["1230000003", "123-000-0003"], "123-000-0009"),
    ],
)
def test_an_account_is_named_by_its_number_or_by_the_platforms_id_in_any_spelling(
    platform: str, active: str, spellings: list[str], others: str
) -> None:
    tools = ActiveAndOther(told(platform, active), {"id": 11, "platform_account_id": active})
    accounts = WebPlatformAccounts(tools, None, others_number)
    for asked in ("11", *spellings):
        assert asyncio.run(accounts.choose("u", platform, asked)) == "11"
    # One that is not active is known by the campaigns that it has here.
    assert asyncio.run(accounts.choose("u", platform, others)) == "12"
    with pytest.raises(AccountError, match="is not known") as refused:
        asyncio.run(accounts.choose("u", platform, others[:-1] + "7"))
    assert refused.value.details["field"] == "ad_account_id"


def test_a_long_number_of_the_web_platform_is_no_id_of_a_platform() -> None:
    tools = Tools(told("meta", "act_1"), {"id": 1, "platform_account_id": "act_123456789"})
    accounts = WebPlatformAccounts(tools)
    assert asyncio.run(accounts.choose("u", "meta", "123456789")) == "123456789"
