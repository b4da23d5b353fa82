"""The contract of adapters/base.py: one suite that every adapter passes on its sandbox."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import httpx
import pytest

from campaign_automation.adapters.base import (
    Access,
    AdOrder,
    BudgetOutcome,
    CreativeOrder,
    DailyInsight,
    Outcome,
    PlatformAdapter,
    SplitOrder,
    read_figures,
)
from campaign_automation.adapters.tree import Depth, Tree
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.managers.campaigns.read_back import compare
from campaign_automation.models.campaign import Creation, ObjectEntry
from campaign_automation.models.campaigns import (
    AdCopy,
    AdPlan,
    CampaignPlan,
    CreateCampaign,
    Creative,
    CreativePlan,
)
from campaign_automation.models.common import AdAccount, Context, Level, Objective
from campaign_automation.models.creation.options import GivenTexts
from campaign_automation.models.creation.settings import Bidding, End, Name, Setting
from campaign_automation.utils.error_handler import (
    AccountError,
    CampaignAutomationError,
    InvalidRequestError,
    PlatformAuthError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
from campaign_automation.wiring import Wiring
from local.cloud import Cloud
from tests.support.builders import copy, spec
from tests.support.in_process import aws_in_process
from tests.support.memory_table import MemoryTable
from tests.support.sandbox import Sandbox

T = TypeVar("T")
PLATFORMS = ("meta", "tiktok", "google")
ACCOUNTS = {"meta": "act_100000000000001", "tiktok": "7000000000000000123", "google": "1230000003"}
MISSING = {"meta": "120219999999999999", "tiktok": "1859999999999999", "google": "99999999999"}
BLOCKED: dict[str, dict[str, Any]] = {
    "meta": {"account_status": 2},
    "tiktok": {"status": "STATUS_LIMIT"},
    "google": {"status": "SUSPENDED"},
}
LEVELS = (Level.CAMPAIGN, Level.ADSET, Level.AD)
# Ages at the edges of every platform's buckets, so that all three take them as they are.
AGES = [[18, 34], [35, 54], [55, 65]]
# Enough for the floor of each currency on each platform.
BUDGETS = {"USD": "100.01", "EUR": "100.01", "JPY": "10001", "HUF": "30001", "TWD": "3001"}


@dataclass
class Bench:
    """One adapter on its sandbox, and what it has made."""

    platform: str
    adapter: PlatformAdapter
    access: Access
    files: str
    ids: dict[str, str]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def spec(self, **changes: Any) -> CreateCampaign:
        values = {
            "age_groups": AGES,
            "eu_political_advertising": False,
            "creative_ids": ["1", "3"],
            **changes,
        }
        return spec(platform=self.platform, **values)

    async def plan(
        self, asked: CreateCampaign, campaign: str = "cmp_contract"
    ) -> tuple[CampaignPlan, AdAccount]:
        account = await self.adapter.describe_account(self.access)
        self.adapter.check(asked, account)
        fitted = asked.model_copy(update={"age_groups": self.adapter.fit_ages(asked.age_groups)})
        return plan_campaign(fitted, account, campaign), account

    def change(
        self, creation: Creation, setting: Setting, ids: Sequence[str], level: Level | None = None
    ) -> list[str | None]:
        """Change a setting, of the level that has the budgets, and return the codes of the refusals."""
        _, account = creation.planned()
        target = account, creation.spec.objective, level or self.adapter.budget_level, ids
        outcomes = self.run(self.adapter.change_setting(self.access, *target, setting))
        assert [item.tag for item in outcomes] == list(ids)
        return [item.error and item.error.code for item in outcomes]

    async def create_campaign(self, plan: CampaignPlan, account: AdAccount) -> Outcome:
        return self._kept([await self.adapter.create_campaign(self.access, plan, account)])[0]

    async def create_adsets(self, plan: CampaignPlan, account: AdAccount) -> list[Outcome]:
        campaign_id = self.ids[plan.tag]
        return self._kept(
            await self.adapter.create_adsets(self.access, plan, account, campaign_id, plan.adsets)
        )

    async def create_ads(
        self, plan: CampaignPlan, account: AdAccount, words: str = "Run further."
    ) -> list[Outcome]:
        orders = {item.creative_id: await self._order(item, words) for item in plan.creatives}
        creatives = list(orders.values()) if Level.CREATIVE in self.adapter.levels else []
        ads = [
            AdOrder(
                ad.tag,
                ad.name,
                self.ids[ad.adset_tag],
                orders[ad.creative_id],
                self.ids.get(orders[ad.creative_id].tag),
            )
            for ad in plan.ads
        ]
        root = self.ids[plan.tag]
        made = await self.adapter.create_ads(self.access, plan, account, root, ads, creatives)
        return self._kept(made)[len(creatives) :]

    async def _order(self, item: Any, words: str) -> CreativeOrder:
        creative = Creative(
            creative_id=item.creative_id,
            name=f"Shoe {item.creative_id}",
            file_url=f"{self.files}/creative_1.png",
            file_type="image",
            product_url="https://shop.example/p/1",
            tags=["running"],
        )
        written = copy(
            primary_text=words,
            more_headlines=["Find out more", "Take a closer look", "See the details"],
            more_descriptions=["Have a look", "Find out more"],
        )
        asset = await self.adapter.upload(self.access, creative, None)
        return CreativeOrder(item.tag, item.name, creative, written, asset)

    async def create_tree(
        self,
        asked: CreateCampaign,
        words: str = "Run further.",
        campaign: str = "cmp_contract",
        ends_at: datetime | None = None,
    ) -> Creation:
        plan, account = await self.plan(asked, campaign)
        plan = plan.model_copy(update={"ends_at": ends_at})
        outcomes = [await self.create_campaign(plan, account)]
        outcomes += await self.create_adsets(plan, account)
        outcomes += await self.create_ads(plan, account, words)
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        return self.creation(asked, plan, account, words)

    def creation(self, asked: CreateCampaign, plan: CampaignPlan, account: AdAccount, words: str) -> Creation:
        """What the journal would hold, for the comparison of plan and tree."""
        levels = {plan.tag: (Level.CAMPAIGN, plan.name)}
        levels |= {item.tag: (Level.ADSET, item.name) for item in plan.adsets}
        levels |= {item.tag: (Level.AD, item.name) for item in plan.ads}
        objects = {
            tag: ObjectEntry(level=level, tag=tag, name=name, state="created", platform_id=self.ids[tag])
            for tag, (level, name) in levels.items()
        }
        return Creation(
            tenant="user_123",
            campaign_id="cmp_contract",
            state="creating",
            spec=asked,
            context=Context(user_id="user_123"),
            account=account,
            plan=plan,
            created_at=0,
            updated_at=0,
            objects=objects,
            copies={item.creative_id: copy(primary_text=words) for item in plan.creatives},
        )

    def level_ids(self, creation: Creation, level: Level) -> list[str]:
        return [str(entry.platform_id) for entry in creation.objects.values() if entry.level is level]

    def tree(self, creation: Creation, *, depth: Depth = "whole") -> Tree:
        assert creation.plan is not None
        target = self.access, self.ids[creation.plan.tag], "USD"
        return self.run(self.adapter.read_tree(*target, depth=depth))

    def spend_of_today(self, creation: Creation, sandbox: Sandbox) -> Decimal:
        assert creation.plan is not None
        assert creation.account is not None
        campaign_id, objective = self.ids[creation.plan.tag], str(creation.spec.objective)
        today = sandbox.now().astimezone(ZoneInfo(creation.account.time_zone)).date()
        reading = read_figures(self.adapter, self.access, campaign_id, today, objective)
        found = self.run(reading)[Level.CAMPAIGN].get(campaign_id)
        return (found.spend if found else None) or Decimal(0)

    def budget_ids(self, creation: Creation) -> list[str]:
        """The objects that own this platform's budgets."""
        return self.level_ids(creation, self.adapter.budget_level)

    async def budgets(self, creation: Creation) -> dict[str, Decimal | None]:
        """The stored daily budgets of these, by id."""
        assert creation.plan is not None
        tree = await self.adapter.read_tree(self.access, self.ids[creation.plan.tag], "USD")
        owners = [tree.campaign] if self.adapter.budget_level is Level.CAMPAIGN else tree.adsets
        return {node.platform_id: node.daily_budget for node in owners}

    async def set_budgets(
        self, creation: Creation, budgets: dict[str, Decimal], level: Level | None = None
    ) -> list[BudgetOutcome]:
        assert creation.account is not None
        asked = level or self.adapter.budget_level
        return await self.adapter.set_budgets(self.access, creation.account, asked, budgets)

    def _kept(self, outcomes: list[Outcome]) -> list[Outcome]:
        self.ids |= {item.tag: item.platform_id for item in outcomes if item.platform_id}
        return outcomes


