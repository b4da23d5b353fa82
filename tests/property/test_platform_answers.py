"""Answers with fields missing, null, of another type or of an unknown word: a value, a node with issues or a
typed error comes of them, whatever the platform and the operation.

The answers are recorded once from the sandbox, so every field that an adapter asks for is among them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from campaign_automation.adapters.base import (
    Access,
    AdOrder,
    BudgetOutcome,
    CreativeOrder,
    DailyInsight,
    Outcome,
    PlatformAdapter,
    SplitOrder,
)
from campaign_automation.adapters.common import videos
from campaign_automation.adapters.google_adapter import GoogleAdapter
from campaign_automation.adapters.meta_adapter import MetaAdapter
from campaign_automation.adapters.tiktok_adapter import TikTokAdapter
from campaign_automation.adapters.tree import Node, Tree
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.campaigns import CampaignPlan
from campaign_automation.models.common import AdAccount, Level, Objective
from campaign_automation.models.creation.settings import End
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body
from campaign_automation.utils.observability import logger
from local.cloud import Cloud
from local.sandbox import seeds
from tests.support import platform_answers
from tests.support.builders import copy, creative, spec
from tests.support.platform_answers import JSON_SPOILS, MESSAGE_SPOILS, Path, Recorded, Spoil
from tests.support.sandbox import Sandbox

PLATFORMS = ("meta", "tiktok", "google")
ACCOUNTS = {"meta": "act_100000000000001", "tiktok": "7000000000000000123", "google": "1230000003"}
# In the order in which they are recorded: each needs what those before it made.
OPERATIONS_BY_KIND = {
    "account": ("describe_account", "upload_image", "upload_video", "check_account"),
    "create": ("create",),
    "find": ("find_campaigns", "find_adsets", "find_ads"),
    "list": ("list_campaigns", "campaign_names"),
    "tree": ("read_tree",),
    "daily": ("daily_of_campaigns", "daily_of_adsets", "daily_of_ads"),
    "change": ("set_status", "set_budgets", "create_split", "end_split", "lift_end", "set_end", "remove"),
}
OPERATIONS = [operation for operations in OPERATIONS_BY_KIND.values() for operation in operations]
ALWAYS_ASKED = ("describe_account", "create", "find_campaigns", "list_campaigns", "read_tree", "set_status")
# The fields by which an object is known and stopped, and the messages that hold them. A row that names
# another campaign is none of the asked one.
NEEDED = {
    "id",
    "status",
    "operation_status",
    "campaign_id",
    "adgroup_id",
    "ad_id",
    "smart_plus_ad_id",
    "resource_name",
}
Under = Callable[[int, Path], bool]
AGES = [[18, 34], [35, 65]]
TEXTS = copy(
    more_headlines=["Find out more", "Take a closer look", "See the details"],
    more_descriptions=["Have a look", "Find out more"],
)
# The SDK warns of values of another type, and keeps them.
pytestmark = pytest.mark.filterwarnings("ignore:Value of .* is not be compatible")
HOLDERS = {"ad_group", "ad_group_ad"}  # messages of which those are a part
SOME = settings(suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=5000, suppress_health_check=[HealthCheck.too_slow])


class Files(MediaClient):
    """One picture of 1200 x 1200 pixels under every address."""

    async def fetch(self, url: str) -> bytes:
        return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (1200).to_bytes(4) * 2 + b"\x08\x02\x00\x00\x00"


@dataclass
class Bench:
    """The operations of one platform's adapter; `known` holds what they made."""

    platform: str
    urls: dict[str, str]
    known: dict[str, Any] = field(default_factory=dict)

    def adapter(self) -> PlatformAdapter:
        app = {
            "app_id": seeds.META_APP_ID,
            "app_secret": seeds.META_APP_SECRET,
            "accounts": {ACCOUNTS["google"]: {"business_name": "Shop", "logo_url": "https://shop.example/l"}},
        }
        media = Files(frozenset({"127.0.0.1"}))
        if self.platform == "meta":
            return MetaAdapter(lambda: app, media, graph_url=self.urls["meta"])
        if self.platform == "tiktok":
            url = self.urls["tiktok"] + "/open_api/v1.3"
            return TikTokAdapter(lambda: {}, media, api_url=url, family=self.known["family"])
        return GoogleAdapter(lambda: app, media, endpoint=self.urls["google"])

    @property
    def access(self) -> Access:
        token = SecretStr(f"sandbox-{self.platform}-token-123")
        return Access(platform_account_id=ACCOUNTS[self.platform], token=token)

    @property
    def account(self) -> AdAccount:
        return self.known["account"]

    @property
    def plan(self) -> CampaignPlan:
        return self.known["plan"]

    def ids(self, level: Level) -> list[str]:
        return [item for tag, item in self.known["ids"].items() if self.known["levels"][tag] is level]

    @property
    def budget_ids(self) -> list[str]:
        return self.ids(self.adapter().budget_level)

    async def run(self, operation: str, adapter: PlatformAdapter) -> Any:
        """Carry out one operation as callers do."""
        work: Callable[[PlatformAdapter], Awaitable[Any]]
        kind, _, detail = operation.partition("_of_")
        if kind == "daily":
            return await self._daily(adapter, Level(detail.removesuffix("s")))
        if operation.startswith("find_"):
            return await self._find(adapter, Level(operation.removeprefix("find_").removesuffix("s")))
        work = getattr(self, f"_{operation}")
        return await work(adapter)

    async def _describe_account(self, adapter: PlatformAdapter) -> AdAccount:
        return await adapter.describe_account(self.access)

    async def _upload_image(self, adapter: PlatformAdapter) -> str:
        return await adapter.upload(self.access, creative(), None)

    async def _upload_video(self, adapter: PlatformAdapter) -> str:
        return await adapter.upload(self.access, creative(file_type="video"), None)

    async def _create(self, adapter: PlatformAdapter) -> list[Any]:
        """Create the plan as far as it goes, and read it back."""
        plan, account, access = self.plan, self.account, self.access
        ids: dict[str, str] = {}
        results: list[Any] = [await adapter.create_campaign(access, plan, account)]
        ids |= _ids(results)
        if plan.tag not in ids:
            return results
        root = ids[plan.tag]
        adsets = await adapter.create_adsets(access, plan, account, root, plan.adsets)
        made = {
            item.creative_id: CreativeOrder(item.tag, item.name, creative(), TEXTS, self.known["asset"])
            for item in plan.creatives
        }
        results += adsets
        ids |= _ids(results)
        creatives = list(made.values()) if Level.CREATIVE in adapter.levels else []
        orders = [
            AdOrder(ad.tag, ad.name, ids[ad.adset_tag], made[ad.creative_id], None)
            for ad in plan.ads
            if ad.adset_tag in ids
        ]
        results += await adapter.create_ads(access, plan, account, root, orders, creatives)
        self.known.setdefault("ids", ids | _ids(results))
        return [*results, await adapter.read_tree(access, root, account.currency)]

    async def _find(self, adapter: PlatformAdapter, level: Level) -> dict[str, list[str]]:
        names = {
            Level.CAMPAIGN: [self.plan.name],
            Level.ADSET: [item.name for item in self.plan.adsets],
            Level.AD: [item.name for item in self.plan.ads],
        }[level]
        parent = None if level is Level.CAMPAIGN else self.ids(Level.CAMPAIGN)[0]
        return await adapter.find(self.access, level, names, parent)

    async def _check_account(self, adapter: PlatformAdapter) -> None:
        await adapter.check_account(self.access)

    async def _list_campaigns(self, adapter: PlatformAdapter) -> list[FoundCampaign]:
        return await adapter.list_campaigns(self.access, self.account)

    async def _campaign_names(self, adapter: PlatformAdapter) -> dict[str, str]:
        return await adapter.campaign_names(self.access)

    async def _read_tree(self, adapter: PlatformAdapter) -> Tree:
        return await adapter.read_tree(self.access, self.ids(Level.CAMPAIGN)[0], "USD")

    async def _daily(self, adapter: PlatformAdapter, level: Level) -> list[DailyInsight]:
        until = self.known["today"]
        since = until - timedelta(days=2)
        return await adapter.read_daily(self.access, level, self.ids(Level.CAMPAIGN), since, until, "sales")

    async def _set_status(self, adapter: PlatformAdapter) -> list[Outcome]:
        return await adapter.set_status(self.access, Level.ADSET, self.ids(Level.ADSET), "active")

    async def _set_budgets(self, adapter: PlatformAdapter) -> list[BudgetOutcome]:
        wanted = dict.fromkeys(self.budget_ids, Decimal(120))
        return await adapter.set_budgets(self.access, self.account, adapter.budget_level, wanted)

    async def _create_split(self, adapter: PlatformAdapter) -> str | None:
        start = self.known["now"] + timedelta(hours=1)
        order = SplitOrder("Test", self.ids(Level.ADSET), start, start + timedelta(days=7))
        made = await adapter.create_split(self.access, self.account, order)
        self.known.setdefault("split", made)
        return made

    async def _end_split(self, adapter: PlatformAdapter) -> None:
        await adapter.end_split(self.access, self.account, self.known["split"] or "1")

    async def _lift_end(self, adapter: PlatformAdapter) -> Outcome:
        return (await self._change_setting(adapter, End(None)))[0]

    async def _set_end(self, adapter: PlatformAdapter) -> list[Outcome]:
        return await self._change_setting(adapter, End(datetime(2031, 1, 1, 4, 59, 59, tzinfo=UTC)))

    async def _change_setting(self, adapter: PlatformAdapter, end: End) -> list[Outcome]:
        ids = self.budget_ids[:1]
        target = self.access, self.account, Objective.SALES, adapter.budget_level, ids
        return await adapter.change_setting(*target, end)

    async def _remove(self, adapter: PlatformAdapter) -> list[Outcome]:
        return await adapter.remove(self.access, Level.AD, self.ids(Level.AD)[:1])


