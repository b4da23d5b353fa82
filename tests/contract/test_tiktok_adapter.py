"""The TikTok adapter against its sandbox: what the manager relies on, in both families."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaign_automation.adapters.base import AdOrder, BudgetOutcome, read_figures
from campaign_automation.adapters.common import videos
from campaign_automation.adapters.tiktok_adapter import TikTokAdapter
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.managers.campaigns.read_back import compare
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.common import Level
from campaign_automation.utils import clock, retry_strategy
from campaign_automation.utils.error_handler import (
    AccountError,
    InvalidRequestError,
    PlatformAuthError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
from tests.support.builders import creative
from tests.support.files import LOCAL_FILES
from tests.support.sandbox import Sandbox
from tests.support.tiktok import (
    ADVERTISER,
    Bench,
    Created,
    TikTokApi,
    adgroup_body,
    campaign_body,
    id_of,
    ids_of,
)

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("manual", "smart_plus")
LEVELS = (Level.AD, Level.ADSET, Level.CAMPAIGN)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=120, verify=False) as client:
        yield client


@pytest.fixture
def sandbox(process: str, http: httpx.Client, control: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The platform as seeded, on a day on which both families exist; a video is looked at again at once."""
    monkeypatch.setattr(videos, "POLL_SECONDS", (0.01, 0.1, 1))
    http.post(f"{process}/admin/reset", json={"now": "2026-11-02T12:00:00+00:00"}).raise_for_status()
    return control


@pytest.fixture
def bench(process: str, sandbox: Sandbox) -> Bench:
    return Bench(process)


@pytest.fixture(params=FAMILIES)
def either(request: pytest.FixtureRequest, process: str, sandbox: Sandbox) -> Bench:
    """The same in both families."""
    return Bench(process, options={"family": request.param})


def _drift(created: Created) -> list[str]:
    """What the manager would find different from the plan."""
    ids = {created.plan.tag: created.campaign_id, **created.adsets, **created.ads}

    class Journal:
        copies: Any = {item.creative_id: _Copy() for item in created.plan.creatives}

        def platform_id(self, tag: str) -> str | None:
            return ids.get(tag)

    return [item.message for item in compare(created.plan, created.tree, Journal())]  # type: ignore[arg-type]


class _Copy:
    primary_text = "Run further."


# --- creating


def test_a_whole_tree_is_made_paused_and_as_planned(either: Bench, sandbox: Sandbox) -> None:
    created = either.create_all()
    assert _drift(created) == []
    assert sandbox.left_behind("tiktok") == {"campaigns": 1, "adsets": 3, "ads": 6}
    nodes = [created.tree.campaign, *created.tree.adsets, *created.tree.ads]
    assert {node.status for node in nodes} == {"paused"}
    assert all(node.name.endswith(tag) for node, tag in [(created.tree.campaign, created.plan.tag)])
    assert {tag for _, tag in ((ad, ad.name.rsplit(" ", 1)[-1]) for ad in created.tree.ads)} == set(
        created.ads
    )


def test_manual_creation_takes_ten_calls_with_its_read(bench: Bench, sandbox: Sandbox) -> None:
    bench.create_all()
    operations = sandbox.operations("tiktok")
    for once in (
        "read_account",
        "read_identity",
        "read_pixels",
        "upload_image",
        "upload_video",
        "read_video",
    ):
        operations.pop(once)
    # ad/create/ does not tell the state of the new ads, so they are read.
    assert operations == Counter(
        create_campaign=1, create_adset=3, create_ad=3, read_campaign=1, list_adsets=1, list_ads=1
    )


def test_smart_plus_makes_one_ad_per_creative(process: str, sandbox: Sandbox) -> None:
    created = Bench(process, options={"family": "smart_plus"}).create_all()
    operations = sandbox.operations("tiktok")
    assert (operations["create_campaign"], operations["create_adset"], operations["create_ad"]) == (1, 3, 6)
    stored = sandbox.state("tiktok")["ads"][created.ids(Level.AD)[0]]
    assert stored["campaign_automation_type"] == "UPGRADED_SMART_PLUS"


