"""The same creation through CampaignAutomation.execute, in this process, on both engines of the table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis import asyncio as redis

from campaign_automation import CampaignAutomation
from campaign_automation.clients.gemini_client import GeminiClient
from campaign_automation.clients.mcp_client import McpClient
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.module import Engine, environment, execute, warnings_of
from tests.support.sandbox import Sandbox

# Creatives of the request itself, so that nothing is missing but the account.
INLINE = {
    "creative_id": "mine",
    "file_url": "https://shop.example/creative.png",
    "file_type": "image",
    "name": "Trail shoe",
    "product_url": "https://shop.example/p/1",
}
WHOLE_TREE = {"campaigns": 1, "adsets": 3, "creatives": 2, "ads": 6}


@pytest.fixture
def settings(cloud: Cloud, engine: Engine) -> Iterator[None]:
    with environment(cloud, **engine):
        yield


@pytest.mark.usefixtures("settings")
def test_the_usage_example_works_as_written(cloud: Cloud, sandbox: Sandbox) -> None:
    web_platform = f"{cloud.info['sandbox']['web_platform']}/api/v1/mcp"

    async def example() -> dict[str, Any]:
        redis_client = redis.Redis.from_url(cloud.info["redis_url"])
        module = CampaignAutomation(
            mcp_client=McpClient(web_platform, lambda: "sandbox-service-token"),
            gemini_client=GeminiClient(
                lambda: "sandbox-gemini-key", endpoint=cloud.info["sandbox"]["gemini"]
            ),
            redis_client=redis_client,
        )
        try:
            return await module.execute(
                action="create_campaign",
                parameters=request_body(),
                context={"user_id": "user_123", "session_id": "session_456"},
            )
        finally:
            await redis_client.aclose()

    result = asyncio.run(example())
    assert result["status"] == "success", result
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.usefixtures("settings")
def test_both_roads_give_the_same_tree(api: Api, sandbox: Sandbox) -> None:
    body = request_body(name="Both roads", split_by="country_age", target_countries=["US", "CA"])
    by_api = comparable(api.create(body).json(), sandbox)
    sandbox.reset()
    in_process = comparable(execute(CampaignAutomation(), "create_campaign", body), sandbox)
    assert by_api == in_process


def comparable(answer: dict[str, Any], sandbox: Sandbox) -> Any:
    """The answer and the platform's objects without what must differ: ids, tags and times."""
    assert answer["status"] == "success", answer

    def name(item: dict[str, Any]) -> str:
        return str(item["name"]).rsplit(" ", 1)[0]

    state = sandbox.state("meta")
    adsets = sorted(
        (name(item), item["daily_budget"], item["status"], str(item["targeting"]), item["optimization_goal"])
        for item in state["adsets"].values()
    )
    ads = sorted(
        (name(item), item["status"], str(state["creatives"][item["creative_id"]]["object_story_spec"]))
        for item in state["ads"].values()
        if str(item["creative_id"]) in state["creatives"]
    )
    answers = [
        (ad["creative_id"], ad["copy"], ad["headline"], ad["description"], ad["copy_source"])
        for ad in answer["ads"]
    ]
    strip_video_ids = [(ad[0], ad[1], ad[2].replace("video_id", "")) for ad in ads if "video_id" not in ad[2]]
    return adsets, strip_video_ids, len(ads), answers, warnings_of(answer), answer["message"]


@pytest.mark.usefixtures("settings")
def test_an_error_is_an_envelope_and_never_raised() -> None:
    for action, parameters, context in (
        ("fly", {}, {}),
        ("create_campaign", {"objective": "sales"}, {}),
        ("create_campaign", None, {}),
        ("create_campaign", request_body(), {"user_id": ""}),
        ("create_campaign", request_body(platform="myspace"), {"user_id": "user_123"}),
        ("get_campaign_status", {"campaign_id": "cmp_none"}, {"user_id": "user_123"}),
        ("create_campaign", request_body(), {"user_id": "user_789"}),
    ):
        answer = asyncio.run(once(action, parameters, context))
        assert answer["status"] == "error"
        assert set(answer["error"]) == {"code", "type", "message", "details", "timestamp", "request_id"}


