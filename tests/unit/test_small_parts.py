"""Settings, cache, media, tenants' numbers and the API's edge."""

import asyncio
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.api.http import _body, caller_of, response
from campaign_automation.clients.mcp_client import platform_user_id
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.common import Context
from campaign_automation.settings import SettingsError, parse_settings
from campaign_automation.utils.cache_manager import CacheManager
from campaign_automation.utils.error_handler import AccountError, InvalidRequestError
from campaign_automation.utils.validation import parse
from tests.support.memory_cache import MemoryCache


def test_settings_name_every_variable_that_is_wrong() -> None:
    with pytest.raises(SettingsError, match=r"TABLE_NAME.*PLATFORM_TIMEOUT_SECONDS"):
        parse_settings({"AWS_LAMBDA_FUNCTION_NAME": "f", "PLATFORM_TIMEOUT_SECONDS": "soon"})


def test_an_empty_variable_is_an_unset_one() -> None:
    settings = parse_settings({"TABLE_NAME": "t", "MCP_URL": "", "JWKS_URL": " ", "GEMINI_MODELS": "a, b"})
    assert settings.mcp_url is settings.jwks_url is None
    assert settings.gemini_models == ("a", "b")


def test_a_declaration_that_contradicts_itself_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"SPECIAL_AD_CATEGORIES.*stands alone"):
        parse_settings({"TABLE_NAME": "t", "SPECIAL_AD_CATEGORIES": "NONE,HOUSING"})


@pytest.mark.parametrize(
    "url", ["cache:6379", "https://cache", "redis://", "redis://:secret@cache:port", "redis://[cache"]
)
def test_the_address_of_a_cache_that_is_none_stops_the_start_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match=r"CACHE_URL.*redis://host:6379") as error:
        parse_settings({"TABLE_NAME": "t", "CACHE_URL": url})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["redis://cache", "rediss://user:secret@cache:6380/1?ssl_cert_reqs=none"])
def test_the_address_of_a_cache_is_taken_as_it_stands(url: str) -> None:
    assert parse_settings({"TABLE_NAME": "t", "CACHE_URL": url}).cache_url == url


@pytest.mark.parametrize("url", ["redis://cache", "rediss://user:secret@cache:6380/1"])
def test_spaces_around_a_text_are_no_part_of_it(url: str) -> None:
    for name in ("CACHE_URL", "MCP_URL", "META_GRAPH_URL", "META_SECRET_ID"):
        for settings in (
            parse_settings({"TABLE_NAME": "t", name: f" {url}\n"}),
            parse_settings({"TABLE_NAME": "t"}, over={name.lower(): f"\t{url} "}),
        ):
            assert getattr(settings, name.lower()) == url


@pytest.mark.parametrize(
    ("user", "prefix", "number"), [("user_123", "user_", 123), ("123", "", 123), ("abc", "user_", "abc")]
)
def test_the_web_platforms_number_of_a_user(user: str, prefix: str, number: int | str) -> None:
    assert platform_user_id(user, prefix) == number


@pytest.mark.parametrize(
    ("user", "prefix"),
    [
        ("123", "user_"),
        ("user_0123", "user_"),
        ("user_ 123", "user_"),
        ("user_123 ", "user_"),
        ("user_\u0661\u0662\u0663", "user_"),
        ("user_", "user_"),
        ("user_1_2", "user_"),
        ("\uff11\uff12\uff13", "user_"),
        ("0123", ""),
        (" 123", ""),
        ("+123", ""),
        ("1_2", ""),
    ],
)
def test_two_users_never_share_a_number(user: str, prefix: str) -> None:
    with pytest.raises(InvalidRequestError, match="user_id"):
        platform_user_id(user, prefix)


@pytest.mark.parametrize("user", [" user_123", "user_123 ", "user_123\u00a0", "user\n", "", "x" * 129])
def test_a_tenant_is_its_whole_id(user: str) -> None:
    with pytest.raises(InvalidRequestError, match="user_id"):
        parse(Context, {"user_id": user})


class BrokenCache:
    async def get(self, name: str) -> Any:
        raise ConnectionError("down")

    async def set(self, name: str, value: str, *, ex: int, nx: bool = False) -> Any:
        raise ConnectionError("down")

    async def delete(self, *names: str) -> Any:
        raise ConnectionError("down")