def _ids(results: Sequence[Any]) -> dict[str, str]:
    return {item.tag: item.platform_id for item in results if isinstance(item, Outcome) and item.platform_id}


@dataclass
class Play:
    """The recorded answers of one platform."""

    bench: Bench
    recorded: dict[str, Recorded]
    loop: asyncio.AbstractEventLoop
    strategies: dict[Any, Any] = field(default_factory=dict)

    def spoils(self, operation: str, kind: str = "", under: Under = lambda *_: True) -> Any:
        """Any fields of the operation's answers, each with something that the vendor does not document.

        `kind` names the fields that pass `under`.
        """
        if (operation, kind) not in self.strategies:
            recorded = self.recorded[operation]
            places = [place for place in recorded.paths() if under(*place)]
            is_json = not hasattr(recorded.answers[0][1], "DESCRIPTOR")
            values = st.sampled_from(JSON_SPOILS if is_json else MESSAGE_SPOILS)
            one = st.builds(lambda place, value: Spoil(*place, value), st.sampled_from(places), values)
            self.strategies[operation, kind] = st.lists(one, min_size=1, max_size=6)
        return self.strategies[operation, kind]

    def run(self, operation: str, spoils: Sequence[Spoil] = ()) -> Any:
        """The operation's result on its recorded answers, with `spoils`; its error when it is a typed one."""
        adapter = self.bench.adapter()
        platform_answers.play(self.bench.platform, adapter, self.recorded[operation].spoiled(spoils))
        try:
            return self.loop.run_until_complete(self.bench.run(operation, adapter))
        except CampaignAutomationError as error:
            return error