def test_after_2026_sales_are_smart_plus_and_traffic_is_not(process: str, sandbox: Sandbox) -> None:
    bench = Bench(process, options={"today": lambda: date(2027, 1, 1)})
    for objective, kind in (("sales", "UPGRADED_SMART_PLUS"), ("traffic", "MANUAL")):
        created = bench.create_all(objective=objective, campaign_id=f"cmp_{objective}")
        stored = sandbox.state("tiktok")["campaigns"][created.campaign_id]
        assert stored["campaign_automation_type"] == kind


@pytest.fixture
def next_year(process: str, control: Sandbox) -> Iterator[None]:
    """The platforms in 2027, and the module's clock with them."""
    control.reset(now="2027-01-15T12:00:00+00:00")
    asyncio.run(clock.synchronise(f"{process}/admin/clock"))
    yield
    asyncio.run(clock.synchronise(None))


@pytest.mark.usefixtures("next_year")
def test_the_family_follows_the_modules_clock(process: str, control: Sandbox) -> None:
    class FromTheClock(Bench):
        def new_adapter(self) -> TikTokAdapter:
            return TikTokAdapter(
                lambda: {}, MediaClient(LOCAL_FILES), api_url=f"{process}/tiktok/open_api/v1.3"
            )

    bench = FromTheClock(process)
    assert "Upgraded Smart+" in " ".join(bench.adapter.check(bench.spec(), bench.account()))
    created = bench.create_all(creative_ids=["1"])
    stored = control.state("tiktok")["campaigns"][created.campaign_id]
    assert stored["campaign_automation_type"] == "UPGRADED_SMART_PLUS"


def test_the_last_day_of_manual_creation_is_a_setting(process: str, sandbox: Sandbox) -> None:
    ends = {"manual_ends": date(2026, 6, 30), "today": lambda: date(2026, 7, 1)}
    created = Bench(process, options=ends).create_all(creative_ids=["1"])
    stored = sandbox.state("tiktok")["campaigns"][created.campaign_id]
    assert stored["campaign_automation_type"] == "UPGRADED_SMART_PLUS"


@pytest.mark.parametrize("objective", ["traffic", "awareness", "leads", "engagement", "app_promotion"])
def test_every_objective_is_made(process: str, sandbox: Sandbox, objective: str) -> None:
    bench = Bench(process, configured={"app_id": f"72{ADVERTISER[-8:]}", "app_platform": "ios"})
    created = bench.create_all(objective=objective, creative_ids=["1"], split_by="country")
    assert _drift(created) == []


def test_what_is_read_later_is_what_was_answered_at_once(either: Bench) -> None:
    created = either.create_all()
    tree = either.run(either.adapter.read_tree(either.access, created.campaign_id, "USD"))
    assert {node.platform_id: node for node in tree.ads} == {n.platform_id: n for n in created.tree.ads}
    assert {n.platform_id: n for n in tree.adsets}.keys() == {n.platform_id for n in created.tree.adsets}
    assert tree.campaign == created.tree.campaign


def test_another_process_reads_the_same_tree(either: Bench) -> None:
    created = either.create_all()
    other = either.new_adapter()
    tree = either.run(other.read_tree(either.access, created.campaign_id, "USD"))
    assert {node.platform_id for node in tree.ads} == set(created.ads.values())
    assert tree.campaign.name == created.plan.name


@pytest.mark.parametrize("count", [1, 20])
def test_one_and_twenty_creatives(bench: Bench, count: int) -> None:
    created = bench.create_all(creative_ids=[str(2 * n + 1) for n in range(count)], split_by="country")
    assert len(created.tree.ads) == count
    assert _drift(created) == []


def test_fifty_creatives_are_refused_before_the_first_write(bench: Bench, sandbox: Sandbox) -> None:
    account = bench.account()
    with pytest.raises(InvalidRequestError, match="20 ads"):
        bench.plan(account, creative_ids=[str(n) for n in range(1, 51)])
    assert sandbox.left_behind("tiktok") == {}


def test_an_account_with_more_room_takes_fifty_in_calls_of_twenty(process: str, sandbox: Sandbox) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, ads_per_adgroup=50)
    bench = Bench(process, options={"ads_per_adset": 50})
    created = bench.create_all(creative_ids=[str(n) for n in range(1, 101, 2)], split_by="country")
    assert len(created.tree.ads) == 50
    assert sandbox.operations("tiktok")["create_ad"] == 3


# --- money, names, words


