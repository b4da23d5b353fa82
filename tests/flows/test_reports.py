"""Reports over 90 days and three platforms add up to the platforms' own numbers, to the smallest unit.

The module runs in this process, against platforms that answer as real accounts may.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from campaign_automation_testing.processes import RunningSandbox
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.in_process import aws_in_process, cloud_of
from tests.support.memory_table import MemoryTable
from tests.support.sandbox import UNKIND_SEED, Sandbox

Json = dict[str, Any]
PLATFORMS = ("meta", "tiktok", "google")
START = "2026-06-02T12:00:00+00:00"
DAYS = 90
COUNTED = ("spend", "impressions", "clicks", "conversions", "revenue")


class Desk:
    """One tenant whose campaigns ran for 90 days on each platform."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.module = CampaignAutomation(table=MemoryTable())
        self.ours: dict[str, Json] = {}

    async def ask(self, name: str, parameters: Json, user: str = "user_123") -> Json:
        return await self.module.execute(name, parameters, {"user_id": user})

    def report(self, user: str = "user_123", **parameters: Any) -> Json:
        first, last = self.first, self.today
        usual = {"from": str(first), "to": str(last), "by": "total"}
        return asyncio.run(self.ask("get_report", usual | parameters, user))

    @property
    def today(self) -> date:
        return self.sandbox.now().date()

    @property
    def first(self) -> date:
        return self.today - timedelta(days=DAYS)

    def own_sums(self, platform: str, first: date, last: date) -> Json:
        """Sum the figures of the campaign that the sandbox has recorded by now."""
        sums: Json = dict.fromkeys(COUNTED, Decimal(0))
        for record in self.sandbox.state(platform)["records"]:
            day = date.fromisoformat(record["day"])
            if (
                record["campaign_id"] != self.ours[platform]["platform_campaign_id"]
                or not first <= day <= last
            ):
                continue
            age = max((self.today - day).days - 1, 0)
            arrived = [parts for lag, parts in record["arrivals"].items() if int(lag) <= age]
            for name in ("spend", "impressions", "clicks"):
                sums[name] += Decimal(str(record[name]))
            sums["conversions"] += sum(int(count) for count, _ in arrived)
            sums["revenue"] += sum((Decimal(str(value)) for _, value in arrived), Decimal(0))
        return sums


@pytest.fixture(scope="module")
def desk(campaign_sandbox_process: RunningSandbox) -> Iterator[Desk]:
    cloud = cloud_of(campaign_sandbox_process)
    with Sandbox(cloud.info["sandbox"]["admin"]) as sandbox, aws_in_process(cloud):
        sandbox.reset(START)
        sandbox.unkind(UNKIND_SEED)
        desk = Desk(sandbox)
        for platform in PLATFORMS:
            few: Json = {"creative_ids": ["1"], "age_groups": [[18, 34], [35, 65]], "activate": True}
            body = request_body(platform=platform, **few, name='=SUM(1), "Schuhe" für alle')
            desk.ours[platform] = asyncio.run(desk.ask("create_campaign", body))
            assert desk.ours[platform]["status"] == "success", desk.ours[platform]
        sandbox.advance(advance_days=DAYS)
        yield desk
        sandbox.unkind(None)


def figures(item: Json) -> Json:
    return {name: Decimal(str(item[name])) for name in COUNTED}


@pytest.mark.parametrize("level", cut(["campaign", "ad_set", "ad"], "ad_set"))
def test_a_report_over_90_days_equals_the_platforms_own_sums(desk: Desk, level: str) -> None:
    report = desk.report(level=level)
    assert report["status"] == "success", report
    blocks = {block["platform"]: block for block in report["blocks"]}
    assert set(blocks) == set(PLATFORMS)
    for platform, block in blocks.items():
        expected = desk.own_sums(platform, desk.first, desk.today)
        assert expected["spend"] > 0
        assert figures(block["total"]) == expected, platform
        assert sum((figures(row)["spend"] for row in block["rows"]), Decimal(0)) == expected["spend"]
        assert block["source"] == "mixed"
        assert [item["source"] for item in block["readings"]] == ["stored", "live"]
        assert block["as_of"] == min(item["as_of"] for item in block["readings"])


def test_days_add_up_to_the_total_and_ratios_are_of_their_figures(desk: Desk) -> None:
    by_day, in_total = (desk.report(by=by) for by in ("day", "total"))
    for days, total in zip(by_day["blocks"], in_total["blocks"], strict=True):
        assert len({row["day"] for row in days["rows"]}) > DAYS - 3
        for name in COUNTED:
            assert sum(figures(row)[name] for row in days["rows"]) == figures(total["total"])[name]
        (row,) = total["rows"]
        spend, clicks = Decimal(str(row["spend"])), row["clicks"]
        assert Decimal(str(row["cpc"])) == round(spend / clicks, 4)
        assert Decimal(str(row["ctr"])) == round(Decimal(100 * clicks) / row["impressions"], 4)