async def _recording(bench: Bench, adapter: PlatformAdapter, operation: str) -> tuple[Recorded, Any]:
    recorded = platform_answers.record(bench.platform, adapter)
    return recorded, await bench.run(operation, adapter)


def _record(bench: Bench, sandbox: Sandbox, loop: asyncio.AbstractEventLoop) -> dict[str, Recorded]:
    recorded: dict[str, Recorded] = {}

    def run(operation: str) -> Any:
        adapter = bench.adapter()  # a new one each time, as it knows nothing of other processes' objects
        recorded[operation], result = loop.run_until_complete(_recording(bench, adapter, operation))
        return result

    bench.known["account"] = run("describe_account")
    bench.known["asset"] = run("upload_image")
    run("upload_video")
    run("check_account")
    asked = spec(
        platform=bench.platform,
        age_groups=AGES,
        creative_ids=["1"],
        daily_budget=Decimal(300),
        eu_political_advertising=False,
    )
    bench.known["plan"] = plan = plan_campaign(asked, bench.account, "cmp_answers")
    bench.known["levels"] = {plan.tag: Level.CAMPAIGN} | {
        item.tag: level
        for level, items in (
            (Level.ADSET, plan.adsets),
            (Level.CREATIVE, plan.creatives),
            (Level.AD, plan.ads),
        )
        for item in items
    }
    made = run("create")
    assert [item.error for item in made if isinstance(item, Outcome) and item.error] == []
    for level in (Level.AD, Level.ADSET, Level.CAMPAIGN):
        loop.run_until_complete(bench.adapter().set_status(bench.access, level, bench.ids(level), "active"))
    if bench.platform == "google":
        _set_by_hand(sandbox, bench)
    sandbox.advance(advance_days=2)
    bench.known["now"] = sandbox.now()
    bench.known["today"] = sandbox.now().date()
    for operation in OPERATIONS[OPERATIONS.index("create") + 1 :]:
        run(operation)
    return recorded