@pytest.mark.parametrize(
    ("currency", "total", "shares"),
    [
        ("USD", 100, ["33.34", "33.33", "33.33"]),
        ("EUR", 61, ["20.34", "20.33", "20.33"]),
        ("JPY", 10_000, ["3334", "3333", "3333"]),
        ("HUF", 100, ["34", "33", "33"]),
        ("TWD", 1000, ["334", "333", "333"]),
    ],
)
def test_budgets_are_stored_exactly(
    either: Bench, sandbox: Sandbox, currency: str, total: int, shares: list[str]
) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, currency=currency)
    created = either.create_all(daily_budget=total, creative_ids=["1"])
    assert list(created.budgets().values()) == [Decimal(share) for share in shares]
    assert _drift(created) == []


def test_a_budget_finer_than_the_currency_or_under_the_floor_is_refused(
    bench: Bench, sandbox: Sandbox
) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, currency="JPY")
    account = bench.account()
    with pytest.raises(InvalidRequestError, match="finer"):
        bench.plan(account, daily_budget=10_000.5)
    with pytest.raises(InvalidRequestError, match="minimum is 2000 JPY"):
        bench.plan(account, daily_budget=5999)


def test_an_unknown_currency_is_refused(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, currency="XXX")
    with pytest.raises(AccountError, match="XXX"):
        bench.account()


@pytest.mark.parametrize("name", ["N" * 200, "夏のセール", "Größe – 100 % ≤ 5 €", 'a "quoted" \\ name'])
def test_long_and_foreign_names_are_stored_whole(either: Bench, name: str) -> None:
    created = either.create_all(name=name, creative_ids=["1"], split_by="country")
    assert created.tree.campaign.name == f"{name} {created.plan.tag}"
    found = either.run(either.adapter.find(either.access, Level.CAMPAIGN, [created.plan.name], None))
    assert found == {created.plan.name: [created.campaign_id]}


def test_foreign_words_are_stored_whole(either: Bench) -> None:
    text = "走得更远。Läuft länger – für 49,90 €"

    async def work() -> Created:
        account = await either.adapter.describe_account(either.access)
        plan = either.plan(account, creative_ids=["1"], split_by="country")
        return await either.create(plan, account, await either.orders(plan, text))

    assert either.run(work()).tree.ads[0].primary_text == text


def test_ages_come_back_as_the_plan_has_them(either: Bench) -> None:
    created = either.create_all(age_groups=[(18, 35), (36, 65)], creative_ids=["1"])
    ages = sorted((node.targeting.age_min, node.targeting.age_max) for node in created.tree.adsets)
    assert ages == [(18, 34), (35, 65)]


def test_a_lookalike_audience_is_targeted(either: Bench, sandbox: Sandbox) -> None:
    audience = sandbox.state("tiktok")["accounts"][ADVERTISER]["audiences"][0]
    created = either.create_all(audience={"lookalike": audience}, creative_ids=["1"])
    stored = sandbox.state("tiktok")["adsets"][created.ids(Level.ADSET)[0]]
    assert (stored.get("targeting_spec") or stored)["audience_ids"] == [audience]


def test_special_categories_are_declared(bench: Bench, sandbox: Sandbox) -> None:
    created = bench.create_all(special_ad_categories=["HOUSING"], age_groups=[(18, 65)], creative_ids=["1"])
    stored = sandbox.state("tiktok")["campaigns"][created.campaign_id]
    assert stored["special_industries"] == ["HOUSING"]


# --- the account


def test_the_account_names_its_only_identity_and_pixel(bench: Bench) -> None:
    account = bench.account()
    assert (account.currency, account.time_zone) == ("USD", "America/New_York")
    assert (account.budget_step, account.min_daily_budget) == (Decimal("0.01"), Decimal(20))
    assert account.facts["identity_type"] == "CUSTOMIZED_USER"
    assert account.facts["pixel_id"] == "7300000000000000123"


@pytest.mark.parametrize(("field", "kind"), [("identities", "identity"), ("pixels", "pixel")])
def test_what_is_missing_is_refused_before_the_first_write(
    bench: Bench, sandbox: Sandbox, field: str, kind: str
) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, **{field: []})
    with pytest.raises(AccountError, match=f"{kind}_id under accounts"):
        bench.plan(bench.account())


