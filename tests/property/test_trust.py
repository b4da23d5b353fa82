"""Properties 7, 8, 16 and 17 of the contract, and 9 and 18 for the retry layer."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign_automation import CampaignAutomation
from campaign_automation.adapters.base import DailyInsight, figures
from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    PlatformAuthError,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
from campaign_automation.utils.retry_strategy import with_retries
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_cache import MemoryCache
from tests.support.memory_table import MemoryTable
from tests.support.module import execute
from tests.support.sandbox import Sandbox
from tests.support.web_platform import MemoryWebPlatform

WHOLE = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PURE = settings(max_examples=100, deadline=None)
PLATFORMS = ("meta", "tiktok", "google")
STATUS = {"pause": "paused", "start": "active"}

pytestmark = pytest.mark.usefixtures("module_settings")


class Actions:
    """What a caller may ask of one campaign, and the statuses that must then stand, kept beside."""

    def __init__(self, created: dict[str, Any]) -> None:
        self.created = created
        self.ids = {
            "adset": [item["adset_id"] for item in created["adsets"]],
            "ad": [item["ad_id"] for item in created["ads"]],
        }
        self.statuses = dict.fromkeys(["campaign", *self.ids["adset"], *self.ids["ad"]], "paused")
        self.held: set[str] = set()

    def draw(self, data: st.DataObject) -> dict[str, Any]:
        action = data.draw(st.sampled_from(["pause", "start"]))
        level = data.draw(st.sampled_from(["campaign", "adset", "ad"]))
        body: dict[str, Any] = {"campaign_id": self.created["campaign_id"], "action": action, "level": level}
        if level != "campaign":
            known = st.sampled_from(self.ids[level])
            body["entity_ids"] = data.draw(st.lists(known, min_size=1, max_size=3, unique=True))
        return body

    def expect(self, body: dict[str, Any]) -> None:
        status = STATUS[body["action"]]
        named = body.get("entity_ids")
        if named:
            self.held = self.held | set(named) if status == "paused" else self.held - set(named)
        elif status == "active":
            named = [item for item in self.statuses if item not in self.held]
        self.statuses |= dict.fromkeys(named or ["campaign"], status)


@WHOLE
@given(platform=st.sampled_from(PLATFORMS), data=st.data())
def test_property_07_manage_returns_and_establishes_the_new_status(
    sandbox: Sandbox, platform: str, data: st.DataObject
) -> None:
    actions = ACTIONS.get(platform)
    if actions is None or not sandbox.live(platform, "campaigns"):
        module = CampaignAutomation(table=MemoryTable())
        created = execute(module, "create_campaign", request_body(platform=platform))
        assert created["status"] == "success", created
        actions = ACTIONS[platform] = Actions(created)
        MODULES[platform] = module
        if platform == "tiktok":
            sandbox.patch_account(platform, "7000000000000000123", calls_per_minute=1_000_000)
    body = actions.draw(data)
    answer = execute(MODULES[platform], "manage_campaign", body)
    assert (answer["status"], answer["new_status"]) == ("success", STATUS[body["action"]]), answer
    actions.expect(body)
    shown = execute(MODULES[platform], "get_campaign_status", {"campaign_id": body["campaign_id"]})
    live = {"campaign": shown["campaign"]["status"]}
    live |= {item["adset_id"]: item["status"] for item in shown["adsets"]}
    live |= {item["ad_id"]: item["status"] for item in shown["ads"]}
    assert live == actions.statuses


ACTIONS: dict[str, Actions] = {}
MODULES: dict[str, CampaignAutomation] = {}

OUTAGES = st.lists(st.sampled_from([None, None, "before", "after"]), max_size=12)


@WHOLE
@given(platform=st.sampled_from(PLATFORMS), outages=OUTAGES, data=st.data())
def test_property_08_the_web_platform_holds_the_same_data_also_when_it_was_down(
    platform: str, outages: list[str | None], data: st.DataObject
) -> None:
    web_platform = MemoryWebPlatform(outages)
    module = CampaignAutomation(
        mcp_client=web_platform, adapters={platform: FakeAdapter(platform)}, table=MemoryTable()
    )
    created = execute(module, "create_campaign", request_body(platform=platform))
    actions = Actions(created)
    for _ in range(data.draw(st.integers(0, 2))):
        body = actions.draw(data)
        assert execute(module, "manage_campaign", body)["status"] == "success"
        actions.expect(body)
    web_platform.outages = iter(())  # it is back
    asyncio.run(module._parts().outbox.sweep())
    assert asyncio.run(module._parts().store.pending(10)) == []
    (campaign,) = web_platform.campaigns.values()
    assert campaign["targeting"]["campaign_id"] == created["campaign_id"]
    assert campaign["budget"] == 100
    assert campaign["status"] == actions.statuses["campaign"]
    if "adsets" in campaign["targeting"]:
        told = {
            name: item["status"]
            for kind in ("adsets", "ads")
            for name, item in campaign["targeting"].get(kind, {}).items()
        }
        assert told.items() <= actions.statuses.items()
        changed = {name for name, status in actions.statuses.items() if status == "active"} - {"campaign"}
        assert changed <= set(told)


AMOUNTS = st.none() | st.decimals("0", "100000", places=2)


@PURE
@given(spend=AMOUNTS, revenue=AMOUNTS, conversions=st.none() | st.decimals("0", "1000", places=1))
def test_property_16_ratios_are_null_when_they_are_undefined(
    spend: Decimal | None, revenue: Decimal | None, conversions: Decimal | None
) -> None:
    row = DailyInsight(
        entity_id="as_1",
        campaign_id="cmp_1",
        adset_id="as_1",
        day=date(2026, 11, 27),
        spend=spend,
        impressions=None,
        clicks=None,
        conversions=conversions,
        revenue=revenue,
    )
    shown = figures(row)
    assert (shown.spend, shown.revenue, shown.conversions) == (spend, revenue, conversions)
    assert (shown.roas is None) == (revenue is None or not spend)
    assert (shown.cpa is None) == (spend is None or not conversions)
    if shown.roas is not None and spend and revenue is not None:
        assert abs(shown.roas - revenue / spend) <= Decimal("0.0001")


@pytest.mark.parametrize("platform", PLATFORMS)
@WHOLE
@given(hours=st.integers(1, 9))
def test_property_16_status_holds_all_three_levels_with_their_figures(
    sandbox: Sandbox, platform: str, hours: int
) -> None:
    if not sandbox.live(platform, "campaigns"):
        ACTIVE[platform] = CampaignAutomation(table=MemoryTable())
        if platform == "tiktok":
            sandbox.patch_account(platform, "7000000000000000123", calls_per_minute=1_000_000)
        created = execute(ACTIVE[platform], "create_campaign", request_body(platform=platform, activate=True))
        assert created["status"] == "success", created
        CREATED[platform] = created
    created = CREATED[platform]
    sandbox.advance(advance_hours=hours)
    status = execute(ACTIVE[platform], "get_campaign_status", {"campaign_id": created["campaign_id"]})
    campaign = {
        name.removesuffix("_today"): value
        for name, value in status["campaign"].items()
        if name.endswith("_today")
    }
    assert (len(status["adsets"]), len(status["ads"])) == (3, 6)
    for item in (campaign, *status["adsets"], *status["ads"]):
        assert {"spend", "revenue", "roas", "cpa", "conversions"} <= set(item)
        assert item["spend"] is not None
        assert (item["roas"] is None) == (not item["spend"])
        assert (item["cpa"] is None) == (not item["conversions"])
    for name in ("spend", "conversions"):
        whole = Decimal(str(campaign[name]))
        for level in ("adsets", "ads"):
            parts = sum(Decimal(str(item[name])) for item in status[level])
            assert abs(parts - whole) <= Decimal("0.05"), (name, level)


ACTIVE: dict[str, CampaignAutomation] = {}
CREATED: dict[str, dict[str, Any]] = {}

FAILURES = st.sampled_from(
    [PlatformUnavailableError, PlatformRateLimitError, PlatformQuotaError, PlatformAuthError]
)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_sleep(seconds: float) -> None:
        return None

    monkeypatch.setattr(retry_strategy, "_sleep", no_sleep)


@pytest.mark.usefixtures("no_waiting")
@WHOLE
@given(platform=st.sampled_from(PLATFORMS), kind=FAILURES, changed=st.booleans())
def test_property_17_when_the_platform_is_down_the_last_answer_comes_back_marked(
    platform: str, kind: type[PlatformError], changed: bool
) -> None:
    adapter = FakeAdapter(platform)
    module = CampaignAutomation(
        mcp_client=MemoryWebPlatform(),
        redis_client=MemoryCache(),
        adapters={platform: adapter},
        table=MemoryTable(),
    )
    created = execute(module, "create_campaign", request_body(platform=platform))
    asked = {"campaign_id": created["campaign_id"]}
    live = execute(module, "get_campaign_status", asked)
    assert live["source"] == "live"
    assert execute(module, "get_campaign_status", asked) == {**live, "source": "cache"}
    if changed:  # a change of ours makes the kept answer old at once
        execute(module, "manage_campaign", {**asked, "action": "start"})
    else:
        age_all(module)
    adapter.fail_with = kind("it is down", platform=platform)
    stale = execute(module, "get_campaign_status", asked)
    assert stale["source"] == "stale"
    assert stale["age_seconds"] >= 0
    assert "it is down" in stale["warnings"][0]
    assert (stale["campaign"], stale["adsets"], stale["ads"]) == (
        live["campaign"],
        live["adsets"],
        live["ads"],
    )
    asyncio.run(module._parts().cache.set("user_123", f"status:{created['campaign_id']}", 60, None))
    error = execute(module, "get_campaign_status", asked)
    assert error["error"]["message"] == "it is down"


def age_all(module: CampaignAutomation) -> None:
    """Makes every kept answer six minutes older."""
    cache = module._parts().cache
    assert isinstance(cache._client, MemoryCache)
    cache._client.age(360)


@PURE
@given(
    failures=st.integers(0, 8),
    kind=st.sampled_from([PlatformUnavailableError, PlatformRateLimitError, PlatformRejectedError]),
    asked=st.none() | st.floats(0, 5),
)
def test_property_09_at_most_three_retries_with_growing_delays_and_the_last_error_after_them(
    failures: int, kind: type[PlatformError], asked: float | None
) -> None:
    waits: list[float] = []
    raised: list[PlatformError] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def call() -> str:
        if len(raised) == failures:
            return "done"
        raised.append(kind("no", platform="meta", retry_after=asked))
        raise raised[-1]

    try:
        result: Any = asyncio.run(with_retries(call, what="test", sleep=sleep, draw=lambda _, most: most / 2))
    except CampaignAutomationError as error:
        result = error
    allowed = 3 if raised and raised[0].retryable else 0
    assert len(waits) == min(failures, allowed)
    for wait, ceiling in zip(waits, (1, 2, 4), strict=False):
        assert wait == (asked if asked is not None else ceiling / 2)
    assert (result == "done") == (failures <= allowed)
    if result != "done":
        assert result is raised[-1]
        assert result.details["attempts"] == len(raised) == allowed + 1


@PURE
@given(slow=st.integers(0, 5))
def test_property_18_a_call_beyond_its_time_is_cut_and_retried(slow: int) -> None:
    calls: list[int] = []

    async def sleep(seconds: float) -> None:
        return None

    async def call() -> str:
        calls.append(1)
        if len(calls) <= slow:
            await asyncio.sleep(60)
        return "done"

    async def run() -> Any:
        try:
            return await with_retries(call, what="test", sleep=sleep, attempt_seconds=0.001, late=late)
        except PlatformUnavailableError as error:
            return error

    result = asyncio.run(run())
    assert len(calls) == min(slow, 3) + 1
    assert (result == "done") == (slow <= 3)
    if result != "done":
        assert result.details["attempts"] == 4
    assert retry_strategy.ATTEMPT_TIMEOUT_SECONDS == 30


def late() -> PlatformUnavailableError:
    return PlatformUnavailableError("no answer in time", platform="meta")