@pytest.fixture(scope="module")
def module_settings(cloud: Cloud) -> Iterator[None]:
    """The functions' settings and secrets, in this process."""
    with aws_in_process(cloud):
        yield


@pytest.fixture(params=PLATFORMS)
def bench(request: pytest.FixtureRequest, module_settings: None, cloud: Cloud, sandbox: Sandbox) -> Bench:
    platform = request.param
    wiring = Wiring(table=MemoryTable())

    async def access() -> Access:
        account = await wiring.accounts.choose("user_123", platform, None)
        return await wiring.accounts.access("user_123", platform, account)

    files = f"{cloud.info['sandbox']['web_platform']}/files"
    return Bench(platform, wiring.adapters[platform], asyncio.run(access()), files, {})


def test_a_whole_tree_is_stored_as_it_was_asked(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    assert creation.plan is not None
    tree = bench.run(bench.adapter.read_tree(bench.access, bench.ids[creation.plan.tag], "USD"))
    assert (len(tree.adsets), len(tree.ads)) == (3, 6)
    assert compare(creation.plan, tree, creation) == []
    assert {item.status for item in (tree.campaign, *tree.adsets, *tree.ads)} == {"paused"}


@pytest.mark.parametrize(
    ("depth", "calls"),
    [("adsets", {"meta": 1, "tiktok": 2, "google": 2}), ("ads", {"meta": 1, "tiktok": 3, "google": 3})],
)
def test_a_look_that_is_not_whole_tells_what_changes_need_in_fewer_calls(
    bench: Bench, sandbox: Sandbox, depth: Depth, calls: dict[str, int]
) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    bench.tree(creation)  # what the answers of the creation told counts for one look
    whole = bench.tree(creation)
    before = len(sandbox.all_calls())
    part = bench.tree(creation, depth=depth)
    assert len(sandbox.all_calls()) - before == calls[bench.platform]
    assert part.lost == ([] if depth == "ads" else [Level.AD])
    assert part.ads == (whole.ads if depth == "ads" else [])
    unread = {"targeting", "keywords", "negative_keywords"}
    for node, other in zip([part.campaign, *part.adsets], [whole.campaign, *whole.adsets], strict=True):
        assert node.model_dump(exclude=unread) == other.model_dump(exclude=unread)
        for name in unread & type(node).model_fields.keys():
            assert getattr(node, name) in (None, getattr(other, name))


def test_a_deleted_campaign_is_shown_as_deleted_without_a_look_at_ads(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    (root,) = bench.level_ids(creation, Level.CAMPAIGN)
    bench.run(bench.adapter.remove(bench.access, Level.CAMPAIGN, [root]))
    tree = bench.tree(creation, depth="adsets")
    assert (tree.campaign.status, tree.adsets, tree.ads, tree.lost) == ("deleted", [], [], [])


@pytest.mark.parametrize("currency", list(BUDGETS))
def test_money_is_exact_in_every_currency(bench: Bench, sandbox: Sandbox, currency: str) -> None:
    floor = {"min_daily_budget": 1} if bench.platform == "meta" else {}  # the others' are in their tables
    sandbox.patch_account(bench.platform, ACCOUNTS[bench.platform], currency=currency, **floor)
    asked = bench.spec(daily_budget=Decimal(BUDGETS[currency]), age_groups=[[18, 34], [35, 65]])
    creation = bench.run(bench.create_tree(asked))
    assert creation.plan is not None
    tree = bench.run(bench.adapter.read_tree(bench.access, bench.ids[creation.plan.tag], currency))
    shares = [node.daily_budget for node in tree.adsets]
    own = tree.campaign.daily_budget
    total = own if own is not None else sum(share for share in shares if share is not None)
    assert total == Decimal(BUDGETS[currency])
    assert [item for item in compare(creation.plan, tree, creation) if item.is_serious] == []


def test_an_unknown_currency_is_refused_before_any_write(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.patch_account(bench.platform, ACCOUNTS[bench.platform], currency="XTS")
    with pytest.raises(CampaignAutomationError, match="XTS"):
        bench.run(bench.plan(bench.spec()))
    assert sandbox.left_behind(bench.platform) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 200, "Run further."),
        ("夏の靴 Été ñandú", "Courez plus loin, été comme hiver."),
        ("Ünïcödé", "跑得更远，看看详情。"),
    ],
)
def test_long_and_foreign_names_and_copy_arrive_whole(bench: Bench, name: str, words: str) -> None:
    creation = bench.run(bench.create_tree(bench.spec(name=name), words))
    assert creation.plan is not None
    tree = bench.run(bench.adapter.read_tree(bench.access, bench.ids[creation.plan.tag], "USD"))
    assert tree.campaign.name == creation.plan.name
    assert compare(creation.plan, tree, creation) == []