def test_the_secret_chooses_among_several(process: str, sandbox: Sandbox) -> None:
    pixels = [{"pixel_id": f"73000000000000{n}", "pixel_code": "C", "pixel_name": "p"} for n in (11, 12)]
    sandbox.patch_account("tiktok", ADVERTISER, pixels=pixels)
    bench = Bench(process)
    account = bench.account()
    with pytest.raises(AccountError) as caught:
        bench.plan(account)
    assert caught.value.details["allowed"] == [pixel["pixel_id"] for pixel in pixels]
    created = Bench(process, configured={"pixel_id": pixels[1]["pixel_id"]}).create_all(creative_ids=["1"])
    assert sandbox.state("tiktok")["adsets"][created.ids(Level.ADSET)[0]]["pixel_id"] == pixels[1]["pixel_id"]


def test_a_limited_account_and_a_foreign_one_are_refused(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, status="STATUS_LIMIT")
    with pytest.raises(AccountError) as caught:
        bench.account()
    assert caught.value.code == "6005"
    bench.advertiser = "7000000000000000456"
    with pytest.raises(PlatformAuthError) as foreign:
        bench.account()
    assert foreign.value.code == "1004"


# --- status and removal


def test_statuses_are_set_level_by_level(either: Bench, sandbox: Sandbox) -> None:
    created = either.create_all()
    for status, stored in (("active", "ACTIVE"), ("paused", "PAUSED")):
        for level in LEVELS:
            outcomes = either.run(either.adapter.set_status(either.access, level, created.ids(level), status))
            assert [(item.tag, item.error) for item in outcomes] == [(x, None) for x in created.ids(level)]
        items = sandbox.live("tiktok", "ads") + sandbox.live("tiktok", "adsets")
        assert {item["status"] for item in items + sandbox.live("tiktok", "campaigns")} == {stored}


def test_more_than_twenty_ids_go_in_several_calls(process: str, sandbox: Sandbox) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, ads_per_adgroup=25)
    bench = Bench(process, options={"ads_per_adset": 25})
    created = bench.create_all(creative_ids=[str(2 * n + 1) for n in range(25)], split_by="country")
    bench.run(bench.adapter.set_status(bench.access, Level.AD, created.ids(Level.AD), "active"))
    assert sandbox.operations("tiktok")["update_ad"] == 2


@pytest.mark.parametrize("knows", [True, False])
def test_everything_is_removed_and_removing_it_again_succeeds(
    either: Bench, sandbox: Sandbox, knows: bool
) -> None:
    created = either.create_all()
    if not knows:  # another process, which has not seen these ids
        either.adapter = either.new_adapter()
    for level in LEVELS * 2:
        outcomes = either.run(either.adapter.remove(either.access, level, created.ids(level)))
        assert [item.error for item in outcomes] == [None] * len(created.ids(level))
    assert sandbox.left_behind("tiktok") == {}
    tree = either.run(either.adapter.read_tree(either.access, created.campaign_id, "USD"))
    assert tree.campaign.status == "deleted"


def test_what_is_not_known_is_no_success_beside_what_is_removed(bench: Bench, sandbox: Sandbox) -> None:
    created = bench.create_all()
    ids = [*created.ids(Level.AD)[:2], "1999999999999999"]
    outcomes = bench.run(bench.adapter.remove(bench.access, Level.AD, ids))
    assert [item.error and item.error.code for item in outcomes] == [None, None, "5000"]
    assert sandbox.left_behind("tiktok")["ads"] == 4


def test_a_removal_that_was_refused_is_no_success(bench: Bench, sandbox: Sandbox) -> None:
    created = bench.create_all(creative_ids=["1"])
    sandbox.fault("tiktok", "delete_campaign", "policy", times=0)
    outcome = bench.run(bench.adapter.remove(bench.access, Level.CAMPAIGN, [created.campaign_id]))[0]
    assert isinstance(outcome.error, PlatformRejectedError)
    assert sandbox.left_behind("tiktok")["campaigns"] == 1


def test_a_status_of_something_unknown_is_refused(bench: Bench) -> None:
    outcome = bench.run(bench.adapter.set_status(bench.access, Level.AD, ["1999999999999999"], "active"))[0]
    assert outcome.error is not None
    assert outcome.error.code == "5000"


# --- unknown outcomes