def _set_by_hand(sandbox: Sandbox, bench: Bench) -> None:
    """Let somebody set criteria, of the campaign and of its first ad group, that no creation asks for."""
    root, group = bench.ids(Level.CAMPAIGN)[0], bench.ids(Level.ADSET)[0]
    criteria: list[dict[str, Any]] = [
        {"of": root, "proximity": {"radius": 5}},
        {"of": root, "device": {"type_": "MOBILE"}, "bid_modifier": 1.2},
        {"of": root, "ad_schedule": {"day_of_week": "MONDAY", "start_hour": 8, "end_hour": 18}},
        {"of": group, "income_range": {"type_": "INCOME_RANGE_0_50"}, "negative": True},
        {"of": group, "topic": {"path": ["Sports"]}},
        {"of": group, "user_interest": {"user_interest_category": "customers/1/userInterests/9"}},
        {"of": group, "keyword": {"text": "free", "match_type": "EXACT"}, "negative": True},
    ]
    observed = [{"of": group, "dimensions": ["AUDIENCE"]}]
    sandbox.patch_account("google", ACCOUNTS["google"], criteria=criteria, observed=observed)


@pytest.fixture(scope="module")
def plays(cloud: Cloud) -> Iterator[dict[str, Play]]:
    """Each platform with its recorded answers; TikTok in both of its families."""
    loop = asyncio.new_event_loop()
    made: dict[str, Play] = {}
    with pytest.MonkeyPatch.context() as patch, Sandbox(cloud.info["sandbox"]["admin"]) as sandbox:
        patch.setattr(videos, "POLL_SECONDS", (0, 0))
        silent = logging.getLogger(logger.name)  # Powertools' own object ignores the switch
        patch.setattr(silent, "disabled", True)  # each spoiled answer would be logged with its traceback
        for name in ("meta", "tiktok", "tiktok_smart_plus", "google"):
            sandbox.reset()
            bench = Bench(name.partition("_")[0], cloud.info["sandbox"])
            bench.known["family"] = "smart_plus" if name.endswith("plus") else "manual"
            made[name] = Play(bench, _record(bench, sandbox, loop), loop)
        yield made
    loop.close()