@pytest.mark.parametrize("creatives", [1, 50])
def test_one_creative_and_fifty(bench: Bench, creatives: int) -> None:
    ids = [str(2 * number + 1) for number in range(creatives)]
    asked = bench.spec(creative_ids=ids, age_groups=[[18, 65]])
    if bench.platform == "tiktok" and creatives > 20:
        with pytest.raises(InvalidRequestError, match="20"):  # TikTok's limit of an ad group, named
            bench.run(bench.plan(asked))
        return
    creation = bench.run(bench.create_tree(asked))
    assert creation.plan is not None
    tree = bench.run(bench.adapter.read_tree(bench.access, bench.ids[creation.plan.tag], "USD"))
    assert len(tree.ads) == creatives
    assert compare(creation.plan, tree, creation) == []


def test_the_platform_stops_at_the_end_time_unless_it_is_lifted(bench: Bench, sandbox: Sandbox) -> None:
    assert bench.adapter.has_end_times
    end = sandbox.now() + timedelta(days=2)
    creation = bench.run(bench.create_tree(bench.spec(), ends_at=end))
    assert creation.plan is not None
    assert compare(creation.plan, bench.tree(creation), creation) == []
    endless = creation.plan.model_copy(update={"ends_at": end + timedelta(days=30)})
    assert any("end" in drift.message for drift in compare(endless, bench.tree(creation), creation))
    for level in reversed(LEVELS):
        ids = bench.level_ids(creation, level)
        bench.run(bench.adapter.set_status(bench.access, level, ids, "active"))
    sandbox.advance(advance_days=4)
    assert bench.spend_of_today(creation, sandbox) == 0
    for item in bench.budget_ids(creation):
        lifted = [bench.change(creation, End(None), [item]) for _ in range(2)]
        assert lifted == [[None], [None]]
    tree = bench.tree(creation)
    assert {node.ends_at for node in (tree.campaign, *tree.adsets)} == {None}
    sandbox.advance(advance_days=1, advance_hours=_until_noon(sandbox))
    assert bench.spend_of_today(creation, sandbox) > 0


def _until_noon(sandbox: Sandbox) -> int:
    return -(sandbox.now() - timedelta(hours=17)).hour % 24  # of the account, whose day may just have begun


def test_name_and_end_change_and_stay_when_they_are_as_asked(bench: Bench, sandbox: Sandbox) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    plan, account = creation.planned()
    name = Name(f"Renamed {plan.tag}")
    zone = ZoneInfo(account.time_zone)
    day = (sandbox.now() + timedelta(days=20)).astimezone(zone).date()
    end = End(datetime.combine(day, time(23, 59, 59), zone))  # of a whole day, as Google asks for
    for _ in range(2):
        assert bench.change(creation, name, [bench.ids[plan.tag]], Level.CAMPAIGN) == [None]
        assert set(bench.change(creation, end, bench.budget_ids(creation))) == {None}
    tree = bench.tree(creation)
    assert tree.campaign.setting("name") == name.text
    holders = [tree.campaign] if bench.adapter.budget_level is Level.CAMPAIGN else tree.adsets
    assert {node.setting("end_time") for node in holders} == {end.text}
    found = bench.run(bench.adapter.find(bench.access, Level.CAMPAIGN, [name.text], None))
    assert found == {name.text: [bench.ids[plan.tag]]}


BIDS = {  # how a campaign is made, and what it is changed to
    "another target": ("target_cpa", "target_cpa 7.5"),
    "to a target": ("lowest_cost", "target_cpa 7.5"),
    "from a target": ("target_cpa", "lowest_cost"),
    "to another target": ("target_cpa", "target_roas 2.5"),
}
SWITCHES = {
    "meta": ("another target", "to a target", "from a target"),
    "tiktok": ("another target",),
    "google": tuple(BIDS),
}


@pytest.mark.parametrize("case", BIDS)
def test_a_bidding_changes_or_is_refused_by_name(bench: Bench, case: str) -> None:
    strategy, asked = BIDS[case]
    asked_bidding = Bidding.of(asked)
    assert asked_bidding is not None
    creation = bench.run(bench.create_tree(bench.spec(bid_strategy=strategy, target_cpa=5)))
    _, account = creation.planned()
    tree = bench.tree(creation)
    is_campaigns = tree.campaign.setting("bid_strategy") is not None
    level, nodes = (Level.CAMPAIGN, [tree.campaign]) if is_campaigns else (Level.ADSET, tree.adsets)
    before = Bidding.of(str(nodes[0].setting("bid_strategy")))
    assert before is not None
    assert before.strategy == strategy
    check = partial(bench.adapter.check_setting, asked_bidding, before, creation.spec.objective, account)
    if case not in SWITCHES[bench.platform]:
        with pytest.raises(InvalidRequestError, match="duplicate it with bid_strategy") as refusal:
            check()
        assert refusal.value.details["field"] == "bid_strategy"
        return
    check()
    ids = [node.platform_id for node in nodes]
    for _ in range(2):
        assert set(bench.change(creation, asked_bidding, ids, level)) == {None}
    after = bench.tree(creation)
    changed = [after.campaign] if is_campaigns else after.adsets
    assert {node.setting("bid_strategy") for node in changed} == {asked}


def test_texts_are_fitted_to_what_the_ads_show(bench: Bench) -> None:
    asked = GivenTexts(
        creative_id="1",
        primary_text="Run further, whatever the weather. " * 4,  # too long for two of them
        headline="A trail shoe!",  # not in a headline of Google
        description="Light, with a firm grip.",
        more_headlines=["Light and firm", "Run further", "See the details"],
        more_descriptions=["Have a look \U0001f45f", "Find out more"],
    )
    account = bench.run(bench.adapter.describe_account(bench.access))
    with pytest.raises(InvalidRequestError):
        bench.adapter.check(bench.spec(texts=[asked]), account)
    fitted = bench.adapter.fit_texts(Objective.SALES, asked)
    bench.adapter.check(bench.spec(texts=[fitted]), account)
    kept = fitted.model_dump(exclude={"creative_id"}, exclude_defaults=True)
    assert (
        set(kept)
        == {
            "meta": {"primary_text", "headline", "description"},
            "tiktok": set(),
            "google": {"description", "more_headlines", "more_descriptions"},
        }[bench.platform]
    )


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        (End(datetime(2020, 1, 1, tzinfo=UTC)), "end_time"),
        (Name("x" * 600), "name"),
        (Bidding("target_cpa", Decimal("0.001")), "target_cpa"),
        (Bidding("target_roas", Decimal(5000)), "target_roas"),
    ],
)
def test_settings_that_no_platform_takes_are_refused_by_field(
    bench: Bench, setting: Setting, field: str
) -> None:
    account = bench.run(bench.adapter.describe_account(bench.access))
    with pytest.raises(InvalidRequestError) as refusal:
        bench.adapter.check_setting(setting, Bidding("lowest_cost"), Objective.SALES, account)
    assert refusal.value.details["field"] == field


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_can_be_turned_on_and_off(bench: Bench, level: Level) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    assert creation.plan is not None
    ids = bench.level_ids(creation, level)
    for status in ("active", "paused"):
        outcomes = bench.run(bench.adapter.set_status(bench.access, level, ids, status))
        assert [(item.tag, item.error) for item in outcomes] == [(item, None) for item in ids]
        tree = bench.run(bench.adapter.read_tree(bench.access, bench.ids[creation.plan.tag], "USD"))
        nodes = {Level.CAMPAIGN: [tree.campaign], Level.ADSET: tree.adsets, Level.AD: tree.ads}[level]
        assert {node.status for node in nodes} == {status}


