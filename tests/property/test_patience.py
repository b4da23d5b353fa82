"""Clients that fail in ways of their own or not at all, and platforms that ask for a pause."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation import CampaignAutomation, foundation
from campaign_automation.managers.campaigns import creation
from campaign_automation.utils import cache_manager, retry_strategy
from campaign_automation.utils.error_handler import PlatformAuthError, PlatformError, PlatformRateLimitError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.module import execute
from tests.support.web_platform import MemoryWebPlatform

pytestmark = pytest.mark.usefixtures("module_settings")


class Broken:
    """Every method of every client, which raises, or hangs without an error to raise."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    async def _fail(self, *_: Any, **__: Any) -> Any:
        if self.error is None:
            await asyncio.sleep(600)
        raise self.error or AssertionError("it was not cut")

    call_tool = generate_content = get = set = setex = delete = _fail


class Adapter(FakeAdapter):
    """Raises `errors` in turn from each method that is named in `broken`."""

    def __init__(self, *broken: str, errors: list[PlatformError] | None = None) -> None:
        super().__init__("meta")
        self.errors = errors
        self.tokens: list[str] = []
        for name in broken:
            setattr(self, name, self._broken(name))

    def _broken(self, name: str) -> Any:
        works = getattr(super(), name)

        async def call(access: Any, *args: Any) -> Any:
            self.tokens.append(access.token.get_secret_value())
            if self.errors is None:
                await asyncio.sleep(600)
            elif self.errors:
                raise self.errors.pop(0)
            return await works(access, *args)

        return call


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before tries, which take no time here."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(retry_strategy, "_sleep", sleep)
    return waited


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creation, "_STEP_SECONDS", 0.3)
    monkeypatch.setattr(creation, "_LONG_STEPS", {})
    monkeypatch.setattr(foundation, "ATTEMPT_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr(cache_manager, "_ASK_SECONDS", 0.01)


def module(**parts: Any) -> CampaignAutomation:
    usual = {
        "mcp_client": MemoryWebPlatform(),
        "adapters": {"meta": FakeAdapter("meta")},
        "table": MemoryTable(),
    }
    return CampaignAutomation(**{**usual, **parts})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionError("gone"), "3000"),
        (TimeoutError(), "3004"),
        (RuntimeError("odd"), "3003"),
        (ZeroDivisionError(), "3003"),
        (asyncio.CancelledError(), "3000"),
    ],
)
def test_a_client_may_raise_anything(waits: list[float], error: BaseException, code: str) -> None:
    answer = execute(module(mcp_client=Broken(error)), "create_campaign", request_body())
    assert answer["error"]["code"] == code


@pytest.mark.parametrize("error", [ConnectionError("gone"), RuntimeError("odd"), TimeoutError()])
def test_without_model_and_cache_a_campaign_is_created_all_the_same(
    waits: list[float], error: Exception
) -> None:
    clients = {"gemini_client": Broken(error), "redis_client": Broken(error)}
    answer = execute(module(**clients), "create_campaign", request_body())
    assert answer["status"] == "success", answer
    assert {ad["copy_source"] for ad in answer["ads"]} == {"template"}