@pytest.mark.parametrize("kind", ["drop_after", "timeout_after"])
def test_a_campaign_whose_answer_was_lost_is_found_by_its_name(
    either: Bench, sandbox: Sandbox, kind: str
) -> None:
    account = either.account()
    plan = either.plan(account)
    sandbox.fault("tiktok", "create_campaign", kind, hang_seconds=0.3)
    outcome = either.run(either.adapter.create_campaign(either.access, plan, account))
    assert isinstance(outcome.error, PlatformUnavailableError)
    assert outcome.error.details["outcome_unknown"]
    found = either.run(either.adapter.find(either.access, Level.CAMPAIGN, [plan.name], None))
    assert found == {plan.name: [item["id"] for item in sandbox.live("tiktok", "campaigns")]}


def test_ads_whose_answer_was_lost_are_found_and_the_tree_is_read_whole(
    either: Bench, sandbox: Sandbox
) -> None:
    async def work() -> None:
        adapter, access = either.adapter, either.access
        account = await adapter.describe_account(access)
        plan = either.plan(account, split_by="country")
        creatives = await either.orders(plan)
        campaign_id = id_of(await adapter.create_campaign(access, plan, account))
        adsets = ids_of(await adapter.create_adsets(access, plan, account, campaign_id, plan.adsets))
        orders = [
            AdOrder(ad.tag, ad.name, adsets[ad.adset_tag], creatives[ad.creative_id], None) for ad in plan.ads
        ]
        sandbox.fault("tiktok", "create_ad", "drop_after", times=0)
        outcomes = await adapter.create_ads(access, plan, account, campaign_id, orders)
        assert len(outcomes) == 2
        assert all(item.error and item.error.details["outcome_unknown"] for item in outcomes)
        found = await adapter.find(access, Level.AD, [ad.name for ad in plan.ads], campaign_id)
        assert {name: len(ids) for name, ids in found.items()} == {ad.name: 1 for ad in plan.ads}
        tree = await adapter.read_tree(access, campaign_id, "USD")
        assert {[ad.platform_id] == found[ad.name] for ad in tree.ads} == {True}
        assert len(tree.ads) == 2

    either.run(work())


def test_a_second_copy_made_after_a_lost_answer_is_seen(either: Bench, sandbox: Sandbox) -> None:
    async def work() -> tuple[int, int]:
        adapter, access = either.adapter, either.access
        account = await adapter.describe_account(access)
        plan = either.plan(account, split_by="country", creative_ids=["1"])
        creatives = await either.orders(plan)
        campaign_id = id_of(await adapter.create_campaign(access, plan, account))
        adsets = ids_of(await adapter.create_adsets(access, plan, account, campaign_id, plan.adsets))
        orders = [AdOrder(ad.tag, ad.name, adsets[ad.adset_tag], creatives["1"], None) for ad in plan.ads]
        sandbox.fault("tiktok", "create_ad", "drop_after")
        await adapter.create_ads(access, plan, account, campaign_id, orders)
        again = await adapter.create_ads(access, plan, account, campaign_id, orders)
        tree = await adapter.read_tree(access, campaign_id, "USD")
        return len(again), len(tree.ads)

    assert either.run(work()) == (1, 2)


def test_the_same_request_twice_within_ten_seconds_makes_one_campaign(
    either: Bench, sandbox: Sandbox
) -> None:
    account = either.account()
    plan = either.plan(account)

    async def twice() -> set[str]:
        adapter, access = either.adapter, either.access
        return {id_of(await adapter.create_campaign(access, plan, account)) for _ in range(2)}

    assert len(either.run(twice())) == 1
    assert sandbox.left_behind("tiktok") == {"campaigns": 1}


def test_find_compares_whole_names_and_tells_of_second_copies(
    bench: Bench, process: str, http: httpx.Client
) -> None:
    created = bench.create_all(creative_ids=["1"])
    by_hand = TikTokApi(process, http)
    second = by_hand.post(
        "campaign/create", **campaign_body(campaign_name=created.plan.name, request_id="77")
    )
    by_hand.post("campaign/create", **campaign_body(campaign_name=f"{created.plan.name} copy"))
    found = bench.run(bench.adapter.find(bench.access, Level.CAMPAIGN, [created.plan.name], None))
    assert set(found[created.plan.name]) == {created.campaign_id, second["campaign_id"]}
    names = [adset.name for adset in created.plan.adsets]
    assert bench.run(
        bench.adapter.find(bench.access, Level.ADSET, [*names, "nobody"], created.campaign_id)
    ) == {adset.name: [created.adsets[adset.tag]] for adset in created.plan.adsets}