@pytest.mark.parametrize("level", LEVELS)
def test_an_unknown_id_does_not_hold_the_others_up(bench: Bench, level: Level) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    ids = bench.level_ids(creation, level)
    missing = MISSING[bench.platform]
    if bench.platform == "google" and level is Level.AD:
        missing = f"{ids[0].partition('~')[0]}~{missing}"
    for status in ("active", "active", "paused"):
        outcomes = bench.run(bench.adapter.set_status(bench.access, level, [missing, *ids], status))
        assert [item.tag for item in outcomes] == [missing, *ids]
        assert isinstance(outcomes[0].error, PlatformRejectedError)
        assert outcomes[0].error.code == "5000"
        assert [item.error for item in outcomes[1:]] == [None] * len(ids)


def test_creates_carry_the_platforms_request_id(bench: Bench) -> None:
    async def create() -> list[Outcome]:
        plan, account = await bench.plan(bench.spec(), "cmp_contract")
        made = [await bench.create_campaign(plan, account), *await bench.create_adsets(plan, account)]
        return [*made, *await bench.create_ads(plan, account, "Run further.")]

    outcomes = bench.run(create())
    assert outcomes
    assert all(item.request_id for item in outcomes), outcomes


def test_changes_carry_the_platforms_request_id(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    ids = bench.level_ids(creation, Level.ADSET)
    for some in (ids, ids[:1]):
        changed = bench.run(bench.adapter.set_status(bench.access, Level.ADSET, some, "active"))
        removed = bench.run(bench.adapter.remove(bench.access, Level.ADSET, some))
        told = [item.request_id for item in (*changed, *removed) if item.error is None]
        assert told
        assert all(told)


def test_budgets_are_set_to_the_cent_and_read_back(bench: Bench, sandbox: Sandbox) -> None:
    creation = bench.run(bench.create_tree(bench.spec(daily_budget=Decimal(300))))
    ids = bench.budget_ids(creation)
    asked = {item: Decimal("150.01") + index for index, item in enumerate(ids)}
    before = sum(sandbox.operations(bench.platform).values())
    outcomes = bench.run(bench.set_budgets(creation, asked))
    calls = sum(sandbox.operations(bench.platform).values()) - before
    assert [(item.platform_id, item.effective, item.error) for item in outcomes] == [
        (item, "now", None) for item in ids
    ]
    assert all(item.request_id for item in outcomes)
    assert calls == {"meta": 3, "tiktok": 1 + 3, "google": 2}[bench.platform]
    assert bench.run(bench.budgets(creation)) == asked
    again = bench.run(bench.set_budgets(creation, asked))
    assert [item.effective for item in again] == ["now"] * len(ids)


def test_one_budget_that_cannot_be_set_does_not_hold_the_others_up(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec(daily_budget=Decimal(300))))
    good = bench.budget_ids(creation)[0]
    wishes = {"1" * 16: Decimal("0.001"), MISSING[bench.platform]: Decimal(90), good: Decimal(120)}
    odd, unknown, fine = bench.run(bench.set_budgets(creation, wishes))
    assert isinstance(odd.error, InvalidRequestError)
    assert odd.error.details["field"] == "daily_budget"
    assert isinstance(unknown.error, PlatformRejectedError)
    assert unknown.error.code == "5000"
    assert (fine.effective, fine.error) == ("now", None)
    assert bench.run(bench.budgets(creation))[good] == Decimal(120)


def test_the_level_without_budgets_is_refused(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec(daily_budget=Decimal(300))))
    before = bench.run(bench.budgets(creation))
    other = Level.ADSET if bench.adapter.budget_level is Level.CAMPAIGN else Level.CAMPAIGN
    for level in (other, Level.AD):
        wishes = {item: Decimal(200) for item in bench.level_ids(creation, level)}
        assert wishes
        outcomes = bench.run(bench.set_budgets(creation, wishes, level))
        assert {item.error.code for item in outcomes if item.error} == {"1001"}
        assert len(outcomes) == len(wishes)
    assert bench.run(bench.budgets(creation)) == before


@pytest.mark.parametrize("kind", ["drop_after", "drop_connection", "http_500"])
def test_a_budget_whose_answer_was_lost_may_be_sent_again(bench: Bench, sandbox: Sandbox, kind: str) -> None:
    creation = bench.run(bench.create_tree(bench.spec(daily_budget=Decimal(300))))
    wishes = dict.fromkeys(bench.budget_ids(creation), Decimal(110))
    sandbox.fault(bench.platform, f"update_{bench.adapter.budget_level}", kind, times=3)
    lost = bench.run(bench.set_budgets(creation, wishes))
    assert lost
    for outcome in lost:
        assert isinstance(outcome.error, PlatformUnavailableError)
        assert outcome.error.retryable
        assert outcome.effective is None
    sandbox.reset_faults()
    again = bench.run(bench.set_budgets(creation, wishes))
    assert [item.error for item in again] == [None] * len(wishes)
    assert bench.run(bench.budgets(creation)) == wishes


def test_removing_again_what_is_gone_is_a_success(bench: Bench, sandbox: Sandbox) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    for _ in range(2):
        for level in reversed(LEVELS):
            ids = bench.level_ids(creation, level)
            outcomes = bench.run(bench.adapter.remove(bench.access, level, ids))
            assert [item.error for item in outcomes] == [None] * len(ids)
    left = sandbox.left_behind(bench.platform)
    assert {kind: count for kind, count in left.items() if kind != "creatives"} == {}


