"""Meta's creatives and ads: a few ads in one batch with the creatives that they show."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from campaign_automation.adapters.base import AdOrder, CreativeOrder, Outcome
from campaign_automation.adapters.meta_adapter import MetaAdapter
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.utils.error_handler import PlatformRejectedError, PlatformUnavailableError
from tests.support import meta
from tests.support.builders import copy, creative, spec
from tests.support.sandbox import Sandbox

Made = tuple[list[CreativeOrder], list[AdOrder], list[Outcome]]


@pytest.fixture(autouse=True)
def _seeded(control: Sandbox) -> None:
    control.reset()


async def created(adapter: MetaAdapter, url: str, creatives: int, **changes: Any) -> Made:
    """The creatives and ads of a campaign, made by one call."""
    account = await adapter.describe_account(meta.ACCESS)
    ids = [str(number) for number in range(1, creatives + 1)]
    plan = plan_campaign(spec(creative_ids=ids, daily_budget=1000, **changes), account, "cmp_1")
    campaign = await adapter.create_campaign(meta.ACCESS, plan, account)
    root = campaign.platform_id or ""
    adsets = await adapter.create_adsets(meta.ACCESS, plan, account, root, plan.adsets)
    places = {adset.tag: adset.platform_id or "" for adset in adsets}
    item = creative(file_url=f"{url}/web_platform/files/creative_1.png")
    asset = await adapter.upload(meta.ACCESS, item, None)
    wanted = {
        one.creative_id: CreativeOrder(one.tag, one.name, item, copy(), asset) for one in plan.creatives
    }
    ads = [AdOrder(ad.tag, ad.name, places[ad.adset_tag], wanted[ad.creative_id], None) for ad in plan.ads]
    outcomes = await adapter.create_ads(meta.ACCESS, plan, account, root, ads, list(wanted.values()))
    assert [item.tag for item in outcomes] == [
        *(order.tag for order in wanted.values()),
        *(a.tag for a in ads),
    ]
    return list(wanted.values()), ads, outcomes


def make(process: str, creatives: int, **changes: Any) -> Made:
    return asyncio.run(created(meta.adapter(process), process, creatives, **changes))


def batches(control: Sandbox) -> list[Counter[str]]:
    """The operations of each batch."""
    found: dict[int, Counter[str]] = {}
    for call in control.calls("meta"):
        if call["batch"]:
            found.setdefault(call["batch"], Counter())[call["operation"]] += 1
    return list(found.values())


def test_each_batch_holds_few_ads_and_the_creatives_that_they_show(process: str, control: Sandbox) -> None:
    creatives, ads, outcomes = make(process, 10)
    assert all(item.platform_id and not item.error for item in outcomes)
    sent = sorted(batches(control), key=lambda batch: batch.total())
    assert sent == [
        {"create_creative": 1, "create_ad": 3},
        *([{"create_creative": 3, "create_ad": 9}] * 3),
    ]
    shown = {ad["id"]: str(ad["creative_id"]) for ad in control.live("meta", "ads")}
    ids = {item.tag: item.platform_id for item in outcomes}
    assert shown == {ids[ad.tag]: ids[ad.creative.tag] for ad in ads}
    assert len(set(shown.values())) == len(creatives)


def test_of_a_creative_in_many_ads_the_others_follow_with_its_id(process: str, control: Sandbox) -> None:
    countries = ["US", "CA", "GB", "DE", "FR", "ES", "IT"]
    ages = [[18, 24], [25, 34], [35, 65]]
    changes = {"split_by": "country_age", "target_countries": countries, "age_groups": ages}
    _, ads, outcomes = make(process, 1, dsa={"beneficiary": "A", "payor": "A"}, **changes)
    assert (len(ads), all(item.platform_id for item in outcomes)) == (21, True)
    assert [batch["create_ad"] for batch in batches(control)] == [10, 10]  # the last one needs no batch
    assert len(control.live("meta", "ads")) == 21


@pytest.mark.parametrize(
    ("kind", "error"), [("policy", PlatformRejectedError), ("http_500", PlatformUnavailableError)]
)
def test_ads_share_the_error_of_a_creative_that_was_not_made(
    process: str, control: Sandbox, kind: str, error: type[Exception]
) -> None:
    control.fault("meta", "create_creative", kind, nth=2)
    creatives, ads, outcomes = make(process, 3)
    failed = {item.tag: item.error for item in outcomes if item.error}
    missing = next(order.tag for order in creatives if order.tag in failed)
    assert set(failed) == {missing, *(ad.tag for ad in ads if ad.creative.tag == missing)}
    assert all(isinstance(item, error) for item in failed.values())
    assert len(control.live("meta", "ads")) == 6


def test_of_a_lost_batch_everything_may_have_been_made(process: str, control: Sandbox) -> None:
    control.fault("meta", "batch", "drop_after")
    _, _, outcomes = make(process, 3)
    assert all(item.error and item.error.details["outcome_unknown"] for item in outcomes)
    assert len(control.live("meta", "ads")) == 9
