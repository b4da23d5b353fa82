"""TikTok for tests: its API by hand, valid bodies, and an adapter with everything a creation needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from campaign_automation.adapters.base import Access, AdOrder, CreativeOrder, Outcome
from campaign_automation.adapters.tiktok_adapter import TikTokAdapter
from campaign_automation.adapters.tree import Tree
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaigns import CampaignPlan, CreateCampaign
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.utils.validation import parse
from tests.support.builders import copy, creative, request_body
from tests.support.files import LOCAL_FILES

ADVERTISER, TOKEN = "7000000000000000123", "sandbox-tiktok-token-123"
MANUAL_DAY = date(2026, 11, 2)  # before manual creation ends
IDENTITY, PIXEL = "7100000000000000123", "7300000000000000123"
Json = dict[str, Any]
T = TypeVar("T")


@dataclass
class TikTokApi:
    """The Business API by hand, where the adapter would hide what is on the wire."""

    url: str
    http: httpx.Client
    token: str = TOKEN
    advertiser: str = ADVERTISER

    def request(self, method: str, path: str, **values: Any) -> httpx.Response:
        values = {"advertiser_id": self.advertiser, **values}
        address, headers = f"{self.url}/tiktok/open_api/v1.3/{path}/", {"Access-Token": self.token}
        if method == "POST":
            return self.http.post(address, json=values, headers=headers)
        query = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
        }
        return self.http.get(address, params=query, headers=headers)

    def get(self, path: str, **values: Any) -> Any:
        return _data(self.request("GET", path, **values))

    def post(self, path: str, **values: Any) -> Any:
        return _data(self.request("POST", path, **values))

    def refused(self, method: str, path: str, **values: Any) -> Json:
        """The envelope of a call that must fail."""
        answer = self.request(method, path, **values)
        body: Json = answer.json()
        assert answer.status_code == 200, answer.text
        assert body["code"] != 0, body
        assert "data" not in body
        return body

    def upload(self, content: bytes, **fields: str) -> Json:
        form = {"advertiser_id": self.advertiser, "upload_type": "UPLOAD_BY_FILE", **fields}
        address = f"{self.url}/tiktok/open_api/v1.3/file/image/ad/upload/"
        files = {"image_file": ("picture.png", content)}
        answer = self.http.post(address, data=form, files=files, headers={"Access-Token": self.token})
        body: Json = answer.json()
        return body


def _data(answer: httpx.Response) -> Any:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (200, 0), answer.text
    return body["data"]


def campaign_body(**changes: Any) -> Json:
    """A valid manual campaign; a change to None leaves the parameter out."""
    return _without_none(
        {
            "campaign_name": "Autumn",
            "objective_type": "WEB_CONVERSIONS",
            "budget_mode": "BUDGET_MODE_INFINITE",
            "operation_status": "DISABLE",
        }
        | changes
    )


def adgroup_body(campaign_id: str, **changes: Any) -> Json:
    """A valid manual ad group."""
    return _without_none(
        {
            "campaign_id": campaign_id,
            "adgroup_name": "18-34",
            "promotion_type": "WEBSITE",
            "placement_type": "PLACEMENT_TYPE_NORMAL",
            "placements": ["PLACEMENT_TIKTOK"],
            "location_ids": ["6252001"],
            "age_groups": ["AGE_18_24", "AGE_25_34"],
            "budget_mode": "BUDGET_MODE_DAY",
            "budget": 50,
            "schedule_type": "SCHEDULE_FROM_NOW",
            "schedule_start_time": "2026-11-02 12:00:00",
            "optimization_goal": "CONVERT",
            "billing_event": "OCPM",
            "bid_type": "BID_TYPE_NO_BID",
            "pacing": "PACING_MODE_SMOOTH",
            "pixel_id": PIXEL,
            "optimization_event": "SHOPPING",
            "operation_status": "DISABLE",
        }
        | changes
    )


def creative_body(image_id: str, **changes: Any) -> Json:
    """A valid entry of ad/create/'s creatives."""
    return _without_none(
        {
            "ad_name": "Picture",
            "identity_id": IDENTITY,
            "identity_type": "CUSTOMIZED_USER",
            "ad_format": "SINGLE_IMAGE",
            "image_ids": [image_id],
            "ad_text": "Light on your feet.",
            "call_to_action": "SHOP_NOW",
            "landing_page_url": "https://shop.example/p/1",
            "operation_status": "DISABLE",
        }
        | changes
    )


