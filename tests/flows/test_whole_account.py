"""A day in an account that is full of campaigns made elsewhere, through the real template."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from campaign_automation import CampaignAutomation
from local.cloud import Cloud
from tests.flows.test_rules import Rules, rules
from tests.support.api import Api
from tests.support.aws import reconcile_campaigns
from tests.support.builders import request_body
from tests.support.cuts import slow
from tests.support.module import delete_by_hand, edit_in_ads_manager, environment
from tests.support.sandbox import Sandbox

__all__ = ["rules"]

ODD = {"geo_locations": {"countries": ["US"], "regions": [{"key": "3847"}]}, "genders": [2]}
COUNT = 5
AGES = {"age_min": 18, "age_max": 65}
ACCOUNT = "act_100000000000001"


def made_elsewhere(cloud: Cloud, platform: str, count: int) -> list[str]:
    """Running campaigns of one ad set, made by a module that keeps them for itself; their platform ids."""
    body = request_body(platform=platform, daily_budget=60, age_groups=[[18, 65]])
    body |= {"creative_ids": ["1"], "activate": True}

    async def create() -> list[str]:
        module = CampaignAutomation(store="memory")
        caller = {"user_id": "user_123"}
        made = await asyncio.gather(
            *(
                module.execute("create_campaign", {**body, "name": f"Elsewhere {number}"}, caller)
                for number in range(count)
            )
        )
        await module.aclose()
        assert {item["status"] for item in made} == {"success"}, made
        return [item["platform_campaign_id"] for item in made]

    with environment(cloud):
        return asyncio.run(create())


def with_campaign_budget(cloud: Cloud) -> str:
    """A running campaign on Meta that has the budget of its two ad sets; its id."""
    url = f"{cloud.info['sandbox']['meta']}/v26.0/{ACCOUNT}"

    def post(edge: str, **fields: Any) -> str:
        data = {name: item if isinstance(item, str) else json.dumps(item) for name, item in fields.items()}
        data |= {"access_token": "sandbox-meta-token-123", "status": "ACTIVE"}
        answer = httpx.post(f"{url}/{edge}", data=data, verify=False)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    campaign_id = post(
        "campaigns",
        name="Elsewhere with one budget",
        objective="OUTCOME_SALES",
        special_ad_categories=[],
        daily_budget="6000",
    )
    for number in range(2):
        post(
            "adsets",
            name=f"Half {number}",
            campaign_id=campaign_id,
            optimization_goal="OFFSITE_CONVERSIONS",
            billing_event="IMPRESSIONS",
            targeting={**ODD, **AGES, "targeting_automation": {"advantage_audience": 0}},
            promoted_object={"pixel_id": "400000000000001", "custom_event_type": "PURCHASE"},
        )
    return campaign_id


@slow
@pytest.mark.parametrize("platform", ["meta"])
def test_a_day_in_an_account_that_is_full_of_campaigns_made_elsewhere(
    api: Api, cloud: Cloud, sandbox: Sandbox, rules: Rules, platform: str
) -> None:
    ids = made_elsewhere(cloud, platform, COUNT)
    if platform == "meta":
        ids.insert(0, with_campaign_budget(cloud))
        for adset_id in sandbox.state("meta")["adsets"]:
            edit_in_ads_manager(cloud, adset_id, targeting={**ODD, **AGES})

    listed = api.http.get("/v1/account-campaigns", params={"platform": platform, "limit": 200}).json()
    nobodys = {item["platform_campaign_id"] for item in listed["campaigns"] if item["owner"] == "nobody"}
    assert set(ids) <= nobodys, listed

    delete_by_hand(cloud, platform, ids[-1])  # while somebody looks at the list
    answer = api.http.post(
        "/v1/campaign-imports", json={"platform": platform, "platform_campaign_ids": ids}
    ).json()
    assert answer["status"] == "partial", answer
    assert [item["id"] for item in answer["failed"]] == [ids[-1]]
    ours = {item["platform_campaign_id"]: item["campaign_id"] for item in answer["imported"]}
    assert list(ours) == ids[:-1]

    # One is raised by hand, which is taken back.
    first = ours[ids[0]]
    raised = api.http.patch(f"/v1/campaigns/{first}", json={"daily_budget": 66}).json()
    assert sum(item["after"] for item in raised["changed"]) == 66, raised
    assert api.status(first).json()["campaign"]["daily_budget"] == 66
    assert len(api.undo(first, raised["run_id"]).json()["restored"]) == 1
    assert api.status(first).json()["campaign"]["daily_budget"] == 60

    # One is paused until tomorrow: what began before is settled at once, the rest by the sweep of tomorrow.
    second = ours[ids[1]]
    today = api.status(second).json()["campaign"]["day"]
    tomorrow = str(date.fromisoformat(today) + timedelta(days=1))
    paused = api.manage(second, "pause", until=tomorrow).json()
    assert paused["resumes_at"].startswith(tomorrow), paused
    sandbox.advance(advance_hours=1)
    reconcile_campaigns(cloud)
    assert api.status(second).json()["campaign"]["status"] == "paused"
    sandbox.advance(advance_days=3)
    reconcile_campaigns(cloud)
    rules.tick()
    assert api.status(second).json()["campaign"]["status"] == "active"

    # A total is optimised over three of them, exactly.
    three = [ours[item] for item in ids[1:4]]
    optimized = api.optimize(three[0], campaign_ids=three[1:], total_daily_budget=180).json()
    assert optimized["status"] == "success", optimized
    # A part may find no place today; it is told, and nothing is spent beyond the total.
    placed = Decimal(str(optimized["total_after"]))
    assert placed == 180 or (placed < 180 and optimized["not_placed"]), optimized

    # A rule over everything acts on them, once the reports of the last day are complete.
    sandbox.advance(advance_hours=12)
    made = rules.create({"all": True}, confirm=True, max_affected={"share": 1}).json()  # type: ignore[arg-type]
    fired = rules.fire(made["rule_id"])["answer"]
    assert fired["acted"] >= 1, fired
    assert {item["level"] for item in fired["changed"]} == {"adset"}