class CancellingCache(BrokenCache):
    """A client whose own task died, and whose cancellation reaches the caller."""

    async def get(self, name: str) -> Any:
        raise asyncio.CancelledError


@pytest.mark.parametrize("client", [None, BrokenCache(), CancellingCache()])
def test_a_cache_that_is_down_is_a_miss(client: Any) -> None:
    assert look_up(CacheManager(client, "dev"), times=2) == [{"n": 1}, {"n": 2}]


def test_a_cached_value_is_not_loaded_again_and_carries_the_tenant() -> None:
    client = MemoryCache()
    assert look_up(CacheManager(client, "dev"), times=2) == [{"n": 1}, {"n": 1}]
    assert list(client.values) == ["dev:{user_1}:what"]


class AnsweringCache(MemoryCache):
    """A client that answers every look-up with one value, as one that decodes JSON by itself."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    async def get(self, name: str) -> Any:
        return self.value


@pytest.mark.parametrize("value", [5, {"n": 7}, ["n"], object(), "{", b"\xff", "[" * 100_000])
def test_a_cached_value_that_is_no_json_text_is_a_miss(value: Any) -> None:
    assert look_up(CacheManager(AnsweringCache(value), "dev"), times=2) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("value", [datetime(2026, 11, 28), Decimal(7), {"a", "b"}, b"x", {(1, 2): 3}])
def test_a_value_that_json_cannot_hold_is_returned_and_not_kept(value: Any) -> None:
    client = MemoryCache()
    cache = CacheManager(client, "dev")

    async def load() -> Any:
        return {"n": value}

    assert asyncio.run(cache.get_or_load("user_1", "what", 60, load)) == {"n": value}
    assert client.values == {}


def look_up(cache: CacheManager, times: int) -> list[Any]:
    loads = 0

    async def load() -> dict[str, int]:
        nonlocal loads
        loads += 1
        return {"n": loads}

    async def run() -> list[Any]:
        return [await cache.get_or_load("user_1", "what", 60, load) for _ in range(times)]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x",
        "http://[::1]/x",
    ],
)
def test_a_file_inside_our_own_network_is_never_fetched(url: str) -> None:
    with pytest.raises(AccountError, match="public internet") as refusal:
        asyncio.run(MediaClient().fetch(url))
    assert refusal.value.code == "6003"


def event(**changes: Any) -> dict[str, Any]:
    return {
        "headers": {"Idempotency-Key": "k1", "Prefer": "respond-async"},
        "body": '{"daily_budget": 0.1, "user_id": "user_9"}',
        "requestContext": {"requestId": "r1", "authorizer": {"principalId": "user_1"}},
    } | changes


def test_who_asks_is_what_the_authorizer_verified() -> None:
    assert caller_of(event()) == {
        "user_id": "user_1",
        "roles": ["viewer", "buyer"],
        "request_id": "r1",
        "idempotency_key": "k1",
        "wait_seconds": 0,
        "deadline_seconds": 25,
    }


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("wait=3", 3), ("wait=900", 25), ("respond-async, wait=9", 0), ("wait=" + "9" * 5000, 25)],
)
def test_the_callers_wait(prefer: str, seconds: int) -> None:
    assert caller_of(event(headers={"prefer": prefer}))["wait_seconds"] == seconds


def test_numbers_of_a_body_stay_exact() -> None:
    assert _body(event())["daily_budget"] == Decimal("0.1")


@pytest.mark.parametrize(
    "body", ["{", "[1]", '"text"', "1", '{"a": 1e9999999999999999999}', "[" * 100_000, '{"a":' * 20_000]
)
def test_a_body_that_is_no_object_is_refused(body: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        _body(event(body=body))
    assert refusal.value.details["field"] == "body"


def test_an_answer_to_wait_for_has_its_location() -> None:
    answer = response({"status": "accepted", "status_url": "/v1/campaigns/cmp_1"}, 201)
    assert answer["statusCode"] == 202
    assert answer["headers"]["Location"] == "/v1/campaigns/cmp_1"


def test_a_throttled_answer_says_when_to_come_back() -> None:
    error = {"code": "1003", "details": {"retry_after": 60}}
    answer = response({"status": "error", "error": error}, 200)
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (429, "60")
    assert json.loads(answer["body"])["error"] == error