def _without_none(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}


@dataclass
class Bench:
    """An adapter on the sandbox, and the steps of a creation as the manager takes them."""

    url: str
    configured: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    advertiser: str = ADVERTISER
    token: str = TOKEN
    adapter: TikTokAdapter = field(init=False)

    def __post_init__(self) -> None:
        self.adapter = self.new_adapter()

    def new_adapter(self) -> TikTokAdapter:
        return TikTokAdapter(
            lambda: {"accounts": {self.advertiser: self.configured}},
            MediaClient(LOCAL_FILES),
            api_url=f"{self.url}/tiktok/open_api/v1.3",
            **{"timeout_seconds": 30, "today": lambda: MANUAL_DAY, **self.options},
        )

    @property
    def access(self) -> Access:
        return Access(platform_account_id=self.advertiser, token=SecretStr(self.token))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def account(self) -> AdAccount:
        return self.run(self.adapter.describe_account(self.access))

    def spec(self, **changes: Any) -> CreateCampaign:
        asked = {"platform": "tiktok", "special_ad_categories": ["NONE"], **changes}
        return parse(CreateCampaign, request_body(**asked))

    def plan(self, account: AdAccount, campaign_id: str = "cmp_1", **changes: Any) -> CampaignPlan:
        """As the manager plans: checked, fitted, split."""
        asked = self.spec(**changes)
        self.adapter.check(asked, account)
        fitted = asked.model_copy(update={"age_groups": self.adapter.fit_ages(asked.age_groups)})
        return plan_campaign(fitted, account, campaign_id)

    async def orders(self, plan: CampaignPlan, text: str = "Run further.") -> dict[str, CreativeOrder]:
        """Uploaded creatives by id: odd numbers are images, even ones videos."""

        async def order(item: Any) -> CreativeOrder:
            kind, extension = ("video", "mp4") if int(item.creative_id) % 2 == 0 else ("image", "png")
            address = f"{self.url}/web_platform/files/creative_{item.creative_id}.{extension}"
            shown = creative(creative_id=item.creative_id, file_type=kind, file_url=address)
            asset = await self.adapter.upload(self.access, shown, None)
            return CreativeOrder(item.tag, item.name, shown, copy(primary_text=text), asset)

        made = await asyncio.gather(*map(order, plan.creatives))
        return {item.creative.creative_id: item for item in made}

    async def create(
        self, plan: CampaignPlan, account: AdAccount, creatives: dict[str, CreativeOrder]
    ) -> Created:
        adapter, access = self.adapter, self.access
        campaign_id = id_of(await adapter.create_campaign(access, plan, account))
        adsets = ids_of(await adapter.create_adsets(access, plan, account, campaign_id, plan.adsets))
        orders = [
            AdOrder(ad.tag, ad.name, adsets[ad.adset_tag], creatives[ad.creative_id], None) for ad in plan.ads
        ]
        ads = ids_of(await adapter.create_ads(access, plan, account, campaign_id, orders))
        tree = await adapter.read_tree(access, campaign_id, account.currency)
        return Created(plan, account, campaign_id, adsets, ads, tree)

    def create_all(self, **changes: Any) -> Created:
        """A whole tree, files included."""

        async def work() -> Created:
            account = await self.adapter.describe_account(self.access)
            plan = self.plan(account, **changes)
            return await self.create(plan, account, await self.orders(plan))

        return self.run(work())


@dataclass
class Created:
    plan: CampaignPlan
    account: AdAccount
    campaign_id: str
    adsets: dict[str, str]
    ads: dict[str, str]
    tree: Tree

    def ids(self, level: Level) -> list[str]:
        ids = {Level.CAMPAIGN: [self.campaign_id], Level.ADSET: list(self.adsets.values())}
        return ids.get(level) or list(self.ads.values())

    def budgets(self) -> dict[str, Decimal | None]:
        """Stored budgets by the planned ad set's tag."""
        stored = {node.platform_id: node.daily_budget for node in self.tree.adsets}
        return {tag: stored[platform_id] for tag, platform_id in self.adsets.items()}


def id_of(outcome: Outcome) -> str:
    assert outcome.error is None, outcome.error
    assert outcome.platform_id is not None
    return outcome.platform_id


def ids_of(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {outcome.tag: id_of(outcome) for outcome in outcomes}
