"""Optional settings of a creation, in one suite that every adapter passes on its sandbox.

What a platform has is asked, stored and read back; what it does not have is refused by field.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from campaign_automation.adapters.base import Access, AdOrder, CreativeOrder, PlatformAdapter
from campaign_automation.adapters.tree import Tree
from campaign_automation.managers.campaigns.planning import plan_campaign, with_keywords
from campaign_automation.managers.campaigns.read_back import compare
from campaign_automation.models.campaign import Creation, ObjectEntry
from campaign_automation.models.campaigns import CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, Context, Level
from campaign_automation.utils.error_handler import InvalidRequestError
from tests.support import google, meta, tiktok
from tests.support.builders import copy, creative, spec
from tests.support.sandbox import Sandbox

PLATFORMS = ("meta", "tiktok", "google")
ZONE = ZoneInfo("America/New_York")
MACROS = {"meta": "{{campaign.id}}", "tiktok": "__CAMPAIGN_ID__", "google": "{campaignid}"}
LINES = {"more_headlines": ["Find out more", "Take a look"], "more_descriptions": ["Have a look"]}


NUMBERS = count()  # names are unique in an account


class Bench(NamedTuple):
    platform: str
    adapter: PlatformAdapter
    access: Access
    files: str
    account: AdAccount

    def spec(self, **changes: Any) -> CreateCampaign:
        values = {
            "age_groups": [[18, 34], [35, 65]],
            "eu_political_advertising": False,
            "creative_ids": ["1"],
        }
        return spec(platform=self.platform, **{**values, **changes})

    def check(self, **changes: Any) -> list[str]:
        return self.adapter.check(self.spec(**changes), self.account)

    def create(self, **changes: Any) -> tuple[Creation, Tree]:
        """Create a whole campaign and read it."""
        return asyncio.run(self._create(self.spec(**changes)))

    async def _create(self, asked: CreateCampaign) -> tuple[Creation, Tree]:
        account = await self.adapter.describe_account(self.access)
        self.adapter.check(asked, account)
        fitted = asked.model_copy(update={"age_groups": self.adapter.fit_ages(asked.age_groups)})
        plan = plan_campaign(fitted, account, f"cmp_options_{next(NUMBERS)}").model_copy(
            update={"ends_at": asked.end_time}
        )
        ids = await self._objects(plan, account)
        tree = await self.adapter.read_tree(self.access, ids[plan.tag], "USD")
        return _creation(asked, plan, account, ids), tree

    async def _objects(self, plan: CampaignPlan, account: AdAccount) -> dict[str, str]:
        ids: dict[str, str] = {}

        def keep(outcomes: Any) -> None:
            assert [item.error for item in outcomes if item.error] == []
            ids.update({item.tag: item.platform_id for item in outcomes})

        keep([await self.adapter.create_campaign(self.access, plan, account)])
        campaign_id = ids[plan.tag]
        keep(await self.adapter.create_adsets(self.access, plan, account, campaign_id, plan.adsets))
        orders = {item.creative_id: await self._order(item) for item in plan.creatives}
        creatives = list(orders.values()) if Level.CREATIVE in self.adapter.levels else []
        ads = [
            AdOrder(ad.tag, ad.name, ids[ad.adset_tag], order, ids.get(order.tag))
            for ad in plan.ads
            for order in [orders[ad.creative_id]]
        ]
        keep(await self.adapter.create_ads(self.access, plan, account, campaign_id, ads, creatives))
        return ids

    async def _order(self, item: Any) -> CreativeOrder:
        creative = Creative(
            creative_id=item.creative_id,
            name="Trail shoe",
            file_url=f"{self.files}/creative_1.png",
            file_type="image",
            product_url="https://shop.example/p/1?colour=red",
            tags=["running"],
        )
        asset = await self.adapter.upload(self.access, creative, None)
        return CreativeOrder(item.tag, item.name, creative, copy(**LINES), asset)


def _creation(asked: CreateCampaign, plan: CampaignPlan, account: AdAccount, ids: dict[str, str]) -> Creation:
    levels = {plan.tag: (Level.CAMPAIGN, plan.name)}
    levels |= {item.tag: (Level.ADSET, item.name) for item in plan.adsets}
    levels |= {item.tag: (Level.AD, item.name) for item in plan.ads}
    return Creation(
        tenant="u",
        campaign_id="cmp_options",
        state="creating",
        spec=asked,
        context=Context(user_id="u"),
        account=account,
        plan=plan,
        created_at=0,
        updated_at=0,
        objects={
            tag: ObjectEntry(level=level, tag=tag, name=name, state="created", platform_id=ids[tag])
            for tag, (level, name) in levels.items()
        },
        copies={item.creative_id: copy(**LINES) for item in plan.creatives},
    )


@pytest.fixture(scope="module")
def benches(ports: dict[str, int], control: Sandbox) -> dict[str, Bench]:
    control.reset()
    url = f"http://127.0.0.1:{ports['port']}"
    files = f"{url}/web_platform/files"
    ticks = tiktok.Bench(url)
    made: dict[str, tuple[Any, Any]] = {
        "meta": (meta.adapter(url), meta.ACCESS),
        "tiktok": (ticks.adapter, ticks.access),
        "google": (google.adapter(ports["google_port"]), google.ACCESS),
    }
    return {
        platform: Bench(platform, adapter, access, files, asyncio.run(adapter.describe_account(access)))
        for platform, (adapter, access) in made.items()
    }


@pytest.fixture(params=PLATFORMS)
def bench(request: pytest.FixtureRequest, benches: dict[str, Bench]) -> Bench:
    return benches[request.param]


def days(control: Sandbox, count: int) -> datetime:
    """Midnight in the account's zone, `count` days on."""
    return datetime.combine(control.now().astimezone(ZONE).date() + timedelta(days=count), time(), ZONE)