def test_clients_that_hang_are_cut(
    waits: list[float], impatience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each request is cut by itself; a whole step of them may be long on a busy machine.
    monkeypatch.setattr(creation, "_STEP_SECONDS", 60)
    clients = {"gemini_client": Broken(), "redis_client": Broken()}
    answer = execute(module(**clients), "create_campaign", request_body())
    assert answer["status"] == "success", answer
    hanging = module(mcp_client=Broken())
    hanging._parts().tools._seconds = 0.01  # type: ignore[union-attr]
    assert execute(hanging, "create_campaign", request_body())["error"]["code"] == "3004"


@pytest.mark.parametrize("step", ["describe_account", "create_campaign", "create_ads", "read_tree"])
def test_a_platform_that_hangs_is_cut_in_every_step(waits: list[float], impatience: None, step: str) -> None:
    answer = execute(module(adapters={"meta": Adapter(step)}), "create_campaign", request_body())
    assert answer["status"] == "error"
    assert answer["error"]["code"] in ("3004", "4002")


def throttled(seconds: float) -> PlatformRateLimitError:
    return PlatformRateLimitError("slow down", platform="meta", retry_after=seconds)


def test_a_pause_that_a_platform_asks_for_is_waited_for(waits: list[float]) -> None:
    adapter = Adapter("describe_account", "create_campaign", errors=[throttled(90), throttled(25)])
    answer = execute(module(adapters={"meta": adapter}), "create_campaign", request_body())
    assert answer["status"] == "success", answer
    assert waits == [90, 25]


def test_a_pause_beyond_the_callers_deadline_is_refused_at_once(waits: list[float]) -> None:
    for deadline in ({}, {"deadline_seconds": 60}):
        adapter = Adapter("describe_account", errors=[throttled(121 if not deadline else 61)])
        made = module(adapters={"meta": adapter})
        error = execute(made, "create_campaign", request_body(), **deadline)["error"]
        assert (error["code"], error["details"]["retry_after"] > 60) == ("1003", True)
        assert error["details"]["retryable"] is True
    assert waits == []


def test_a_change_waits_as_long_as_a_change_may_take(waits: list[float]) -> None:
    adapter = Adapter("set_status", errors=[])
    made = module(adapters={"meta": adapter})
    campaign_id = execute(made, "create_campaign", request_body())["campaign_id"]
    wanted = {"campaign_id": campaign_id, "action": "start"}
    adapter.errors = [throttled(20)]
    assert execute(made, "manage_campaign", wanted)["status"] == "success"
    assert waits == [20]
    adapter.errors = [throttled(60)]
    error = execute(made, "manage_campaign", {**wanted, "action": "pause"})["error"]
    assert (error["code"], error["details"]["retry_after"]) == ("1003", 60)
    assert waits == [20]


class Renewing(MemoryWebPlatform):
    """Gives the token that `token` names."""

    token = "t"

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = await super().call_tool(name, arguments)
        return {**answer, "access_token": self.token} if name == "get_ad_account_token" else answer


def refused() -> PlatformAuthError:
    return PlatformAuthError("expired", platform="meta")


@pytest.mark.parametrize("step", ["describe_account", "create_campaign"])
def test_a_refused_token_is_not_sent_twice(step: str) -> None:
    adapter = Adapter(step, errors=[refused(), refused()])
    error = execute(module(adapters={"meta": adapter}), "create_campaign", request_body())["error"]
    assert (error["code"], adapter.tokens) == ("6001", ["t"])


@pytest.mark.parametrize("step", ["describe_account", "create_campaign"])
def test_a_renewed_token_takes_the_place_of_a_refused_one(step: str) -> None:
    web_platform = Renewing()

    class Refusing(list[PlatformError]):
        def pop(self, *_: Any) -> PlatformError:
            web_platform.token = "new"
            return super().pop()

    adapter = Adapter(step, errors=Refusing([refused()]))
    made = module(adapters={"meta": adapter}, mcp_client=web_platform)
    assert execute(made, "create_campaign", request_body())["status"] == "success"
    assert adapter.tokens == ["t", "new"]


ODD: list[Any] = [None, 7, "x", [], {}, {"user_id": None}, {"user_id": "u", "deadline_seconds": 0}, object()]


@pytest.mark.parametrize("action", [None, [], {}, {"a": set()}, object(), "create_campaign", "\ud83d"])
@pytest.mark.parametrize("context", ODD)
def test_whatever_is_asked_is_answered(action: Any, context: Any) -> None:
    for parameters in (None, [], {"x": float("nan")}, object(), {1: 2}):
        answer = asyncio.run(module().execute(action, parameters, context))
        assert answer["status"] == "error"
        assert answer["error"]["code"] == "1001"