NAMES = ("meta", "tiktok", "tiktok_smart_plus", "google")
ID = re.compile(r"\d+(~\d+)?")


def check(result: Any) -> None:
    """Fail for anything but a value, nodes with issues or a typed error, all of it fit to be sent on."""
    json.dumps(result, ensure_ascii=False, default=_plain).encode()
    if isinstance(result, Tree):
        for node in (result.campaign, *result.adsets, *result.ads):
            _check_node(node)
    elif isinstance(result, Outcome | BudgetOutcome):
        told = result.platform_id if isinstance(result, Outcome) else result.effective and "1"
        assert (told is None) != (result.error is None)
        assert told is None or ID.fullmatch(told), told
        assert result.error is None or isinstance(result.error, CampaignAutomationError)
    elif isinstance(result, DailyInsight):
        assert ID.fullmatch(result.entity_id)
        figures = (result.spend, result.impressions, result.clicks, result.conversions, result.revenue)
        assert all(figure is None or 0 <= figure < 10**15 for figure in figures), figures
    elif isinstance(result, list):
        for item in result:
            check(item)
    elif isinstance(result, FoundCampaign):
        _check_found(result)
    elif isinstance(result, dict):
        # Ids by name, or names by id.
        ids = [item for item in result if isinstance(result[item], str)]
        assert all(map(ID.fullmatch, ids or itertools.chain.from_iterable(result.values()))), result