def test_everything_that_is_asked_is_stored_and_read_back(bench: Bench, control: Sandbox) -> None:
    start, end = days(control, 3), days(control, 9) - timedelta(seconds=1)
    asked: dict[str, Any] = {
        "genders": ["female"],
        "languages": ["en"],
        "start_time": start.isoformat(),
        "end_time": end.isoformat(),
        "tracking": {"url_parameters": {"utm_source": "x", "utm_campaign": MACROS[bench.platform]}},
    }
    if bench.platform != "google":
        asked["call_to_action"] = "book_now"
    creation, tree = bench.create(**asked)
    assert creation.plan is not None
    assert compare(creation.plan, tree, creation) == []
    for node in tree.adsets:
        assert node.targeting is not None
        assert (node.targeting.genders, node.targeting.languages, node.targeting.more) == (
            ["female"],
            ["en"],
            [],
        )
        assert node.unread == []
    owner = tree.campaign if bench.platform == "google" else tree.adsets[0]
    assert (owner.starts_at, owner.ends_at) == (start, end)
    for ad in tree.ads:
        assert ad.url_parameters is not None
        assert ad.url_parameters["utm_campaign"] == MACROS[bench.platform]


AUDIENCES: dict[str, list[Any]] = {
    "meta": [{"id": item, "name": "Buyers", "subtype": "CUSTOM"} for item in ("11", "22")],
    "tiktok": ["11", "22"],
    "google": ["11", "22"],
}
PLACEMENTS = {"meta": ["facebook", "instagram"], "tiktok": ["pangle"], "google": ["google_search"]}


