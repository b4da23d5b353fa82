"""A day in an account that is full of campaigns made elsewhere: found, taken in, and managed like our own.

The module runs in this process, against platforms that answer as real accounts may.
"""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from campaign_automation.models.common import Level
from campaign_automation_testing.processes import RunningSandbox
from local.cloud import Cloud
from tests.support.cuts import slow
from tests.support.in_process import aws_in_process, cloud_of
from tests.support.memory_table import MemoryTable
from tests.support.module import ACCOUNT_NUMBERS
from tests.support.sandbox import Sandbox

Json = dict[str, Any]
ACCOUNTS = {"meta": "act_100000000000001", "tiktok": "7000000000000000123", "google": "1230000003"}
RAISE = Decimal("1.1")
STOP = {
    "rule_name": "stop what spends",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 1, "time_range": "3d"},
    "action": {"type": "pause_adset"},
    "schedule": "rate(15 minutes)",
    "applies_to": {"all": True},
    "max_affected": {"share": 1},
    "confirm": True,
}


@pytest.fixture(scope="module")
def cloud(campaign_sandbox_process: RunningSandbox) -> Cloud:
    """The platforms alone: nothing here is about the functions."""
    return cloud_of(campaign_sandbox_process)


class Day:
    """One buyer's module, and the account that others filled."""

    def __init__(self, sandbox: Sandbox, platform: str, count: int) -> None:
        self.sandbox = sandbox
        self.platform = platform
        self.module = CampaignAutomation(table=MemoryTable())
        sandbox.patch_account("tiktok", ACCOUNTS["tiktok"], calls_per_minute=1_000_000)
        self.planned = {item["id"]: item for item in sandbox.elsewhere(platform, ACCOUNTS[platform], count)}
        self.ours: dict[str, str] = {}

    async def ask(self, name: str, /, **parameters: Any) -> Json:
        return await self.module.execute(name, parameters, {"user_id": "user_123"})

    async def done(self, name: str, /, **parameters: Any) -> Json:
        answer = await self.ask(name, **parameters)
        assert answer["status"] == "success", json.dumps(answer, indent=1)
        return answer

    async def campaign(self, platform_id: str) -> Json:
        shown = await self.done("get_campaign_status", campaign_id=self.ours[platform_id])
        return dict(shown["campaign"])

    async def pass_time(self, **amount: int) -> list[Json]:
        self.sandbox.advance(**amount)
        return await self.module.run_due()

    async def delete_by_hand(self, platform_id: str) -> None:
        parts = self.module._parts()
        access = await parts.accounts.access("user_123", self.platform, ACCOUNT_NUMBERS[self.platform])
        (outcome,) = await parts.adapters[self.platform].remove(access, Level.CAMPAIGN, [platform_id])
        assert outcome.error is None, outcome.error

    def budget(self, platform_id: str) -> Decimal:
        """The daily budget with which the campaign was made, all in all."""
        return Decimal(sum(self.planned[platform_id]["budgets"]))

    def fixed(self) -> list[str]:
        """The campaigns whose budgets cannot be changed from here."""
        return self.like("total", *(["shared"] if self.platform == "google" else []))

    def like(self, *budgets: str, state: str = "active") -> list[str]:
        """The campaigns that are ours with one of these kinds of budget."""
        chosen: list[Json] = [item for item in self.planned.values() if item["id"] in self.ours]
        return [item["id"] for item in chosen if item["budget"] in budgets and item["state"] == state]


@pytest.mark.parametrize(
    ("platform", "count"), [("meta", 10), *(pytest.param(name, 20, marks=slow) for name in ACCOUNTS)]
)
def test_a_day(cloud: Cloud, sandbox: Sandbox, platform: str, count: int) -> None:
    async def scenario() -> None:
        day = Day(sandbox, platform, count)
        await take_over(day)
        await change_by_hand(day)
        await pause_until_tomorrow(day)
        await optimise_three(day)
        await act_by_rule(day)
        await advertise_anew(day)
        await day.module.aclose()

    with aws_in_process(cloud):
        asyncio.run(scenario())


async def take_over(day: Day) -> None:
    """Everything is found and taken in, but what is archived, and what is deleted while somebody looks."""
    listed = await day.done("list_account_campaigns", platform=day.platform, limit=200)
    rows = {item["platform_campaign_id"]: item for item in listed["campaigns"]}
    living = [item for item, made in day.planned.items() if made["state"] != "archived"]
    assert rows.keys() & day.planned.keys() == set(living)
    for item in living:
        row, made = rows[item], day.planned[item]
        objective = None if made["objective"] == "unknown" else made["objective"]
        assert (row["owner"], row["status"], row["objective"]) == ("nobody", made["state"], objective)

    deleted = living[-1]
    await day.delete_by_hand(deleted)
    asked = {"platform": day.platform, "platform_campaign_ids": living}
    dry = await day.ask("import_campaigns", **asked, dry_run=True)
    answer = await day.ask("import_campaigns", **asked)
    assert dry["imported"] == answer["imported"]
    assert (answer["status"], [item["id"] for item in answer["failed"]]) == ("partial", [deleted])
    day.ours = {item["platform_campaign_id"]: item["campaign_id"] for item in answer["imported"]}
    assert list(day.ours) == living[:-1]
    for item in answer["imported"]:
        made, is_fixed = (
            day.planned[item["platform_campaign_id"]],
            item["platform_campaign_id"] in day.fixed(),
        )
        assert len(item["limits"]) == is_fixed + (made["objective"] == "unknown"), item
        if not is_fixed or made["budget"] == "total":
            assert item["daily_budget"] == (None if is_fixed else sum(made["budgets"])), item
    again = await day.ask("import_campaigns", platform=day.platform, platform_campaign_ids=living[:-1])
    assert (again["imported"], len(again["skipped"])) == ([], len(day.ours))