def _plain(value: Any) -> Any:
    """The parts of a value as an answer or a stored row would hold them."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return error_body(value) if isinstance(value, CampaignAutomationError) else str(value)


def _check_found(campaign: FoundCampaign) -> None:
    assert ID.fullmatch(campaign.platform_id), campaign
    assert campaign.status in ("active", "paused", "unknown")
    assert type(campaign).model_validate(campaign.model_dump()) == campaign


def _check_node(node: Node) -> None:
    assert ID.fullmatch(node.platform_id), node
    assert node.status in ("active", "paused", "deleted", "unknown")
    assert len(node.issues) >= len(node.unread), node
    assert type(node).model_validate(node.model_dump()) == node


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_recorded_is_read(plays: dict[str, Play], name: str, operation: str) -> None:
    result = plays[name].run(operation)
    assert not isinstance(result, Exception), result
    if operation in ALWAYS_ASKED:
        assert plays[name].recorded[operation].answers  # else the property would try nothing
    check(result)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in NAMES
        for kind in OPERATIONS_BY_KIND
        # Both families of TikTok's have the same accounts, changes, lists of campaigns and reports.
        if name != "tiktok_smart_plus" or kind in ("create", "find", "tree")
    ],
)
@SOME
@given(data=st.data())
def test_no_answer_breaks_its_reader(
    plays: dict[str, Play], name: str, kind: str, data: st.DataObject
) -> None:
    _spoil_one(plays[name], kind, data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPERATIONS_BY_KIND)
@pytest.mark.parametrize("name", NAMES)
@MANY
@given(data=st.data())
def test_none_of_many_answers_breaks_its_reader(
    plays: dict[str, Play], name: str, kind: str, data: st.DataObject
) -> None:
    _spoil_one(plays[name], kind, data)


def _spoil_one(play: Play, kind: str, data: st.DataObject) -> None:
    asked = [item for item in OPERATIONS_BY_KIND[kind] if play.recorded[item].answers]
    assume(asked)
    operation = data.draw(st.sampled_from(asked))
    check(play.run(operation, data.draw(play.spoils(operation))))


@pytest.mark.parametrize("name", NAMES)
@SOME
@given(data=st.data())
def test_an_odd_row_costs_no_other_row(plays: dict[str, Play], name: str, data: st.DataObject) -> None:
    play = plays[name]
    rows = _rows(play.recorded["read_tree"])
    odd = data.draw(st.sampled_from(sorted(rows)))
    spoils = data.draw(play.spoils("read_tree", odd, partial(_is_under, rows[odd])))
    before, after = play.run("read_tree"), play.run("read_tree", spoils)
    assert isinstance(after, Tree), after
    check(after)
    found = {node.platform_id: node for node in (*after.adsets, *after.ads)}
    for node in (*before.adsets, *before.ads):
        assert node.platform_id == odd or found[node.platform_id] == node


@pytest.mark.parametrize("name", NAMES)
@SOME
@given(data=st.data())
def test_an_id_and_a_status_are_enough_for_a_node(
    plays: dict[str, Play], name: str, data: st.DataObject
) -> None:
    play = plays[name]
    rows = _rows(play.recorded["read_tree"]).values()

    def is_needless(number: int, path: Path) -> bool:
        is_in_a_row = any(_is_under(row, number, path) and path != row[1] for row in rows)
        return is_in_a_row and path[-1] not in HOLDERS and not NEEDED.intersection(path)

    spoils = data.draw(play.spoils("read_tree", "needless", is_needless))
    before, after = play.run("read_tree"), play.run("read_tree", spoils)
    assert isinstance(after, Tree), after
    assert _statuses(after) == _statuses(before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("operation", OPERATIONS_BY_KIND["list"])
@SOME
@given(data=st.data())
def test_an_odd_campaign_costs_no_other_of_the_account(
    plays: dict[str, Play], name: str, operation: str, data: st.DataObject
) -> None:
    play = plays[name]
    rows = _campaign_rows(play.recorded[operation])
    odd = data.draw(st.sampled_from(sorted(rows)))
    spoils = data.draw(play.spoils(operation, odd, partial(_is_under, rows[odd])))
    before, after = (_by_id(play.run(operation, each)) for each in ((), spoils))
    for platform_id, campaign in before.items():
        assert platform_id == odd or after[platform_id] == campaign


def _by_id(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {item.platform_id: item for item in found}


def _campaign_rows(recorded: Recorded) -> dict[str, tuple[int, Path]]:
    """The rows of campaigns: where they stand among the answers, by the campaign's id."""
    found: dict[str, tuple[int, Path]] = {}
    for number, (_, answer) in enumerate(recorded.answers):
        if hasattr(answer, "results"):
            ids = [str(row.campaign.id) for row in answer.results]
            holder = "results"
        else:
            holder = "data" if "data" in answer else "list"
            ids = [row.get("campaign_id", row.get("id")) for row in answer[holder]]
        found |= {item: (number, (holder, index)) for index, item in enumerate(ids)}
    return found


def _is_under(row: tuple[int, Path], number: int, path: Path) -> bool:
    where, prefix = row
    return number == where and path[: len(prefix)] == prefix


def _rows(recorded: Recorded) -> dict[str, tuple[int, Path]]:
    """The rows of ad sets and ads: where they stand among the answers, by the object's id."""
    found: dict[str, tuple[int, Path]] = {}
    for number, (key, answer) in enumerate(recorded.answers):
        if key == "GET node":
            for edge in ("adsets", "ads"):
                for index, row in enumerate(answer[edge]["data"]):
                    found[row["id"]] = (number, (edge, "data", index))
        elif key.startswith("GET "):
            for index, row in enumerate(answer["list"]):
                names = [name for name in ("smart_plus_ad_id", "ad_id", "adgroup_id") if name in row]
                found |= {row[names[0]]: (number, ("list", index))} if names else {}
        elif key.endswith(("FROM ad_group", "FROM ad_group_ad")):
            kind = key.rpartition(" ")[2]
            for index, row in enumerate(answer.results):
                found[getattr(row, kind).resource_name.rpartition("/")[2]] = (number, ("results", index))
    return found


def _statuses(tree: Tree) -> dict[str, str]:
    return {node.platform_id: node.status for node in (tree.campaign, *tree.adsets, *tree.ads)}