def test_places_lists_of_people_and_placements_are_stored_and_read_back(
    bench: Bench, control: Sandbox
) -> None:
    field = "user_lists" if bench.platform == "google" else "audiences"
    control.patch_account(
        bench.platform, bench.access.platform_account_id, **{field: AUDIENCES[bench.platform]}
    )
    asked: dict[str, Any] = {
        "regions": ["21137"],
        "cities": ["1014221"],
        "audiences": ["11"],
        "excluded_audiences": ["22"],
        "placements": PLACEMENTS[bench.platform],
    }
    if bench.platform != "tiktok":
        asked["excluded_countries"] = ["CA"]
    creation, tree = bench.create(**asked)
    plan = creation.planned()[0]
    assert compare(plan, tree, creation) == []
    targeting = tree.adsets[0].targeting
    assert targeting is not None
    assert (targeting.countries, sorted(targeting.places)) == ([], ["1014221", "21137"])
    assert (targeting.audiences, targeting.excluded_audiences) == (["11"], ["22"])
    assert tree.adsets[0].unread == []
    people = plan.adsets[0].targeting.model_copy(
        update={"regions": ["5"], "audiences": [], "excluded_audiences": ["9"], "excluded_countries": ["MX"]}
    )
    other = {"targeting": people, "placements": "automatic"}
    adsets = [item.model_copy(update=other) for item in plan.adsets]
    told = compare(plan.model_copy(update={"adsets": adsets}), tree, creation)
    for word in ("places", "audiences", "excluded audiences", "excluded countries", "placements"):
        assert any(f": {word} " in item.message and item.is_serious for item in told), word


@pytest.mark.parametrize("strategy", ["target_cpa", "target_roas"])
def test_a_bid_strategy_with_its_target_is_stored_and_read_back(bench: Bench, strategy: str) -> None:
    creation, tree = bench.create(bid_strategy=strategy, target_cpa=12.5, target_roas=3.2)
    plan = creation.planned()[0]
    assert compare(plan, tree, creation) == []
    target = {"target_cpa": Decimal("12.5"), "target_roas": Decimal("3.2")}[strategy]
    assert {(node.bid_strategy, node.bid_target) for node in tree.adsets} == {(strategy, target)}
    other = [item.model_copy(update={"bid_target": Decimal(9)}) for item in plan.adsets]
    told = compare(plan.model_copy(update={"adsets": other}), tree, creation)
    assert all("bid target" in item.message and item.is_serious for item in told)
    assert told


@pytest.mark.parametrize("objective", ["traffic", "awareness", "engagement"])
@pytest.mark.parametrize("strategy", ["target_cpa", "target_roas"])
def test_a_target_where_nothing_is_sold_is_refused_by_name(
    bench: Bench, objective: str, strategy: str
) -> None:
    facts = {"business_name": "Shop", "logo_url": "https://cdn.example/logo.png"}
    account = bench.account.model_copy(update={"facts": {**bench.account.facts, **facts}})
    asked = bench.spec(objective=objective, bid_strategy=strategy, target_cpa=5, target_roas=2)
    with pytest.raises(InvalidRequestError, match=f"cannot bid by {strategy}") as refused:
        bench.adapter.check(asked, account)
    assert (refused.value.details["field"], refused.value.details["allowed"]) == (
        "bid_strategy",
        ["lowest_cost"],
    )


KEYWORDS = {
    "keywords": [{"text": "trail shoe", "match_type": "exact"}, {"text": "running"}],
    "negative_keywords": [{"text": "used", "match_type": "phrase"}],
}


def test_keywords_are_asked_and_read_back_on_search_and_refused_elsewhere(bench: Bench) -> None:
    if bench.platform != "google":
        for field, value in KEYWORDS.items():
            with pytest.raises(InvalidRequestError, match="has no keywords") as refused:
                bench.check(**{field: value})
            assert refused.value.details["field"] == field
        return
    for sign in ("a!b", "[exact]", '"phrase"', "one two three four five six seven eight nine ten eleven"):
        with pytest.raises(InvalidRequestError, match=r"keywords\.0\.text"):
            bench.check(keywords=[{"text": sign}])
    creation, tree = bench.create(**KEYWORDS)
    plan = creation.planned()[0]
    assert compare(plan, tree, creation) == []
    assert [(item.text, item.match_type) for item in tree.adsets[0].keywords or []] == [
        ("trail shoe", "exact"),
        ("running", "broad"),
    ]
    other = [item.model_copy(update={"keywords": item.keywords[:1]}) for item in plan.adsets]
    changed = plan.model_copy(update={"adsets": other, "negative_keywords": plan.adsets[0].keywords})
    told = [item.message for item in compare(changed, tree, creation) if item.is_serious]
    assert any("negative keywords" in text for text in told)
    assert any(": keywords " in text for text in told)