def test_totals_are_by_currency_and_claimed_by_each_platform(desk: Desk) -> None:
    report = desk.report()
    currencies = {block["currency"] for block in report["blocks"]}
    assert {total["currency"] for total in report["totals"]} == currencies
    for total in report["totals"]:
        mine = [block for block in report["blocks"] if block["currency"] == total["currency"]]
        claimants = [claim["platform"] for claim in total["claimed_by"]]
        assert sorted(claimants) == sorted(block["platform"] for block in mine)
        claimed = sum(figures(block["total"])["revenue"] for block in mine)
        assert Decimal(str(total["claimed_revenue"])) == claimed


def test_the_text_opens_in_a_spreadsheet_and_computes_nothing(desk: Desk) -> None:
    report = desk.report(format="csv", by="day")
    assert report["blocks"] == []
    text = report["csv"]
    assert text.startswith("\ufeff")
    assert text.count("\r\n") == text.count("\n")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    names = {row["campaign_name"] for row in rows}
    assert len(names) == len(PLATFORMS)
    assert all(name.startswith('\'=SUM(1), "Schuhe" für alle') for name in names)
    for platform in PLATFORMS:
        spent = sum((Decimal(row["spend"]) for row in rows if row["platform"] == platform), Decimal(0))
        assert spent == desk.own_sums(platform, desk.first, desk.today)["spend"]


def test_what_was_read_long_ago_is_read_again_and_restated(desk: Desk) -> None:
    """Days pass without a collection: a later report has the conversions that came since."""
    last = desk.today - timedelta(days=10)
    desk.report(to=str(last), platforms="meta")
    desk.sandbox.advance(advance_days=20)
    report = desk.report(**{"from": str(last - timedelta(days=5)), "to": str(last), "platforms": ["meta"]})
    (block,) = report["blocks"]
    assert figures(block["total"]) == desk.own_sums("meta", last - timedelta(days=5), last)
    assert block["source"] == "stored"


def test_a_collection_keeps_all_accounts_and_a_report_then_reads_the_last_days_alone(desk: Desk) -> None:
    asyncio.run(collect(desk))  # the schedules are made
    desk.sandbox.advance(advance_hours=2)
    collected = asyncio.run(collect(desk))
    assert collected == {"collected": 3, "failed": 0}
    assert asyncio.run(collect(desk)) == {"collected": 0, "failed": 0}  # once a day
    desk.report()  # the days that had not settled when they were read, 20 days ago
    before = len(desk.sandbox.calls("google"))
    report = desk.report()
    reads = [call for call in desk.sandbox.calls("google")[before:] if call["operation"] == "insights"]
    assert report["status"] == "success"
    assert len(reads) == 1


async def collect(desk: Desk) -> Json:
    ran = await desk.module.run_due()
    found = [run["answer"] for run in ran if run["schedule"] == "collect_insights"]
    return {name: found[0][name] if found else 0 for name in ("collected", "failed")}


def test_another_tenant_sees_nothing_and_may_not_ask_for_it(desk: Desk) -> None:
    assert desk.report(user="user_456")["blocks"] == []
    asked = desk.report(user="user_456", campaigns=[desk.ours["meta"]["campaign_id"]])
    assert asked["error"]["code"] == "5000"


def test_days_are_those_of_the_accounts_zone(desk: Desk) -> None:
    report = desk.report(to=str(desk.today + timedelta(days=3)))
    for block in report["blocks"]:
        as_of = max(datetime.fromisoformat(item["as_of"]) for item in block["readings"])
        assert abs((date.fromisoformat(block["last_day"]) - as_of.date()).days) <= 1


def test_a_platform_that_does_not_answer_leaves_unknown_figures(desk: Desk) -> None:
    desk.sandbox.fault("tiktok", "insights", "http_500", times=0)
    try:
        report = desk.report()
    finally:
        desk.sandbox.reset_faults()
    blocks = {block["platform"]: block for block in report["blocks"]}
    assert blocks["tiktok"]["problem"].startswith("4002")
    assert (blocks["tiktok"]["total"]["spend"], blocks["tiktok"]["rows"]) == (None, [])
    assert blocks["meta"]["total"]["spend"] > 0
    total = next(item for item in report["totals"] if item["currency"] == blocks["tiktok"]["currency"])
    assert total["spend"] is None
