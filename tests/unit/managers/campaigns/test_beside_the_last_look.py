"""Work beside waiting: ads are recorded in the trail beside the last look, files looked up beside ad sets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation.managers.campaigns import runner
from campaign_automation.managers.campaigns.runner import wait_until_finished
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.common import Context
from campaign_automation.utils.error_handler import PlatformRejectedError
from campaign_automation.utils.event_loop import beside
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

STEPS_UNTIL_ADS = (
    "fetch_creatives",
    "write_copy",
    "plan",
    "create_campaign",
    "create_adsets",
    "create_ads",
)


class Unread(FakeAdapter):
    """Shows no campaign after it was made."""

    async def read_tree(self, access: Any, campaign_id: str, currency: str) -> Any:
        raise PlatformRejectedError("no", platform="meta", code="1001")


def trail(house: OneTenant) -> list[tuple[str, str]]:
    rows = house.table.rows()
    (tenant, campaign_id) = next(
        (row["tenant"], row["campaign_id"]) for row in rows if row["sk"] == "campaign"
    )
    page = asyncio.run(house.wiring.audit.page(tenant, campaign_id))
    return [(record.operation, str(record.level)) for record in page if record.outcome == "applied"]


def test_every_create_is_in_the_trail_once() -> None:
    house = OneTenant()
    answer = house.done("create_campaign", request_body())
    adsets, ads = [("create", "adset")] * len(answer["adsets"]), [("create", "ad")] * len(answer["ads"])
    assert sorted(trail(house)) == sorted([("create", "campaign"), *adsets, *ads])


def test_an_undo_before_the_last_look_leaves_no_create_out() -> None:
    house = OneTenant(Unread("meta"))
    assert house.ask("create_campaign", request_body())["status"] == "error"
    found = trail(house)
    assert found.count(("create", "ad")) == found.count(("remove", "ad")) > 0


def test_an_undo_in_another_process_records_ads_that_nobody_looked_at() -> None:
    house, spec = OneTenant(), CreateCampaign.model_validate(request_body())

    async def scenario() -> None:
        creation = house.wiring.creation
        opened = await house.wiring.campaigns.open_creation(spec, Context(user_id="u"))
        for step in STEPS_UNTIL_ADS:
            await creation.run_step(step, "u", opened.campaign_id)
        assert ("create", "ad") not in [
            (item.operation, str(item.level))
            for item in await house.wiring.audit.page("u", opened.campaign_id)
        ]
        failure = {"code": "4000", "type": "MODULE_NOT_AVAILABLE", "message": "died", "details": {}}
        await creation.run_step("undo", "u", opened.campaign_id, failure=failure)

    house.run(scenario)
    assert trail(house).count(("create", "ad")) > 0


def test_files_of_earlier_campaigns_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = OneTenant()
    asked: list[str] = []
    original = house.wiring.store.asset

    async def asset(tenant: str, account: str, digest: str) -> str | None:
        asked.append(digest)
        return await original(tenant, account, digest)

    monkeypatch.setattr(house.wiring.store, "asset", asset)
    house.done("create_campaign", request_body(), idempotency_key="one")
    before = len(asked)
    house.done("create_campaign", request_body(), idempotency_key="two")
    assert before > 0
    assert len(asked) == before


def test_what_is_done_beside_has_ended_also_when_the_other_fails() -> None:
    done: list[str] = []

    async def other() -> None:
        await asyncio.sleep(0)
        done.append("other")

    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(beside(fails(), other()))
    assert done == ["other"]


def test_an_end_is_looked_for_more_often_while_the_last_look_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    states = iter(["running", "ending", "ending", "over"])

    class Campaigns:
        async def progress(self, tenant: str, campaign_id: str) -> str:
            return next(states)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(runner.asyncio, "sleep", sleep)
    asyncio.run(wait_until_finished(Campaigns(), Context(user_id="u"), "c"))  # type: ignore[arg-type]
    assert pauses == [0.1, 0.025, 0.025]