def test_objects_are_found_by_their_exact_names_only(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    assert creation.plan is not None
    campaign_id = bench.ids[creation.plan.tag]
    for level in LEVELS:
        names = {entry.name: entry.platform_id for entry in creation.objects.values() if entry.level is level}
        asked = [*names, "never made ca-aaaaaaaaaa"]
        parent = None if level is Level.CAMPAIGN else campaign_id
        found = bench.run(bench.adapter.find(bench.access, level, asked, parent))
        assert found == {name: [platform_id] for name, platform_id in names.items()}
    assert bench.run(bench.adapter.campaign_names(bench.access)) == {campaign_id: creation.plan.name}


def test_the_campaigns_of_the_account_are_listed_once_and_without_deleted_ones(
    bench: Bench, sandbox: Sandbox
) -> None:
    made = [bench.run(bench.create_tree(bench.spec(), campaign=f"cmp_{number}")) for number in range(8)]
    ids = [bench.ids[creation.plan.tag] for creation in made if creation.plan]
    bench.run(bench.adapter.remove(bench.access, Level.CAMPAIGN, ids[:1]))
    account = made[0].account
    assert account is not None
    found = bench.run(bench.adapter.list_campaigns(bench.access, account))
    assert sorted(item.platform_id for item in found) == sorted(ids[1:])
    assert {(item.status, item.objective, *item.limits) for item in found} == {("paused", "sales")}
    sandbox.unkind(3)  # pages of a few rows, optional fields missing, campaigns of colleagues among them
    listed = [item.platform_id for item in bench.run(bench.adapter.list_campaigns(bench.access, account))]
    assert len(listed) == len(set(listed))
    assert set(listed) & set(ids) == set(ids[1:])


def test_campaigns_that_are_read_together_are_as_each_alone(bench: Bench, sandbox: Sandbox) -> None:
    made = [bench.run(bench.create_tree(bench.spec(), campaign=f"cmp_{number}")) for number in range(3)]
    ids = [bench.ids[creation.plan.tag] for creation in made if creation.plan]
    for creation in made:
        bench.tree(creation)  # what the answers of the creation told is used up
    bench.run(bench.adapter.remove(bench.access, Level.CAMPAIGN, ids[:1]))
    asked = [*ids, MISSING[bench.platform]]
    before = sandbox.calls(bench.platform)
    read = bench.run(bench.adapter.read_trees(bench.access, asked, "USD"))
    requests = [call for call in sandbox.calls(bench.platform)[len(before) :] if not call["batch"]]
    assert list(read) == asked
    assert [read[item] for item in ids] == [bench.tree(creation) for creation in made]
    gone = read[MISSING[bench.platform]]
    assert isinstance(gone, PlatformRejectedError)
    assert gone.code == "5000"
    # Google tells how long its conversions count apart, TikTok deleted campaigns in lists of their own.
    assert len(requests) <= {"meta": 1, "google": 6}.get(bench.platform, 24)


def test_a_refused_token_is_no_matter_of_one_campaign(bench: Bench, sandbox: Sandbox) -> None:
    made = [bench.run(bench.create_tree(bench.spec(), campaign=f"cmp_{number}")) for number in range(2)]
    ids = [bench.ids[creation.plan.tag] for creation in made if creation.plan]
    for creation in made:
        bench.tree(creation)
    sandbox.fault(bench.platform, "read_campaign", "auth_expired")
    read = bench.adapter.read_trees(bench.access, ids, "USD")
    with pytest.raises(PlatformAuthError):  # a matter of the account
        bench.run(read)
    assert set(bench.run(bench.adapter.read_trees(bench.access, ids, "USD"))) == set(ids)


def test_a_campaign_tells_when_it_was_made_where_the_platform_does(bench: Bench, sandbox: Sandbox) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    for _ in range(2):  # the first read after a creation may be of its answers
        made_at = bench.tree(creation).campaign.created_at
    if bench.platform == "google":
        assert made_at is None
    else:
        assert made_at is not None
        assert abs(made_at - sandbox.now()) < timedelta(minutes=5)


@pytest.mark.parametrize("level", LEVELS)
def test_a_lost_answer_is_an_unknown_outcome_that_a_look_resolves(
    bench: Bench, sandbox: Sandbox, level: Level
) -> None:
    asked = bench.spec(age_groups=[[18, 65]], creative_ids=["1"])

    async def until_lost() -> tuple[CampaignPlan, Outcome]:
        plan, account = await bench.plan(asked)
        steps = {
            Level.CAMPAIGN: lambda: bench.create_campaign(plan, account),
            Level.ADSET: lambda: bench.create_adsets(plan, account),
            Level.AD: lambda: bench.create_ads(plan, account),
        }
        for each, step in steps.items():
            if each is level:
                sandbox.fault(bench.platform, f"create_{level}", "drop_after")
            result: Any = await step()
            if each is level:
                return plan, result if isinstance(result, Outcome) else result[0]
        raise AssertionError("every level is one of the three")

    plan, lost = bench.run(until_lost())
    assert isinstance(lost.error, PlatformUnavailableError)
    assert lost.error.details["outcome_unknown"] is True
    name = {Level.CAMPAIGN: plan.name, Level.ADSET: plan.adsets[0].name, Level.AD: plan.ads[0].name}[level]
    found = bench.run(bench.adapter.find(bench.access, level, [name], bench.ids.get(plan.tag)))
    assert len(found[name]) == 1


@pytest.mark.parametrize(
    ("kind", "expected", "codes"),
    [
        ("rate_limit", PlatformRateLimitError, {"1003"}),
        ("auth_expired", PlatformAuthError, {"6001"}),
        ("policy", PlatformRejectedError, {"6003", "6005"}),
        ("http_500", PlatformUnavailableError, {"4002"}),
        ("garbage", PlatformUnavailableError, {"4002"}),
        ("drop_connection", PlatformUnavailableError, {"4002"}),
    ],
)
def test_each_fault_is_the_same_error_on_every_platform(
    bench: Bench, sandbox: Sandbox, kind: str, expected: type[CampaignAutomationError], codes: set[str]
) -> None:
    async def create() -> Outcome:
        plan, account = await bench.plan(bench.spec())
        sandbox.fault(bench.platform, "create_campaign", kind)
        return await bench.create_campaign(plan, account)

    error = bench.run(create()).error
    assert type(error) is expected, error
    assert error.code in codes
    assert error.details["platform"] == bench.platform
    assert error.message.startswith(f"{bench.platform}: ")


def test_a_blocked_account_is_told_by_one_call_and_can_still_be_paused(
    bench: Bench, sandbox: Sandbox
) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    before = sum(sandbox.operations(bench.platform).values())
    bench.run(bench.adapter.check_account(bench.access))
    assert sum(sandbox.operations(bench.platform).values()) - before == 1
    sandbox.patch_account(bench.platform, ACCOUNTS[bench.platform], **BLOCKED[bench.platform])
    with pytest.raises(AccountError) as refusal:
        bench.run(bench.adapter.check_account(bench.access))
    assert refusal.value.details["account_status"]
    ids = bench.level_ids(creation, Level.CAMPAIGN)
    outcomes = bench.run(bench.adapter.set_status(bench.access, Level.CAMPAIGN, ids, "paused"))
    # Whether the platform lets it: that it was asked is what counts.
    assert [item.tag for item in outcomes] == ids


def test_a_campaign_that_is_not_there_is_not_found(bench: Bench) -> None:
    with pytest.raises(PlatformRejectedError) as refusal:
        bench.run(bench.adapter.read_tree(bench.access, MISSING[bench.platform], "USD"))
    assert refusal.value.code == "5000"


def test_a_deleted_campaign_is_a_tree_that_says_so(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    bench.tree(creation)  # what the answers of the creation told is used up
    ids = bench.level_ids(creation, Level.CAMPAIGN)
    assert bench.run(bench.adapter.remove(bench.access, Level.CAMPAIGN, ids))[0].error is None
    tree = bench.tree(creation)
    assert (tree.campaign.platform_id, tree.campaign.status) == (ids[0], "deleted")
    assert [node for node in (*tree.adsets, *tree.ads) if node.status != "deleted"] == []


@pytest.mark.parametrize("writes", [False, True])
def test_a_campaign_that_is_not_shown_is_not_deleted(bench: Bench, sandbox: Sandbox, writes: bool) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    bench.tree(creation)
    ids = bench.level_ids(creation, Level.CAMPAIGN)
    sandbox.hide(ids[0], writes=writes)
    with pytest.raises(PlatformRejectedError) as refusal:
        bench.tree(creation)
    assert refusal.value.code == "5000"
    paused = bench.run(bench.adapter.set_status(bench.access, Level.CAMPAIGN, ids, "paused"))
    removed = bench.run(bench.adapter.remove(bench.access, Level.CAMPAIGN, ids))
    codes = [item.error.code if item.error else None for item in (*paused, *removed)]
    assert codes == (["5000", "5000"] if writes else [None, None])


@pytest.mark.parametrize("level", LEVELS)
def test_removing_what_is_not_known_is_no_success(bench: Bench, level: Level) -> None:
    missing = MISSING[bench.platform]
    if bench.platform == "google" and level is Level.AD:
        missing = f"{missing}~{missing}"
    (outcome,) = bench.run(bench.adapter.remove(bench.access, level, [missing]))
    assert outcome.error is not None
    assert outcome.error.code == "5000"


def test_a_campaign_that_never_ran_has_no_rows(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    assert creation.plan is not None
    campaign_id = bench.ids[creation.plan.tag]
    report = bench.run(read_figures(bench.adapter, bench.access, campaign_id, date(2026, 11, 20), "sales"))
    assert set(report) == set(LEVELS)
    spent = [figures.spend for rows in report.values() for figures in rows.values()]
    assert not any(spent)


def _two_running_campaigns(bench: Bench) -> list[Creation]:
    made = []
    for name in ("first", "second"):
        asked = bench.spec(name=name, age_groups=[[18, 34], [35, 65]], creative_ids=["1"])
        made.append(bench.run(bench.create_tree(asked, campaign=f"cmp_{name}")))
        for level in reversed(LEVELS):
            ids = bench.level_ids(made[-1], level)
            outcomes = bench.run(bench.adapter.set_status(bench.access, level, ids, "active"))
            assert [item.error for item in outcomes] == [None] * len(ids)
    return made


def _added_up(
    records: list[dict[str, Any]], level: Level
) -> dict[tuple[str, date], tuple[Decimal, int, int]]:
    """What the platform delivered, by object and day: spend, impressions, clicks."""
    sums: dict[tuple[str, date], tuple[Decimal, int, int]] = {}
    for record in records:
        key = (record[f"{level}_id"], date.fromisoformat(record["day"]))
        spend, impressions, clicks = sums.get(key, (Decimal(0), 0, 0))
        spend += Decimal(record["spend"])
        sums[key] = (spend, impressions + record["impressions"], clicks + record["clicks"])
    return sums


def test_daily_insights_of_several_campaigns_come_in_one_report(bench: Bench, sandbox: Sandbox) -> None:
    creations = _two_running_campaigns(bench)
    campaigns = [bench.level_ids(creation, Level.CAMPAIGN)[0] for creation in creations]
    adsets = {item for creation in creations for item in bench.level_ids(creation, Level.ADSET)}
    sandbox.advance(advance_days=40)
    records = sandbox.state(bench.platform)["records"]
    until = max(date.fromisoformat(record["day"]) for record in records)
    window = (until - timedelta(days=89), until)

    for level in LEVELS:
        before = sandbox.operations(bench.platform)
        rows = bench.run(bench.adapter.read_daily(bench.access, level, campaigns, *window, "sales"))
        asked = sandbox.operations(bench.platform) - before
        assert asked.pop("read_campaign", 0) <= (level is Level.AD)  # which family an ad belongs to
        assert asked == Counter(insights=3 if bench.platform == "tiktok" else 1)

        delivered = [row for row in rows if row.spend]
        told = {(row.entity_id, row.day): (row.spend, row.impressions, row.clicks) for row in delivered}
        assert told == _added_up(records, level)
        assert len(told) == len(delivered)
        assert {row.campaign_id for row in rows} == set(campaigns)
        assert {row.adset_id for row in rows} == ({None} if level is Level.CAMPAIGN else adsets)
        assert sum(row.conversions or 0 for row in rows) > 40
        assert all((row.revenue or 0) > 0 for row in rows if row.conversions)


def test_conversions_of_a_day_still_grow_while_its_spend_is_final(bench: Bench, sandbox: Sandbox) -> None:
    campaigns = [bench.level_ids(item, Level.CAMPAIGN)[0] for item in _two_running_campaigns(bench)]
    sandbox.advance(advance_days=4)
    days = [date.fromisoformat(record["day"]) for record in sandbox.state(bench.platform)["records"]]
    window = (max(days) - timedelta(days=2), max(days) - timedelta(days=1))

    def read() -> tuple[Decimal, Decimal, Decimal]:
        work = bench.adapter.read_daily(bench.access, Level.ADSET, campaigns, *window, "sales")
        rows = bench.run(work)
        sums = [
            sum((getattr(row, name) for row in rows), Decimal(0))
            for name in ("spend", "conversions", "revenue")
        ]
        return sums[0], sums[1], sums[2]

    spend, conversions, revenue = read()
    sandbox.advance(advance_days=8)
    later = read()
    assert later[0] == spend
    assert later[1] > conversions > 0
    assert later[2] > revenue
    sandbox.advance(advance_days=3)
    assert read() == later


SPLITS = {"meta": "studies", "tiktok": "splits"}


class _Split(NamedTuple):
    """A split test that a bench makes of a tree's ad sets."""

    bench: Bench
    creation: Creation
    starts_in: timedelta = timedelta(hours=1)

    def create(self) -> str | None:
        account, now = self.creation.account, datetime.now(UTC)
        assert account is not None
        start = now + self.starts_in
        adset_ids = self.bench.level_ids(self.creation, Level.ADSET)
        order = SplitOrder("Shoes ca-test", adset_ids, start, start + timedelta(days=7))
        return self.bench.run(self.bench.adapter.create_split(self.bench.access, account, order))

    def end(self, split_id: str) -> None:
        assert self.creation.account is not None
        self.bench.run(self.bench.adapter.end_split(self.bench.access, self.creation.account, split_id))

    def stored(self, sandbox: Sandbox) -> dict[str, Any]:
        return dict(sandbox.state(self.bench.platform).get(SPLITS.get(self.bench.platform, ""), {}))


def _split(bench: Bench, adsets: int = 2, **more: Any) -> _Split:
    ages = [[18, 34], [35, 54], [55, 65]] if adsets == 3 else [[18, 34], [35, 65]]
    return _Split(bench, bench.run(bench.create_tree(bench.spec(age_groups=ages))), **more)


def test_a_split_test_is_made_once_where_the_platform_has_them(bench: Bench, sandbox: Sandbox) -> None:
    split = _split(bench)
    before = bench.run(bench.budgets(split.creation))
    made = split.create()
    assert (made is None) == (bench.platform == "google")
    assert split.create() == made
    assert list(split.stored(sandbox)) == ([made] if made else [])
    assert bench.run(bench.budgets(split.creation)) == before


@pytest.mark.parametrize("starts_in", [timedelta(hours=1), timedelta(hours=-1)], ids=["to come", "running"])
def test_a_split_test_ends_and_ending_it_again_is_a_success(
    bench: Bench, sandbox: Sandbox, starts_in: timedelta
) -> None:
    split = _split(bench, starts_in=starts_in)
    made = split.create() or "1850000000009999"
    for _ in range(2):
        split.end(made)
    split.end("1850000000008888")
    stored = split.stored(sandbox).get(made, {})
    is_over = (
        stored.get("ended")
        or stored.get("status") == "DELETED"
        or datetime.fromisoformat(stored.get("end_time", "2026-01-01T00:00:00+00:00")) <= datetime.now(UTC)
    )
    assert is_over


@pytest.mark.parametrize("bench", ["meta", "tiktok"], indirect=True)
def test_a_split_test_that_is_not_shown_is_not_taken_for_ended(bench: Bench, sandbox: Sandbox) -> None:
    split = _split(bench, starts_in=timedelta(hours=-1))
    made = split.create()
    assert made is not None
    sandbox.hide(made, writes=True)
    with pytest.raises(PlatformRejectedError) as refused:
        split.end(made)
    assert refused.value.code == "5000"
    sandbox.show_all()
    split.end(made)
    sandbox.hide(made, writes=True)
    split.end(made)  # the lists of the account tell that it is over


def test_a_split_of_three_is_one_only_where_the_platform_takes_three(bench: Bench, sandbox: Sandbox) -> None:
    split = _split(bench, adsets=3)
    made = split.create()
    if bench.platform != "meta":
        assert made is None
        assert split.stored(sandbox) == {}
        return
    assert made is not None
    cells = split.stored(sandbox)[made]["cells"]
    assert [cell["treatment_percentage"] for cell in cells] == [34, 33, 33]
    assert [cell["adsets"][0] for cell in cells] == bench.level_ids(split.creation, Level.ADSET)


@pytest.mark.parametrize("bench", ["meta", "tiktok"], indirect=True)
def test_a_split_test_whose_answer_was_lost_is_found_again(bench: Bench, sandbox: Sandbox) -> None:
    split = _split(bench)
    sandbox.fault(
        bench.platform, {"meta": "create_study", "tiktok": "create_split"}[bench.platform], "drop_after"
    )
    with pytest.raises(PlatformUnavailableError) as lost:
        split.create()
    assert lost.value.details["outcome_unknown"] is True
    assert list(split.stored(sandbox)) == [split.create()]


@pytest.mark.parametrize("bench", ["meta"], indirect=True)
def test_an_account_without_a_business_has_no_split_tests(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.patch_account("meta", ACCOUNTS["meta"], has_business=False)
    assert _split(bench).create() is None


def test_learning_is_told_where_the_platform_tells_it(bench: Bench, sandbox: Sandbox) -> None:
    creation = _two_running_campaigns(bench)[0]
    campaign_id = bench.level_ids(creation, Level.CAMPAIGN)[0]

    def learning() -> set[bool | None]:
        tree = bench.run(bench.adapter.read_tree(bench.access, campaign_id, "USD"))
        return {node.in_learning for node in tree.adsets}

    sandbox.advance(advance_hours=3)
    assert learning() == {{"meta": True, "tiktok": None, "google": True}[bench.platform]}
    sandbox.advance(advance_days=12)
    assert learning() == {None if bench.platform == "tiktok" else False}


def test_the_attribution_window_is_that_of_the_platforms_settings(bench: Bench, sandbox: Sandbox) -> None:
    creation = _two_running_campaigns(bench)[0]
    campaign_id = bench.level_ids(creation, Level.CAMPAIGN)[0]
    read = [bench.run(bench.adapter.read_tree(bench.access, campaign_id, "USD")) for _ in range(2)]
    # The first read may be by what the creation echoed, which holds no account.
    assert read[1].attribution_days == {"meta": 7, "tiktok": 7, "google": 30}[bench.platform]


def test_a_window_of_daily_insights_is_checked_and_ends_are_included(bench: Bench, sandbox: Sandbox) -> None:
    creation = _two_running_campaigns(bench)[0]
    campaigns = bench.level_ids(creation, Level.CAMPAIGN)
    sandbox.advance(advance_days=6)
    records = sandbox.state(bench.platform)["records"]
    last = max(date.fromisoformat(record["day"]) for record in records)

    def read(since: date, until: date) -> list[DailyInsight]:
        work = bench.adapter.read_daily(bench.access, Level.ADSET, campaigns, since, until, "sales")
        return bench.run(work)

    rows = read(last - timedelta(days=3), last - timedelta(days=1))
    ids = bench.level_ids(creation, Level.ADSET)
    days = [last - timedelta(days=offset) for offset in (3, 2, 1)]
    assert sorted((row.entity_id, row.day) for row in rows) == sorted(product(ids, days))
    figures = bench.run(read_figures(bench.adapter, bench.access, campaigns[0], days[0], "sales"))
    assert {item: found.spend for item, found in figures[Level.ADSET].items()} == {
        row.entity_id: row.spend for row in rows if row.day == days[0]
    }
    before = sandbox.operations(bench.platform)
    for since, until in ((last, last - timedelta(days=1)), (last - timedelta(days=90), last)):
        with pytest.raises(InvalidRequestError, match="90"):
            read(since, until)
    assert sandbox.operations(bench.platform) == before


@pytest.mark.parametrize(
    ("bench", "change", "field"),
    [
        ("meta", {"pixels": []}, "pixel_id"),
        ("meta", {"pages": []}, "page_id"),
        ("tiktok", {"pixels": []}, "pixel_id"),
        ("tiktok", {"identities": []}, "identity_id"),
    ],
    indirect=["bench"],
)
def test_what_the_account_lacks_is_named_with_where_to_configure_it(
    sandbox: Sandbox, bench: Bench, change: dict[str, Any], field: str
) -> None:
    sandbox.patch_account(bench.platform, ACCOUNTS[bench.platform], **change)
    with pytest.raises((AccountError, InvalidRequestError)) as refusal:
        bench.run(bench.plan(bench.spec()))
    assert refusal.value.details["field"] == field
    assert "secret" in refusal.value.message
    assert sandbox.left_behind(bench.platform) == {}


@pytest.mark.parametrize("bench", ["google"], indirect=True)
def test_google_needs_the_eu_declaration(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="EU_POLITICAL_ADVERTISING") as refusal:
        bench.run(bench.plan(bench.spec(eu_political_advertising=None)))
    assert refusal.value.details["field"] == "eu_political_advertising"


@pytest.mark.parametrize("bench", ["meta"], indirect=True)
def test_an_ad_set_under_a_campaign_budget_is_refused(bench: Bench, cloud: Cloud) -> None:
    url, token = cloud.info["sandbox"]["meta"], bench.access.token.get_secret_value()
    fields = {
        "name": "Budget of the campaign",
        "objective": "OUTCOME_SALES",
        "status": "PAUSED",
        "special_ad_categories": "[]",
        "daily_budget": "5000",
    }

    def post(path: str, **form: str) -> str:
        answer = httpx.post(f"{url}/v26.0/{path}", params={"access_token": token}, data=form, timeout=600)
        return str(answer.raise_for_status().json()["id"])

    campaign = post(f"{ACCOUNTS['meta']}/campaigns", **fields)
    promoted = {"pixel_id": "400000000000001", "custom_event_type": "PURCHASE"}
    targeting = {
        "geo_locations": {"countries": ["US"]},
        "age_min": 18,
        "age_max": 35,
        "targeting_automation": {"advantage_audience": 0},
    }
    adset = post(
        f"{ACCOUNTS['meta']}/adsets",
        name="18-35",
        campaign_id=campaign,
        status="PAUSED",
        optimization_goal="OFFSITE_CONVERSIONS",
        billing_event="IMPRESSIONS",
        targeting=json.dumps(targeting),
        promoted_object=json.dumps(promoted),
    )
    account = bench.run(bench.adapter.describe_account(bench.access))

    async def set_to(level: Level, item: str) -> BudgetOutcome:
        wish = {item: Decimal(80)}
        return (await bench.adapter.set_budgets(bench.access, account, level, wish))[0]

    refused = bench.run(set_to(Level.ADSET, adset))
    assert isinstance(refused.error, PlatformRejectedError)
    assert refused.error.details["platform_code"] == "100/1885621"
    assert bench.run(set_to(Level.CAMPAIGN, campaign)).effective == "now"
    tree = bench.run(bench.adapter.read_tree(bench.access, campaign, "USD"))
    assert (tree.campaign.daily_budget, tree.adsets[0].daily_budget) == (Decimal(80), None)


def test_ads_are_added_to_ad_sets_that_exist(bench: Bench) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    plan, account = creation.planned()
    before = bench.tree(creation)
    creative = CreativePlan(tag="ca-zzzzzzzzz2", name="Another ca-zzzzzzzzz2", creative_id="5")
    ads = [
        AdPlan(tag=tag, name=f"Another {tag}", adset_tag=adset.tag, creative_id="5")
        for adset, tag in zip(plan.adsets, ("ca-zzzzzzzzz3", "ca-zzzzzzzzz4"), strict=False)
    ]
    added = plan.model_copy(update={"creatives": [creative], "ads": ads, "is_addition": True})
    outcomes = bench.run(bench.create_ads(added, account))
    assert [item.error for item in outcomes] == [None, None]
    names = [ad.name for ad in ads]
    found = bench.run(bench.adapter.find(bench.access, Level.AD, names, bench.ids[plan.tag]))
    assert found == {ad.name: [bench.ids[ad.tag]] for ad in ads}
    after = bench.tree(creation)
    new = {(ad.platform_id, ad.adset_id, ad.status) for ad in after.ads} - {
        (ad.platform_id, ad.adset_id, ad.status) for ad in before.ads
    }
    assert new == {(bench.ids[ad.tag], bench.ids[ad.adset_tag], "paused") for ad in ads}
    # Ad sets keep the keywords that they have.
    assert [node.keywords for node in after.adsets] == [node.keywords for node in before.adsets]


def test_other_texts_are_an_edit_of_the_ad_or_another_ad(bench: Bench, sandbox: Sandbox) -> None:
    creation = bench.run(bench.create_tree(bench.spec()))
    objective, (first, *others) = creation.spec.objective, bench.tree(creation).ads
    copy = AdCopy(
        primary_text="Run on",
        headline="Light",
        description="See it",
        source="request",
        more_headlines=["Lighter", "Lightest"],
    )
    lines = bench.adapter.lines_of(objective, copy)
    assert (lines is not None) == bench.adapter.edits_copies == (first.setting("copy") is not None)
    # Ads that are replaced show whose page or identity they have.
    assert bool(first.shown_by) != bench.adapter.edits_copies
    if lines is None:
        return
    sandbox.fault(bench.platform, "update_ad", "timeout_after", hang_seconds=0.2)
    for _ in range(3):  # after a lost answer, and where it is so already
        errors = bench.change(creation, lines, [first.platform_id], Level.AD)
    assert errors == [None]
    shown = {ad.platform_id: ad.setting("copy") for ad in bench.tree(creation).ads}
    assert shown == {first.platform_id: lines.text} | {ad.platform_id: ad.setting("copy") for ad in others}
    (gone,) = bench.change(creation, lines, ["1~2"], Level.AD)
    assert gone == "5000"
