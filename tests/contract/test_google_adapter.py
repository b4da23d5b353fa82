"""The Google adapter on its sandbox: whole creations, look-ups, failures, money, words, pictures."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from campaign_automation.adapters.base import Access, read_figures
from campaign_automation.adapters.google.requests import budget_operation
from campaign_automation.adapters.google_adapter import GoogleAdapter
from campaign_automation.adapters.tree import AdSetNode, Tree
from campaign_automation.managers.campaigns.read_back import compare
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import (
    AccountError,
    InvalidRequestError,
    PlatformAuthError,
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
from tests.support import builders, google
from tests.support.google import ACCESS, CUSTOMER, Created, create_tree, spec, succeeded
from tests.support.sandbox import Sandbox

Json = dict[str, Any]
APP = {CUSTOMER: {"app_id": "com.example.shop"}}


@pytest.fixture
def sandbox(control: Sandbox) -> Sandbox:
    control.reset()
    return control


@pytest.fixture
def adapter(ports: dict[str, int], sandbox: Sandbox) -> GoogleAdapter:
    return google.adapter(ports["google_port"])


def run(work: Any) -> Any:
    return asyncio.run(work)


def picture(ports: dict[str, int], number: int) -> str:
    return f"http://127.0.0.1:{ports['port']}/web_platform/files/creative_{number}.png"


def resources(sandbox: Sandbox, collection: str) -> list[Json]:
    found: Json = sandbox.state("google")["resources"]
    return [item for name, item in found.items() if f"/{collection}/" in name]


# --- creation ------------------------------------------------------------------------------------------


def test_whole_tree_takes_five_calls_and_is_born_paused(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    async def create() -> tuple[Created, Tree]:
        created = await create_tree(adapter)
        return created, await adapter.read_tree(ACCESS, created.campaign_id, "USD")

    created, tree = run(create())

    assert sandbox.operations("google") == {
        "read_account": 1,
        "create_campaign": 1,
        "create_adset": 1,
        "create_ad": 1,
        "read_campaign": 1,
    }
    nodes = [tree.campaign, *tree.adsets, *tree.ads]
    assert {node.status for node in nodes} == {"paused"}
    assert {node.platform_id for node in nodes} == set(created.ids.values())
    assert (tree.campaign.name, tree.campaign.daily_budget) == (created.plan.name, Decimal(100))


def test_tree_is_the_plan(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    async def create() -> tuple[Created, Tree]:
        created = await create_tree(adapter, spec(target_countries=["DE", "US"]))
        return created, await adapter.read_tree(ACCESS, created.campaign_id, "USD")

    created, tree = run(create())
    nodes: dict[str, AdSetNode] = {node.platform_id: node for node in tree.adsets}
    assert created.plan.adsets
    for adset in created.plan.adsets:
        node = nodes[created.ids[adset.tag]]
        assert node.name == adset.name
        assert (node.targeting.age_min, node.targeting.age_max) == (
            adset.targeting.age_min,
            adset.targeting.age_max,
        )
        assert sorted(node.targeting.countries) == ["DE", "US"]
        assert (node.placements, node.bid_strategy) == ("automatic", "lowest_cost")
        assert node.daily_budget is None
    parents = {node.platform_id: node.adset_id for node in tree.ads}
    assert all(parents[created.ids[ad.tag]] == created.ids[ad.adset_tag] for ad in created.plan.ads)
    assert {node.primary_text for node in tree.ads} == {"Run further."}
    assert {node.name.rpartition(" ")[2] for node in tree.ads} == {ad.tag for ad in created.plan.ads}


def test_read_back_finds_no_difference_and_notices_a_changed_budget(
    adapter: GoogleAdapter, sandbox: Sandbox
) -> None:
    async def create() -> tuple[Created, Tree]:
        created = await create_tree(adapter)
        return created, await adapter.read_tree(ACCESS, created.campaign_id, "USD")

    created, tree = run(create())
    assert compare(created.plan, tree, google.journal(created)) == []
    tree.campaign.daily_budget = Decimal(1)
    (drift,) = compare(created.plan, tree, google.journal(created))
    assert drift.message == "the campaign's daily budget is 1 instead of 100.00"


def test_a_move_to_ai_max_by_google_itself_is_no_difference(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created = run(create_tree(adapter))
    before = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))
    sandbox.patch_account("google", CUSTOMER, ai_max=True)
    (campaign,) = resources(sandbox, "campaigns")
    assert campaign["aiMaxSetting"] == {"enableAiMax": True}
    tree = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))
    # The first read comes from what this process created, without what only the account tells.
    assert tree == before.model_copy(update={"lookback_days": tree.lookback_days})
    assert compare(created.plan, tree, google.journal(created)) == []
    assert succeeded(run(adapter.set_status(ACCESS, Level.CAMPAIGN, [created.campaign_id], "paused")))


def test_another_process_reads_the_same_tree(
    adapter: GoogleAdapter, sandbox: Sandbox, ports: dict[str, int]
) -> None:
    async def create() -> tuple[Tree, Tree]:
        created = await create_tree(adapter, spec(target_countries=["JP"]))
        stranger = google.adapter(ports["google_port"])
        trees = [await one.read_tree(ACCESS, created.campaign_id, "USD") for one in (adapter, stranger)]
        return trees[0], trees[1]

    remembered, read = run(create())
    assert read.lookback_days == 30
    assert remembered == read.model_copy(update={"lookback_days": remembered.lookback_days})


def test_change_made_elsewhere_is_read(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    async def create() -> tuple[Created, list[str]]:
        created = await create_tree(adapter)
        adset_id = created.ids[created.plan.adsets[0].tag]
        succeeded(await adapter.remove(ACCESS, Level.ADSET, [adset_id]))
        await adapter.read_tree(ACCESS, created.campaign_id, "USD")
        tree = await adapter.read_tree(ACCESS, created.campaign_id, "USD")
        return created, [node.platform_id for node in tree.adsets]

    created, left = run(create())
    assert left == [created.ids[adset.tag] for adset in created.plan.adsets[1:]]


def test_ads_can_be_created_by_another_process(
    adapter: GoogleAdapter, sandbox: Sandbox, ports: dict[str, int]
) -> None:
    async def create() -> int:
        account = await adapter.describe_account(ACCESS)
        plan = google.planned(adapter, spec(), account)
        ids = succeeded([await adapter.create_campaign(ACCESS, plan, account)])
        campaign_id = ids[plan.tag]
        ids |= succeeded(await adapter.create_adsets(ACCESS, plan, account, campaign_id, plan.adsets))
        other = google.adapter(ports["google_port"])
        return len(
            succeeded(await other.create_ads(ACCESS, plan, account, campaign_id, google.ad_orders(plan, ids)))
        )

    assert run(create()) == 6


def budget_names(sandbox: Sandbox) -> list[str]:
    return [name for name in sandbox.state("google")["resources"] if "/campaignBudgets/" in name]


def test_budget_is_never_shared(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    run(create_tree(adapter))
    (budget,) = resources(sandbox, "campaignBudgets")
    assert (budget["amountMicros"], budget["explicitlyShared"]) == ("100000000", False)


@pytest.mark.parametrize(
    ("objective", "bidding"),
    [
        ("sales", "MAXIMIZE_CONVERSION_VALUE"),
        ("traffic", "TARGET_SPEND"),
        ("leads", "MAXIMIZE_CONVERSIONS"),
    ],
)
def test_search_objectives(adapter: GoogleAdapter, sandbox: Sandbox, objective: str, bidding: str) -> None:
    run(create_tree(adapter, spec(objective=objective)))
    (campaign,) = resources(sandbox, "campaigns")
    assert (campaign["advertisingChannelType"], campaign["biddingStrategyType"]) == ("SEARCH", bidding)
    assert campaign["containsEuPoliticalAdvertising"] == "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING"
    texts = {item["keyword"]["text"] for item in resources(sandbox, "adGroupCriteria") if "keyword" in item}
    assert texts == {"trail shoe", "running", "light"}


def test_political_campaign_says_so(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    async def create() -> None:
        account = await adapter.describe_account(ACCESS)
        plan = google.planned(adapter, spec(), account)
        plan = plan.model_copy(update={"eu_political_advertising": True})
        succeeded([await adapter.create_campaign(ACCESS, plan, account)])

    run(create())
    (campaign,) = resources(sandbox, "campaigns")
    assert campaign["containsEuPoliticalAdvertising"] == "CONTAINS_EU_POLITICAL_ADVERTISING"


@pytest.mark.parametrize("count", [1, 50])
def test_one_and_fifty_creatives(adapter: GoogleAdapter, sandbox: Sandbox, count: int) -> None:
    asked = spec(creative_ids=[str(number) for number in range(1, count + 1)])

    async def create() -> tuple[Created, Tree]:
        created = await create_tree(adapter, asked)
        return created, await adapter.read_tree(ACCESS, created.campaign_id, "USD")

    created, tree = run(create())
    assert {node.platform_id for node in tree.ads} == {created.ids[ad.tag] for ad in created.plan.ads}
    assert len(tree.ads) == 3 * count
    assert sum(sandbox.operations("google").values()) == 5


@pytest.mark.parametrize(
    ("currency", "budget", "micros"),
    [
        ("USD", 100.01, "100010000"),
        ("EUR", 33.34, "33340000"),
        ("JPY", 10001, "10001000000"),
        ("HUF", 30001, "30001000000"),
        ("TWD", 3001, "3001000000"),
    ],
)
def test_money_is_exact(
    adapter: GoogleAdapter, sandbox: Sandbox, currency: str, budget: float, micros: str
) -> None:
    sandbox.patch_account("google", CUSTOMER, currency=currency)

    async def create() -> Tree:
        created = await create_tree(adapter, spec(daily_budget=budget))
        return await adapter.read_tree(ACCESS, created.campaign_id, currency)

    tree = run(create())
    assert resources(sandbox, "campaignBudgets")[0]["amountMicros"] == micros
    assert tree.campaign.daily_budget == Decimal(str(budget))


@pytest.mark.parametrize(
    "name", ["x" * 200, "Été 'soldes' \\ \"x\"", "夏のキャンペーン" * 20, "Sale 🎉 100%_"]
)
def test_names_of_any_kind_are_found_again(adapter: GoogleAdapter, sandbox: Sandbox, name: str) -> None:
    async def create() -> tuple[Created, Tree, Json]:
        created = await create_tree(adapter, spec(name=name, target_countries=["US", "DE", "FR", "IT", "ES"]))
        plan = created.plan
        found = await adapter.find(ACCESS, Level.CAMPAIGN, [plan.name], None)
        names = [adset.name for adset in plan.adsets]
        found |= await adapter.find(ACCESS, Level.ADSET, names, created.campaign_id)
        return created, await adapter.read_tree(ACCESS, created.campaign_id, "USD"), found

    created, tree, found = run(create())
    assert tree.campaign.name == created.plan.name
    wanted = {item.name: [created.ids[item.tag]] for item in (created.plan, *created.plan.adsets)}
    assert found == wanted


def test_copy_in_chinese_is_measured_as_google_does(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    wide = google.copy(
        primary_text="了解越野跑鞋。查看详情。",
        headline="越野跑鞋越野跑鞋越野跑鞋越野跑鞋越野",  # 18 characters, 36 wide
        description="点击了解更多",
        more_headlines=["查看详情", "了解更多", "欢迎了解"],
        more_descriptions=[],
    )
    run(create_tree(adapter, words=wide))
    ad = resources(sandbox, "adGroupAds")[0]["ad"]["responsiveSearchAd"]
    assert [line["text"] for line in ad["headlines"]] == ["查看详情", "了解更多", "欢迎了解"]
    assert [line["text"] for line in ad["descriptions"]] == ["了解越野跑鞋。查看详情。", "点击了解更多"]


def test_too_little_copy_is_refused_before_the_ads(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    with pytest.raises(AssertionError, match="an ad needs 3"):
        run(create_tree(adapter, words=google.copy(more_headlines=[])))
    assert "create_ad" not in sandbox.operations("google")


# --- pictures and apps -----------------------------------------------------------------------------------


def demand_gen(ports: dict[str, int]) -> GoogleAdapter:
    logo = {"business_name": "Example", "logo_url": picture(ports, 9)}
    return google.adapter(ports["google_port"], {CUSTOMER: logo})


def pictured(ports: dict[str, int]) -> dict[str, Any]:
    return {key: builders.creative(creative_id=key, file_url=picture(ports, int(key))) for key in ("1", "2")}


@pytest.mark.parametrize("objective", ["awareness", "engagement"])
def test_demand_gen_uploads_each_picture_once(
    sandbox: Sandbox, ports: dict[str, int], objective: str
) -> None:
    adapter = demand_gen(ports)

    async def create(campaign_id: str) -> Tree:
        created = await create_tree(
            adapter, spec(objective=objective), campaign_id=campaign_id, creatives=pictured(ports)
        )
        return await adapter.read_tree(ACCESS, created.campaign_id, "USD")

    run(create("cmp_1"))
    before = sum(sandbox.operations("google").values())
    tree = run(create("cmp_2"))

    assert sandbox.operations("google")["upload_image"] == 1
    assert sum(sandbox.operations("google").values()) - before == 6
    assert len(resources(sandbox, "assets")) == 3
    assert {node.primary_text for node in tree.ads} == {"Run further."}
    ad = resources(sandbox, "adGroupAds")[0]["ad"]["demandGenMultiAssetAd"]
    assert ad["businessName"] == "Example"
    assert len(ad["squareMarketingImages"]) == len(ad["logoImages"]) == 1
    campaign = resources(sandbox, "campaigns")[0]
    assert campaign["advertisingChannelType"] == "DEMAND_GEN"
    assert campaign["demandGenCampaignSettings"] == {"upgradedTargeting": False}


def test_video_of_the_library_is_refused_by_name(ports: dict[str, int]) -> None:
    films = [builders.creative(creative_id="2", file_type="video")]
    with pytest.raises(InvalidRequestError, match="2 are videos"):
        demand_gen(ports).check_creatives(spec(objective="awareness"), films)
    demand_gen(ports).check_creatives(spec(objective="sales"), films)


def test_app_campaign(sandbox: Sandbox, ports: dict[str, int]) -> None:
    adapter = google.adapter(ports["google_port"], APP)
    asked = spec(objective="app_promotion", creative_ids=["1"], age_groups=[(18, 65)])

    async def create() -> tuple[Created, Tree, Json]:
        created = await create_tree(adapter, asked)
        names = [created.plan.ads[0].name]
        found = await adapter.find(ACCESS, Level.AD, names, created.campaign_id)
        return created, await adapter.read_tree(ACCESS, created.campaign_id, "USD"), found

    created, tree, found = run(create())
    (campaign,) = resources(sandbox, "campaigns")
    assert campaign["appCampaignSetting"]["appId"] == "com.example.shop"
    assert campaign["appCampaignSetting"]["appStore"] == "GOOGLE_APP_STORE"
    assert found == {created.plan.ads[0].name: [created.ids[created.plan.ads[0].tag]]}
    assert tree.adsets[0].bid_strategy == "lowest_cost"


# --- statuses, removal, figures ----------------------------------------------------------------------------


def switch(adapter: GoogleAdapter, created: Created, status: str) -> Any:
    async def all_levels() -> None:
        plan = created.plan
        for level, items in ((Level.AD, plan.ads), (Level.ADSET, plan.adsets), (Level.CAMPAIGN, [plan])):
            ids = [created.ids[item.tag] for item in items]
            succeeded(await adapter.set_status(ACCESS, level, ids, status))

    return all_levels()


def test_statuses_follow_and_are_explained(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter))
    run(switch(adapter, created, "active"))
    under_review = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))
    sandbox.advance(advance_hours=2)
    approved = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))
    run(switch(adapter, created, "paused"))
    paused = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))

    assert {node.platform_status for node in under_review.ads} == {"PENDING"}
    assert {node.status for node in approved.ads} == {"active"}
    assert {node.platform_status for node in approved.ads} == {"ELIGIBLE"}
    assert approved.campaign.platform_status == "LEARNING"
    assert {node.status for node in [paused.campaign, *paused.adsets, *paused.ads]} == {"paused"}


def test_refused_ad_tells_the_policy(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter, words=google.copy(description="A miracle for your feet")))
    run(switch(adapter, created, "active"))
    sandbox.advance(advance_hours=2)
    tree: Tree = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))
    assert tree.ads[0].platform_status == "NOT_ELIGIBLE"
    assert tree.ads[0].issues == ["AD_GROUP_AD_DISAPPROVED", "policy: UNRELIABLE_CLAIMS"]
    assert tree.campaign.issues == ["HAS_ADS_DISAPPROVED"]


def test_fourth_search_ad_stays_off_and_the_others_go_on(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    asked = spec(creative_ids=["1", "2", "3", "4"], age_groups=[(18, 65)])
    created: Created = run(create_tree(adapter, asked))
    ids = [created.ids[ad.tag] for ad in created.plan.ads]
    outcomes = run(adapter.set_status(ACCESS, Level.AD, ids, "active"))
    assert [outcome.error is None for outcome in outcomes] == [True, True, True, False]
    assert outcomes[3].error.code == "1005"
    assert outcomes[3].tag == ids[3]


def test_removal_takes_everything_and_may_be_repeated(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter))
    plan = created.plan
    levels = ((Level.AD, plan.ads), (Level.ADSET, plan.adsets), (Level.CAMPAIGN, [plan]))
    for _ in range(2):
        for level, items in levels:
            ids = [created.ids[item.tag] for item in items]
            assert succeeded(run(adapter.remove(ACCESS, level, ids))) == {item: item for item in ids}

    assert sandbox.left_behind("google") == {}
    assert resources(sandbox, "campaignBudgets")[0]["status"] == "REMOVED"
    (unknown,) = run(adapter.remove(ACCESS, Level.CAMPAIGN, ["77"]))
    assert unknown.error.code == "5000"
    assert run(adapter.read_tree(ACCESS, created.campaign_id, "USD")).campaign.status == "deleted"


def test_removed_campaign_takes_no_changes(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter))
    run(adapter.remove(ACCESS, Level.CAMPAIGN, [created.campaign_id]))
    (outcome,) = run(adapter.set_status(ACCESS, Level.CAMPAIGN, [created.campaign_id], "active"))
    assert outcome.error.code == "5004"


def test_budget_that_others_spend_is_not_changed(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter))
    operation = budget_operation(next(iter(budget_names(sandbox))), Decimal(100))
    budget = operation.campaign_budget_operation
    budget.update.name, budget.update.explicitly_shared = "Everybody's", True
    budget.update_mask.paths.extend(["name", "explicitly_shared"])
    run(adapter._wire.mutate(ACCESS, "update_campaign", [operation]))
    wish = {created.campaign_id: Decimal(120)}
    (outcome,) = run(adapter.set_budgets(ACCESS, created.account, Level.CAMPAIGN, wish))
    assert outcome.error.code == "4005"
    assert "shares its budget" in outcome.error.message
    # An import shows it, and says why it cannot be changed.
    (found,) = run(adapter.list_campaigns(ACCESS, created.account))
    assert (found.daily_budget, len(found.limits)) == (100, 1)
    assert "shares its budget" in found.limits[0]
    run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))  # what the creation itself was answered
    tree = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))
    assert tree.campaign.fixed_budget == found.limits[0]
    (stored,) = resources(sandbox, "campaignBudgets")
    assert stored["amountMicros"] == "100000000"


def test_new_budget_is_read_right_after_the_creation(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter))
    wish = {created.campaign_id: Decimal("120.5")}
    run(adapter.set_budgets(ACCESS, created.account, Level.CAMPAIGN, wish))
    tree = run(adapter.read_tree(ACCESS, created.campaign_id, "USD"))
    assert tree.campaign.daily_budget == Decimal("120.5")


def test_unknown_campaign_is_gone(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    with pytest.raises(PlatformRejectedError) as refused:
        run(adapter.read_tree(ACCESS, "77", "USD"))
    assert refused.value.code == "5000"


def test_figures_add_up_over_the_levels(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter))
    run(switch(adapter, created, "active"))
    sandbox.advance(advance_days=2)
    day = date.fromisoformat(sandbox.state("google")["records"][0]["day"])
    figures = run(read_figures(adapter, ACCESS, created.campaign_id, day, "sales"))

    whole = figures[Level.CAMPAIGN][created.campaign_id]
    assert whole.spend > 0
    assert whole.roas == round(whole.revenue / whole.spend, 4)
    for level in (Level.ADSET, Level.AD):
        parts = figures[level].values()
        assert parts
        assert sum(part.spend for part in parts) == whole.spend
        assert sum(part.conversions for part in parts) == whole.conversions
    assert figures[Level.AD].keys() <= {created.ids[ad.tag] for ad in created.plan.ads}


def test_object_without_delivery_has_no_row(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    created: Created = run(create_tree(adapter))
    figures = run(read_figures(adapter, ACCESS, created.campaign_id, date(2026, 11, 2), "sales"))
    assert figures == {Level.CAMPAIGN: {}, Level.ADSET: {}, Level.AD: {}}


# --- failures ----------------------------------------------------------------------------------------------

LEVELS = [Level.CAMPAIGN, Level.ADSET, Level.AD]


async def up_to(adapter: GoogleAdapter, level: Level) -> tuple[Any, Any, dict[str, str]]:
    """A plan with everything above `level` made."""
    account = await adapter.describe_account(ACCESS)
    plan = google.planned(adapter, spec(), account)
    ids: dict[str, str] = {}
    for made in LEVELS[: LEVELS.index(level)]:
        ids |= succeeded(await create_level(adapter, made, plan, account, ids))
    return plan, account, ids


async def create_level(adapter: GoogleAdapter, level: Level, plan: Any, account: Any, ids: Any) -> Any:
    if level is Level.CAMPAIGN:
        return [await adapter.create_campaign(ACCESS, plan, account)]
    if level is Level.ADSET:
        return await adapter.create_adsets(ACCESS, plan, account, ids[plan.tag], plan.adsets)
    return await adapter.create_ads(ACCESS, plan, account, ids[plan.tag], google.ad_orders(plan, ids))


def items_of(plan: Any, level: Level) -> list[Any]:
    return {Level.CAMPAIGN: [plan], Level.ADSET: plan.adsets, Level.AD: plan.ads}[level]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("kind", "acted"),
    [("drop_after", True), ("timeout_after", True), ("drop_connection", False), ("garbage", False)],
)
def test_lost_answer_is_unknown_and_found_by_name(
    adapter: GoogleAdapter, sandbox: Sandbox, level: Level, kind: str, acted: bool
) -> None:
    async def lose() -> tuple[Any, Any, Json]:
        plan, account, ids = await up_to(adapter, level)
        sandbox.fault("google", f"create_{level}", kind, hang_seconds=0.2)
        outcomes = await create_level(adapter, level, plan, account, ids)
        names = [item.name for item in items_of(plan, level)]
        return plan, outcomes, await adapter.find(ACCESS, level, names, ids.get(plan.tag))

    plan, outcomes, found = run(lose())
    assert len(outcomes) == len(items_of(plan, level)) > 0
    assert all(isinstance(outcome.error, PlatformUnavailableError) for outcome in outcomes)
    assert all(outcome.error.details["outcome_unknown"] for outcome in outcomes)
    assert found.keys() == ({item.name for item in items_of(plan, level)} if acted else set())
    assert all(len(ids) == 1 for ids in found.values())


@pytest.mark.parametrize("level", [Level.CAMPAIGN, Level.ADSET])
def test_second_try_after_a_lost_answer_takes_over_the_first(
    adapter: GoogleAdapter, sandbox: Sandbox, level: Level
) -> None:
    async def twice() -> tuple[Any, Json]:
        plan, account, ids = await up_to(adapter, level)
        sandbox.fault("google", f"create_{level}", "drop_after")
        await create_level(adapter, level, plan, account, ids)
        ids = succeeded(await create_level(adapter, level, plan, account, ids))
        return plan, ids

    plan, ids = run(twice())
    kind = {Level.CAMPAIGN: "campaigns", Level.ADSET: "adsets"}[level]
    assert set(ids) == {item.tag for item in items_of(plan, level)}
    assert {item["id"] for item in sandbox.live("google", kind)} == set(ids.values())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("kind", "error", "code", "unknown"),
    [
        ("http_500", PlatformUnavailableError, "4002", True),
        ("rate_limit", PlatformRateLimitError, "1003", False),
        ("auth_expired", PlatformAuthError, "6001", False),
        ("policy", PlatformRejectedError, "6005", False),
    ],
)
def test_worded_failures(
    adapter: GoogleAdapter,
    sandbox: Sandbox,
    level: Level,
    kind: str,
    error: type[PlatformError],
    code: str,
    unknown: bool,
) -> None:
    async def fail() -> Any:
        plan, account, ids = await up_to(adapter, level)
        sandbox.fault("google", f"create_{level}", kind)
        return await create_level(adapter, level, plan, account, ids)

    outcomes = run(fail())
    assert outcomes
    for outcome in outcomes:
        assert isinstance(outcome.error, error)
        assert outcome.error.code == code
        assert bool(outcome.error.details.get("outcome_unknown")) is unknown
        assert outcome.error.details["platform_request_id"].startswith("sandbox-")
    if kind == "rate_limit":
        assert outcomes[0].error.details["retry_after"] == 5


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("denied_bare", PlatformAuthError, "1004"),
        ("internal_bare", PlatformUnavailableError, "4002"),
        ("auth_withdrawn", PlatformAuthError, "6001"),
    ],
)
def test_statuses_without_a_failure(
    adapter: GoogleAdapter, sandbox: Sandbox, kind: str, error: type[PlatformError], code: str
) -> None:
    sandbox.fault("google", "read_account", kind)
    with pytest.raises(error) as refusal:
        run(adapter.describe_account(ACCESS))
    assert refusal.value.code == code


def test_client_gives_up_on_a_hanging_call(sandbox: Sandbox, ports: dict[str, int]) -> None:
    impatient = google.adapter(ports["google_port"], seconds=0.3)
    sandbox.fault("google", "read_account", "timeout_before", hang_seconds=5)
    with pytest.raises(PlatformUnavailableError, match="DeadlineExceeded"):
        run(impatient.describe_account(ACCESS))


def test_server_that_is_down_is_unavailable() -> None:
    with pytest.raises(PlatformUnavailableError):
        run(google.adapter(1, seconds=3).describe_account(ACCESS))


def test_daily_quota_is_no_rate_limit(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    sandbox.patch_account("google", CUSTOMER, operations_per_day=0)
    with pytest.raises(PlatformError) as refused:
        run(adapter.describe_account(ACCESS))
    assert (refused.value.code, refused.value.details["retry_after"]) == ("1005", 40591)


def test_undeclared_campaign_blocks_the_account_and_says_what_to_do(
    adapter: GoogleAdapter, sandbox: Sandbox
) -> None:
    sandbox.patch_account("google", CUSTOMER, undeclared_campaign=True)

    async def create() -> Any:
        account = await adapter.describe_account(ACCESS)
        return await adapter.create_campaign(ACCESS, google.planned(adapter, spec(), account), account)

    outcome = run(create())
    assert outcome.error.code == "6005"
    assert "declare it" in outcome.error.message
    assert not outcome.error.retryable


@pytest.mark.parametrize(
    ("token", "customer", "code"),
    [
        ("sandbox-google-token-456", CUSTOMER, "1004"),
        ("nonsense", CUSTOMER, "6001"),
        ("sandbox-google-token-123", "9990000009", "1004"),
    ],
)
def test_wrong_tokens(adapter: GoogleAdapter, sandbox: Sandbox, token: str, customer: str, code: str) -> None:
    access = Access(platform_account_id=customer, token=SecretStr(token))
    with pytest.raises(PlatformAuthError) as refused:
        run(adapter.describe_account(access))
    assert refused.value.code == code


def test_expired_token(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    sandbox.patch_account("google", CUSTOMER, token_expired=True)
    with pytest.raises(PlatformAuthError) as refused:
        run(adapter.describe_account(ACCESS))
    assert refused.value.code == "6001"
    assert google.TOKEN not in refused.value.message


# --- refused before the first write ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"eu_political_advertising": None}, "eu_political_advertising"),
        ({"split_by": "country", "target_countries": ["US", "DE"]}, "split_by"),
        ({"split_by": "country_age", "target_countries": ["US", "DE"]}, "split_by"),
        ({"audience": {"lookalike": "7"}}, "audience"),
        ({"target_countries": ["US", "CU"]}, "target_countries"),
        ({"age_groups": [(13, 17), (18, 65)]}, "age_groups"),
        ({"creative_ids": ["1", "2", "3", "4"], "activate": True}, "activate"),
        ({"objective": "app_promotion", "creative_ids": ["1"]}, "age_groups"),
        ({"objective": "app_promotion", "age_groups": [(18, 65)]}, "creative_ids"),
    ],
)
def test_what_google_cannot_express_is_refused_by_name(
    sandbox: Sandbox, ports: dict[str, int], changes: Json, field: str
) -> None:
    adapter = google.adapter(ports["google_port"], APP)
    account = run(adapter.describe_account(ACCESS))
    with pytest.raises(InvalidRequestError) as refused:
        adapter.check(spec(**changes), account)
    assert refused.value.details["field"] == field
    assert refused.value.message.startswith(field)


@pytest.mark.parametrize(
    ("objective", "configured", "field"),
    [
        ("awareness", {}, "business_name"),
        ("engagement", {"business_name": "Example"}, "logo_url"),
        ("awareness", {"business_name": "x" * 26, "logo_url": "https://x.example/l.png"}, "business_name"),
        ("app_promotion", {}, "app_id"),
        ("app_promotion", {"app_id": "1", "app_store": "elsewhere"}, "app_store"),
    ],
)
def test_missing_configuration_is_named(
    sandbox: Sandbox, ports: dict[str, int], objective: str, configured: Json, field: str
) -> None:
    adapter = google.adapter(ports["google_port"], {CUSTOMER: configured})
    account = run(adapter.describe_account(ACCESS))
    with pytest.raises(AccountError) as refused:
        adapter.check(spec(objective=objective), account)
    assert (refused.value.code, refused.value.details["field"]) == ("4005", field)


def test_demand_gen_below_its_minimum_is_refused(sandbox: Sandbox, ports: dict[str, int]) -> None:
    adapter = demand_gen(ports)
    account = run(adapter.describe_account(ACCESS))
    with pytest.raises(InvalidRequestError, match="at least 5 USD"):
        adapter.check(spec(objective="awareness", daily_budget=4.99), account)


@pytest.mark.parametrize(
    ("status", "code"), [("SUSPENDED", "6005"), ("CANCELED", "1004"), ("CLOSED", "1004")]
)
def test_account_that_cannot_advertise(
    adapter: GoogleAdapter, sandbox: Sandbox, status: str, code: str
) -> None:
    sandbox.patch_account("google", CUSTOMER, status=status)
    with pytest.raises((AccountError, PlatformAuthError)) as refused:
        run(adapter.describe_account(ACCESS))
    assert refused.value.code == code


def test_unknown_currency_is_refused(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    sandbox.patch_account("google", CUSTOMER, currency="XTS")
    with pytest.raises(AccountError, match="XTS"):
        run(adapter.describe_account(ACCESS))


def test_warnings_say_what_is_read_differently(adapter: GoogleAdapter, sandbox: Sandbox) -> None:
    account = run(adapter.describe_account(ACCESS))
    asked = spec(special_ad_categories=["CREDIT"], age_groups=[(18, 65)], creative_ids=["1", "2", "3", "4"])
    words = " ".join(adapter.check(asked, account))
    for part in ("text only", "CREDIT cannot be declared", "at most 3 of the 4 ads", "everybody older"):
        assert part in words
    assert "shares of the ad sets" not in words
    assert "shares of the ad sets are not enforced" in " ".join(adapter.check(spec(), account))