async def once(action: str, parameters: Any, context: dict[str, Any]) -> dict[str, Any]:
    module = CampaignAutomation()
    try:
        return await module.execute(action, parameters, context)
    finally:
        await module.aclose()


@pytest.mark.usefixtures("settings")
def test_a_user_without_an_account_is_told_to_connect_one() -> None:
    asked = request_body(creatives=[INLINE])
    del asked["creative_ids"]
    answer = execute(CampaignAutomation(), "create_campaign", asked, user_id="user_789")
    assert answer["error"]["code"] == "6000"


def test_a_dead_cache_changes_nothing(cloud: Cloud, sandbox: Sandbox, engine: Engine) -> None:
    with environment(cloud, **engine, CACHE_URL="redis://127.0.0.1:1/0"):
        assert execute(CampaignAutomation(), "create_campaign", request_body())["status"] == "success"
    assert sandbox.left_behind("meta") == WHOLE_TREE


def test_the_standard_dialect_of_the_web_platform_works_too(
    cloud: Cloud, sandbox: Sandbox, engine: Engine
) -> None:
    with environment(cloud, **engine, MCP_URL=f"{cloud.info['sandbox']['web_platform']}/mcp"):
        answer = execute(CampaignAutomation(), "create_campaign", request_body())
        unknown = execute(CampaignAutomation(), "create_campaign", request_body(creative_ids=["9999"]))
    assert answer["status"] == "success", answer
    assert unknown["error"]["code"] == "5000"
    (campaign,) = sandbox.state("web_platform")["campaigns"].values()
    assert campaign["targeting"]["campaign_id"] == answer["campaign_id"]


@pytest.mark.parametrize("operation", cut(["create_campaign", "create_adset", "batch"], "batch"))
def test_a_call_beyond_its_time_is_cut_and_makes_no_duplicate(
    cloud: Cloud, sandbox: Sandbox, engine: Engine, operation: str
) -> None:
    sandbox.fault("meta", operation, "timeout_after", hang_seconds=20)
    with environment(cloud, **engine, PLATFORM_TIMEOUT_SECONDS="2"):
        assert execute(CampaignAutomation(), "create_campaign", request_body())["status"] == "success"
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.usefixtures("settings")
def test_two_calls_at_once_with_one_key_make_one_campaign(sandbox: Sandbox) -> None:
    module = CampaignAutomation()
    context = {"user_id": "user_123", "idempotency_key": "both at once"}

    async def both() -> list[dict[str, Any]]:
        calls = (module.execute("create_campaign", request_body(name="Twice"), context) for _ in range(2))
        answers = list(await asyncio.gather(*calls))
        await module.aclose()
        return answers

    first, second = asyncio.run(both())
    assert first["campaign_id"] == second["campaign_id"]
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.usefixtures("settings")
def test_the_web_platform_that_acted_but_did_not_answer_gets_no_second_campaign(sandbox: Sandbox) -> None:
    sandbox.fault("web_platform", "create_campaign", "drop_after")
    module = CampaignAutomation()
    answer = execute(module, "create_campaign", request_body())
    assert answer["status"] == "success"
    wiring = module._parts()
    asyncio.run(deliver(wiring, answer["campaign_id"]))
    (campaign,) = sandbox.state("web_platform")["campaigns"].values()
    assert campaign["targeting"]["campaign_id"] == answer["campaign_id"]


async def deliver(wiring: Any, campaign_id: str) -> None:
    """What the scheduled re-sender does."""
    await wiring.outbox.deliver("user_123", campaign_id)
    creation = await wiring.store.load("user_123", campaign_id)
    assert [entry.sent for entry in creation.outbox] == [True, True]