def test_an_account_without_smart_plus_is_told_how_to_open_it(process: str, sandbox: Sandbox) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, smart_plus_allowed=False)
    bench = Bench(process, options={"family": "smart_plus"})
    account = bench.account()
    outcome = bench.run(bench.adapter.create_campaign(bench.access, bench.plan(account), account))
    assert isinstance(outcome.error, PlatformAuthError)
    assert outcome.error.code == "1004"
    assert "allow-list" in outcome.error.message
    assert outcome.error.details["platform_code"] == "40113"


def test_an_account_without_smart_plus_is_looked_through_all_the_same(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, smart_plus_allowed=False)
    created = bench.create_all(creative_ids=["1"])
    assert bench.run(bench.adapter.find(bench.access, Level.CAMPAIGN, [created.plan.name], None))


# --- failures


@pytest.mark.parametrize(
    ("kind", "error", "code", "unknown"),
    [
        ("timeout_before", PlatformUnavailableError, "4002", True),
        ("drop_connection", PlatformUnavailableError, "4002", True),
        ("http_500", PlatformUnavailableError, "4002", True),
        ("garbage", PlatformUnavailableError, "4002", True),
        ("rate_limit", PlatformRateLimitError, "1003", False),
        ("auth_expired", PlatformAuthError, "6001", False),
        ("policy", PlatformRejectedError, "6003", False),
    ],
)
def test_every_failure_of_a_create_is_typed_and_sent_once(
    bench: Bench, sandbox: Sandbox, kind: str, error: type[Exception], code: str, unknown: bool
) -> None:
    account = bench.account()
    sandbox.fault("tiktok", "create_campaign", kind, hang_seconds=0.2)
    outcome = bench.run(bench.adapter.create_campaign(bench.access, bench.plan(account), account))
    assert type(outcome.error) is error
    assert outcome.error is not None
    assert outcome.error.code == code
    assert bool(outcome.error.details.get("outcome_unknown")) is unknown
    assert sandbox.operations("tiktok")["create_campaign"] == 1
    assert sandbox.left_behind("tiktok") == {}