def test_without_keywords_the_plan_shows_those_of_the_creatives(bench: Bench) -> None:
    shoe = creative(name="Trail shoe", tags=["running"])
    plan = plan_campaign(bench.spec(), bench.account, "cmp_1")
    full = with_keywords(plan, [shoe], partial(bench.adapter.keywords_of, plan.objective))
    expected = ["trail shoe", "running"] if bench.platform == "google" else []
    assert all([item.text for item in adset.keywords] == expected for adset in full.adsets)
    assert {item.match_type for adset in full.adsets for item in adset.keywords} <= {"broad"}


def test_a_difference_in_each_setting_is_told(bench: Bench, control: Sandbox) -> None:
    creation, tree = bench.create()
    plan = creation.plan
    assert plan is not None
    assert compare(plan, tree, creation) == []
    narrowed = plan.adsets[0].targeting.model_copy(update={"genders": ["male"], "languages": ["en"]})
    other = plan.model_copy(
        update={
            "adsets": [item.model_copy(update={"targeting": narrowed}) for item in plan.adsets],
            "starts_at": days(control, 30),
            "call_to_action": "SIGN_UP",
            "tracking": bench.spec(tracking={"url_parameters": {"a": "b"}}).tracking,
        }
    )
    told = compare(other, tree, creation)
    for words in ("genders", "languages", "start", "call to action", "URL parameters"):
        assert any(words in item.message for item in told), words
    assert all(item.is_serious for item in told if "genders" in item.message or "start" in item.message)


STRANGE_MACROS = {"meta": "{campaignid}", "tiktok": "{{campaign.id}}", "google": "__CAMPAIGN_ID__"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"call_to_action": "DANCE_NOW"}, "call_to_action"),
        ({"languages": ["xx"]}, "languages"),
        ({"placements": ["billboard"]}, "placements"),
        ({"bid_strategy": "target_roas", "target_roas": 3, "objective": "leads"}, "bid_strategy"),
        ({"bid_strategy": "target_cpa", "target_cpa": 5.005}, "target_cpa"),
        ({"cities": ["1"], "target_countries": ["US", "DE"], "split_by": "country"}, "split_by"),
        ({"start_time": "2001-01-01T00:00:00Z"}, "start_time"),
        ({"end_time": "2001-01-01T00:00:00Z"}, "end_time"),
        ({"texts": [{"creative_id": "1", "primary_text": "x" * 2200 + "y"}]}, "texts.0.primary_text"),
    ],
)
def test_what_no_platform_takes_is_refused_by_field(
    bench: Bench, changes: dict[str, Any], field: str
) -> None:
    if field == "texts.0.primary_text":
        changes = {"texts": [{"creative_id": "1", "primary_text": "x" * 2200}]}
        if bench.platform == "meta":  # which takes it, and cuts it
            assert any("texts.0.primary_text is cut" in text for text in bench.check(**changes))
            return
    with pytest.raises(InvalidRequestError) as refused:
        bench.check(**changes)
    assert refused.value.details["field"] == field
    assert refused.value.message.startswith(f"{field}: ")


def test_a_macro_of_another_platform_is_refused_with_those_that_are_right(bench: Bench) -> None:
    macro = STRANGE_MACROS[bench.platform]
    with pytest.raises(InvalidRequestError) as refused:
        bench.check(tracking={"url_parameters": {"utm_id": macro}})
    assert refused.value.details["field"] == "tracking.url_parameters.utm_id"
    assert MACROS[bench.platform] in refused.value.details["allowed"]