async def change_by_hand(day: Day) -> None:
    """One raise stays, one is undone, and budgets that are not ours to change are refused by name."""
    undone, raised = day.like("adset")[0], day.like("campaign")[0]
    for platform_id in (undone, raised):
        total, campaign_id = day.budget(platform_id) * RAISE, day.ours[platform_id]
        answer = await day.done("update_campaign", campaign_id=campaign_id, daily_budget=float(total))
        assert sum(item["after"] for item in answer["changed"]) == total, answer
        if platform_id == undone:
            back = await day.done("undo_change", campaign_id=campaign_id, run_id=answer["run_id"])
            assert len(back["restored"]) == len(answer["changed"])
    for platform_id in day.fixed():
        for is_dry in (True, False):
            asked = {"campaign_id": day.ours[platform_id], "daily_budget": 75, "dry_run": is_dry}
            error = (await day.ask("update_campaign", **asked))["error"]
            assert (error["code"], error["details"]["field"]) == ("4005", "daily_budget")
    stopped = day.like("total")[0]
    await day.done("manage_campaign", campaign_id=day.ours[stopped], action="pause")
    assert (await day.campaign(stopped))["status"] == "paused"


async def pause_until_tomorrow(day: Day) -> None:
    """It is started again the next day, when the budgets of the day before are in force everywhere."""
    undone, raised = day.like("adset")[0], day.like("campaign")[0]
    paused = day.like("adset")[1]
    today = date.fromisoformat((await day.campaign(paused))["day"])
    until = str(today + timedelta(days=1))
    answer = await day.done("manage_campaign", campaign_id=day.ours[paused], action="pause", until=until)
    assert answer["resumes_at"].startswith(until)
    await day.pass_time(advance_hours=1)
    assert (await day.campaign(paused))["status"] == "paused"
    await day.pass_time(advance_days=1, advance_hours=1)
    assert (await day.campaign(paused))["status"] == "active"
    assert (await day.campaign(undone))["daily_budget"] == day.budget(undone)
    assert (await day.campaign(raised))["daily_budget"] == day.budget(raised) * RAISE


async def optimise_three(day: Day) -> None:
    """A total over both budget models is kept to the cent."""
    three = [*day.like("adset")[-2:], day.like("campaign")[-1]]
    total, ids = sum(map(day.budget, three)), [day.ours[item] for item in three]
    answer = await day.done("optimize_budget", campaign_ids=ids, total_daily_budget=float(total))
    placed = Decimal(str(answer["total_after"]))
    assert placed == total or (placed < total and answer["not_placed"]), answer
    assert {item["campaign_id"] for item in answer["optimizations"]} == set(ids)


async def act_by_rule(day: Day) -> None:
    """A rule over everything acts on campaigns that were made elsewhere."""
    made = await day.done("create_rule", **STOP)
    runs = await day.pass_time(advance_hours=12)
    (answer,) = (item["answer"] for item in runs if item["schedule"] == made["rule_id"])
    assert answer["acted"] == len(answer["changed"]) > 3, answer
    stopped = {item["platform_id"] for item in answer["changed"]}
    assert stopped <= {
        item["id"].rpartition("/")[2]
        for item in day.sandbox.state(day.platform)["adsets"].values()
        if item["status"] == "PAUSED"
    }


async def advertise_anew(day: Day) -> None:
    """A campaign of somebody else's gets an ad of ours, and other texts; an undo takes both back."""
    texts = {"primary_text": "Run on"}
    campaign_id = day.ours[day.like("adset")[-1]]

    async def shown(level: str) -> dict[str, str]:
        state = await day.done("get_campaign_status", campaign_id=campaign_id)
        items = {item[f"{level}_id"]: item["status"] for item in state[f"{level}s"]}
        return {name: status for name, status in items.items() if status != "deleted"}

    async def ads() -> dict[str, str]:
        return await shown("ad")

    # An unkind platform shows objects of colleagues, too, which exist nowhere.
    made, before = day.sandbox.state(day.platform), await ads()
    old = next(ad for ad in before if ad in made["ads"])
    adsets = [item for item in await shown("adset") if item in made["adsets"]]
    page = "https://shop.example.com/run"
    added = await day.done(
        "add_ads", campaign_id=campaign_id, creative_ids=["1"], product_url=page, adset_ids=adsets
    )
    new = {ad["ad_id"]: "paused" for ad in added["ads"]}
    assert await ads() == before | new
    asked = [{"ad_id": old, "creative_id": "1", **texts}]
    replaced = await day.done("replace_copy", campaign_id=campaign_id, texts=asked)
    (ad,) = replaced["ads"]
    assert ad["replaces"] == (None if day.platform == "google" else old)
    assert (await ads())[ad["ad_id"]] == before[old]
    for run in (replaced["run_id"], added["run_id"]):
        undone = await day.done("undo_change", campaign_id=campaign_id, run_id=run)
        assert undone["not_restored"] == []
    assert await ads() == before