def test_the_quiet_time_of_the_limit_is_told(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.patch_account("tiktok", ADVERTISER, calls_per_minute=0)
    with pytest.raises(PlatformRateLimitError) as caught:
        bench.account()
    assert caught.value.details["retry_after"] == 300


def test_a_creation_over_the_limit_per_second_waits_and_goes_on(
    bench: Bench, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(retry_strategy, "_sleep", sleep)
    for level in Level.CAMPAIGN, Level.ADSET, Level.AD:
        sandbox.fault("tiktok", f"create_{level}", "rate_limit_second", times=2)
    created = bench.create_all()
    assert waits == [1] * 6
    assert len(created.tree.ads) == len(created.plan.ads)
    assert len(sandbox.live("tiktok", "campaigns")) == 1


def test_an_app_under_restriction_asks_for_minutes(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.fault("tiktok", "read_account", "rate_limit")
    with pytest.raises(PlatformRateLimitError, match="temporarily restricted") as caught:
        bench.account()
    assert caught.value.details["retry_after"] == 300
    assert sandbox.operations("tiktok")["read_account"] == 1


@pytest.mark.parametrize("family", ["manual", "smart_plus"])
def test_an_identity_that_a_business_center_lends_is_named_with_its_lender(
    sandbox: Sandbox, process: str, family: str
) -> None:
    lent = {
        "identity_id": "7100000000000000777",
        "identity_type": "BC_AUTH_TT",
        "identity_authorized_bc_id": "7200000000000000777",
    }
    sandbox.patch_account("tiktok", ADVERTISER, identities=[lent])
    bench = Bench(process, options={"family": family})
    created = bench.create_all(creative_ids=["1"])
    ads = sandbox.state("tiktok")["ads"].values()
    stored = [ad.get("ad_configuration", ad) for ad in ads]
    assert len(stored) == len(created.plan.ads)
    assert all(lent.items() <= item.items() for item in stored)


def test_an_account_without_identities_may_answer_null(bench: Bench, sandbox: Sandbox) -> None:
    answer = {"code": 0, "message": "OK", "data": {"identity_list": None, "page_info": {"total_page": 0}}}
    sandbox.fault("tiktok", "read_identity", "raw", body=json.dumps(answer))
    assert bench.account().facts["identity_ids"] == []


def test_one_ad_group_that_fails_does_not_hide_the_others(bench: Bench, sandbox: Sandbox) -> None:
    account = bench.account()
    plan = bench.plan(account)
    campaign_id = id_of(bench.run(bench.adapter.create_campaign(bench.access, plan, account)))
    sandbox.fault("tiktok", "create_adset", "http_500", nth=2)
    outcomes = bench.run(bench.adapter.create_adsets(bench.access, plan, account, campaign_id, plan.adsets))
    assert [item.tag for item in outcomes] == [adset.tag for adset in plan.adsets]
    assert Counter(item.error is None for item in outcomes) == {True: 2, False: 1}


# --- files and figures


def test_a_known_file_is_not_uploaded_again(bench: Bench, sandbox: Sandbox) -> None:
    known = '{"image_id": "1"}'
    assert bench.run(bench.adapter.upload(bench.access, creative(), known)) == known
    assert sandbox.calls("tiktok") == []


def test_a_video_has_a_cover_image(bench: Bench, process: str, sandbox: Sandbox) -> None:
    film = creative(file_type="video", file_url=f"{process}/web_platform/files/creative_2.mp4")
    asset = json.loads(bench.run(bench.adapter.upload(bench.access, film, None)))
    state = sandbox.state("tiktok")
    assert asset["video_id"] in state["videos"]
    assert state["images"][asset["image_id"]]["source"].endswith(f"/{asset['video_id']}.jpg")
    again = json.loads(bench.run(bench.adapter.upload(bench.access, film, None)))
    assert again["video_id"] != asset["video_id"]


def test_figures_of_a_day_by_level(either: Bench, process: str, http: httpx.Client, sandbox: Sandbox) -> None:
    created = either.create_all()
    for level in LEVELS:
        either.run(either.adapter.set_status(either.access, level, created.ids(level), "active"))
    sandbox.advance(advance_days=3)
    clock = http.get(f"{process}/admin/clock").json()["now"]
    day = (datetime.fromisoformat(clock) - timedelta(days=1)).date()
    before = sandbox.operations("tiktok")["insights"]
    other = either.new_adapter()  # one that must find out the family
    figures = either.run(read_figures(other, either.access, created.campaign_id, day, "sales"))
    assert sandbox.operations("tiktok")["insights"] - before == 3
    assert {level: set(rows) for level, rows in figures.items()} == {
        level: set(created.ids(level)) for level in figures
    }
    total = figures[Level.CAMPAIGN][created.campaign_id]
    assert total.spend is not None
    assert total.spend == sum(row.spend or 0 for row in figures[Level.AD].values()) > 0
    assert total.revenue == sum(row.revenue or 0 for row in figures[Level.AD].values())
    assert total.roas == round((total.revenue or Decimal(0)) / total.spend, 4)


def test_a_day_without_delivery_is_zero_and_its_ratios_unknown(bench: Bench) -> None:
    created = bench.create_all(creative_ids=["1"])
    figures = bench.run(
        read_figures(bench.adapter, bench.access, created.campaign_id, date(2026, 1, 1), "sales")
    )
    row = figures[Level.CAMPAIGN][created.campaign_id]
    assert (row.spend, row.conversions) == (Decimal(0), Decimal(0))
    assert (row.roas, row.cpa) == (None, None)


def test_a_review_refusal_is_an_issue(bench: Bench, process: str, http: httpx.Client) -> None:
    created = bench.create_all(creative_ids=["1"], split_by="country")
    for level in LEVELS:
        bench.run(bench.adapter.set_status(bench.access, level, created.ids(level), "active"))
    ad_id = created.ids(Level.AD)[0]
    http.put(f"{process}/admin/reviews/tiktok/{ad_id}", json={"outcome": "disapproved"}).raise_for_status()
    tree = bench.run(bench.adapter.read_tree(bench.access, created.campaign_id, "USD"))
    assert tree.ads[0].platform_status == "AD_STATUS_AUDIT_DENY"
    assert tree.ads[0].issues == ["AD_STATUS_AUDIT_DENY"]


def test_a_request_is_checked_as_a_whole(bench: Bench) -> None:
    asked: CreateCampaign = bench.spec()
    told = bench.adapter.check(asked, bench.account())
    assert any("become 35 to 54" in line for line in told)


# --- budgets


def _running(bench: Bench, sandbox: Sandbox) -> Created:
    """A tree that has spent half a day's money."""
    created = bench.create_all(daily_budget=Decimal(300))
    for level in LEVELS:
        outcomes = bench.run(bench.adapter.set_status(bench.access, level, created.ids(level), "active"))
        assert [item.error for item in outcomes] == [None] * len(outcomes)
    sandbox.advance(advance_days=1, advance_hours=10)  # 17:00 in New York
    return created


def _set(bench: Bench, created: Created, amount: int) -> list[BudgetOutcome]:
    wishes = dict.fromkeys(created.ids(Level.ADSET), Decimal(amount))
    return bench.run(bench.adapter.set_budgets(bench.access, created.account, Level.ADSET, wishes))


def _stored_budgets(bench: Bench, created: Created) -> set[tuple[Decimal | None, Decimal | None]]:
    """Of today and of tomorrow."""
    tree = bench.run(bench.adapter.read_tree(bench.access, created.campaign_id, "USD"))
    return {(node.daily_budget, node.scheduled_budget) for node in tree.adsets}


def test_a_budget_under_todays_spend_waits_for_midnight(either: Bench, sandbox: Sandbox) -> None:
    created = _running(either, sandbox)
    outcomes = _set(either, created, 30)
    assert [(item.effective, item.error) for item in outcomes] == [("next_day", None)] * 3
    assert all(item.request_id for item in outcomes)
    assert _stored_budgets(either, created) == {(Decimal(100), Decimal(30))}
    sandbox.advance(advance_hours=7)
    assert _stored_budgets(either, created) == {(Decimal(30), None)}


def test_a_higher_budget_of_today_is_not_undone_at_midnight(either: Bench, sandbox: Sandbox) -> None:
    created = _running(either, sandbox)
    _set(either, created, 30)
    outcomes = _set(either, created, 120)
    assert [(item.effective, item.error) for item in outcomes] == [("now", None)] * 3
    sandbox.advance(advance_hours=7)
    assert _stored_budgets(either, created) == {(Decimal(120), None)}


def test_a_budget_under_the_floor_is_refused_both_ways(either: Bench) -> None:
    created = either.create_all(daily_budget=Decimal(300))
    outcomes = _set(either, created, 5)
    assert len(outcomes) == 3
    for outcome in outcomes:
        assert isinstance(outcome.error, PlatformRejectedError)
        assert outcome.error.code == "1001"
        assert outcome.effective is None
    assert _stored_budgets(either, created) == {(Decimal(100), None)}


def test_smart_plus_sets_twenty_budgets_in_one_request(process: str, sandbox: Sandbox) -> None:
    bench = Bench(process, options={"family": "smart_plus"})
    created = bench.create_all(daily_budget=Decimal(300))
    before = sandbox.operations("tiktok")
    _set(bench, created, 150)
    assert sandbox.operations("tiktok") - before == Counter(list_adsets=1, update_adset=1)


def test_a_campaign_budget_belongs_to_the_campaign(
    process: str, http: httpx.Client, bench: Bench, sandbox: Sandbox
) -> None:
    api = TikTokApi(process, http)
    campaign = api.post(
        "campaign/create",
        **campaign_body(budget_mode="BUDGET_MODE_DAY", budget=100, budget_optimize_on=True),
    )["campaign_id"]
    group = api.post("adgroup/create", **adgroup_body(campaign, budget_mode=None, budget=None))["adgroup_id"]
    account = bench.account()
    wishes = {group: Decimal(80)}
    (refused,) = bench.run(bench.adapter.set_budgets(bench.access, account, Level.ADSET, wishes))
    assert isinstance(refused.error, PlatformRejectedError)
    assert "no daily budget of its own" in refused.error.message
    wishes = {campaign: Decimal(150)}
    (done,) = bench.run(bench.adapter.set_budgets(bench.access, account, Level.CAMPAIGN, wishes))
    assert (done.effective, done.error) == ("now", None)
    stored = api.get("campaign/get", filtering={"campaign_ids": [campaign]})["list"][0]
    assert stored["budget"] == 150
    (found,) = bench.run(bench.adapter.list_campaigns(bench.access, account))
    assert (found.platform_id, found.daily_budget, found.limits) == (campaign, 150, [])