@pytest.mark.parametrize(
    ("platform", "changes", "field", "words"),
    [
        (
            "tiktok",
            {"texts": [{"creative_id": "1", "headline": "Hi"}]},
            "texts.0.headline",
            "give primary_text",
        ),
        (
            "tiktok",
            {"texts": [{"creative_id": "1", "primary_text": "好" * 51}]},
            "texts.0.primary_text",
            "102",
        ),
        (
            "tiktok",
            {"texts": [{"creative_id": "1", "primary_text": "Run 🏃"}]},
            "texts.0.primary_text",
            "emoji",
        ),
        (
            "meta",
            {"texts": [{"creative_id": "1", "more_headlines": ["a"]}]},
            "texts.0.more_headlines",
            "at most 1",
        ),
        ("google", {"texts": [{"creative_id": "1", "headline": "Buy it!"}]}, "texts.0.headline", "editorial"),
        ("google", {"texts": [{"creative_id": "1", "headline": "x" * 31}]}, "texts.0.headline", "at most 30"),
        (
            "google",
            {"texts": [{"creative_id": "1", "description": "So good.."}]},
            "texts.0.description",
            "'..'",
        ),
        ("google", {"call_to_action": "SHOP_NOW"}, "call_to_action", "leave it out"),
        ("meta", {"languages": ["de"]}, "languages", "own keys"),
        ("tiktok", {"excluded_countries": ["CA"]}, "excluded_countries", "leave it out"),
        ("tiktok", {"bid_strategy": "target_cpa", "target_cpa": 60}, "target_cpa", "below the budget"),
        ("google", {"placements": ["search_partners"]}, "placements", "name both"),
    ],
)
def test_what_one_platform_cannot_do_is_refused_with_what_would_be_right(
    benches: dict[str, Bench], platform: str, changes: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words) as refused:
        benches[platform].check(**changes)
    assert refused.value.details["field"] == field


@pytest.mark.parametrize("field", ["start_time", "end_time"])
def test_google_names_the_nearest_day_that_spends_no_more(bench: Bench, control: Sandbox, field: str) -> None:
    moment = days(control, 5) + timedelta(hours=9)
    if bench.platform != "google":
        bench.check(**{field: moment.isoformat()})
        return
    with pytest.raises(InvalidRequestError, match="of the account") as refused:
        bench.check(**{field: moment.isoformat()})
    right = datetime.fromisoformat(refused.value.details["allowed"][0])
    assert right > moment if field == "start_time" else right < moment
    bench.check(**{field: right.isoformat()})


@pytest.mark.parametrize("category", ["HOUSING", "EMPLOYMENT"])
def test_special_categories_reach_all_genders(bench: Bench, category: str) -> None:
    with pytest.raises(InvalidRequestError, match="genders: "):
        bench.adapter.check(
            bench.spec(genders=["male"], age_groups=[[18, 65]]).model_copy(
                update={"special_ad_categories": [category]}
            ),
            bench.account,
        )


def test_nothing_is_shown_before_the_start(bench: Bench, control: Sandbox) -> None:
    creation, _ = bench.create(start_time=days(control, 3).isoformat())
    entries = [entry for entry in creation.objects.values() if entry.platform_id]
    for level in (Level.AD, Level.ADSET, Level.CAMPAIGN):
        ids = [str(entry.platform_id) for entry in entries if entry.level is level]
        asyncio.run(bench.adapter.set_status(bench.access, level, ids, "active"))

    def spend() -> float:
        today = control.now().astimezone(ZONE).date()
        rows = asyncio.run(
            bench.adapter.read_daily(
                bench.access,
                Level.CAMPAIGN,
                [str(creation.objects[creation.planned()[0].tag].platform_id)],
                today - timedelta(days=1),
                today,
                "sales",
            )
        )
        return float(sum(row.spend or 0 for row in rows))

    control.advance(advance_days=2)
    assert spend() == 0
    control.advance(advance_days=3)
    assert spend() > 0
