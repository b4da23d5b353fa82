"""Campaigns made elsewhere on Meta: with campaign or ad set budgets, by region or city, of strange ages."""

import hashlib
from datetime import datetime, timedelta

from local.sandbox.core.delivery import UNITS_PER_DOLLAR
from local.sandbox.core.reviews import LONG_AGO
from local.sandbox.elsewhere.plan import MadeElsewhere
from local.sandbox.meta.store import Account, Json, MetaStore, Node

_OBJECTIVES = {
    "sales": ("OUTCOME_SALES", "OFFSITE_CONVERSIONS"),
    "traffic": ("OUTCOME_TRAFFIC", "LINK_CLICKS"),
    "leads": ("OUTCOME_LEADS", "OFFSITE_CONVERSIONS"),
    "unknown": ("VIDEO_VIEWS", "THRUPLAY"),  # one of before 2022
}
_EVENTS = {"sales": "PURCHASE", "leads": "LEAD"}
_STATUS = {"active": "ACTIVE", "paused": "PAUSED", "archived": "ARCHIVED"}
_PLACES: dict[str, Json] = {
    "country": {"countries": ["US"]},
    "region": {"regions": [{"key": "3847", "name": "California", "country": "US"}]},
    "city": {"cities": [{"key": "2418779", "radius": 25, "distance_unit": "mile"}]},
}
_AGES: dict[str, Json] = {
    "all": {"age_min": 18, "age_max": 65},
    "adults": {"age_min": 25, "age_max": 54},
    "none": {},
    "unknown": {"age_range": [21, 64], "genders": [2]},
}
_TOTAL_DAYS = 60


def build(store: MetaStore, account: Account, plan: MadeElsewhere, made_at: datetime) -> str:
    objective, goal = _OBJECTIVES[plan.objective]
    own = _money(account, plan.total, plan, made_at) if plan.budget != "adset" else {}
    data = {"name": plan.name, "objective": objective, "buying_type": "AUCTION", "special_ad_categories": []}
    campaign = store.add("campaign", account, data | own, made_at, _STATUS[plan.state])
    creative = _creative(store, account, plan, made_at)
    for number, amount in enumerate(plan.budgets, 1):
        settings: Json = {
            "name": f"{plan.name} / set {number}",
            "campaign_id": campaign.id,
            "optimization_goal": goal,
            "billing_event": "IMPRESSIONS",
            "targeting": {"geo_locations": _PLACES[plan.place], **_AGES[plan.ages]},
            **({} if own else _money(account, amount, plan, made_at)),
        }
        if plan.objective in _EVENTS:
            pixel = account.pixels[0]["id"]
            settings["promoted_object"] = {"pixel_id": pixel, "custom_event_type": _EVENTS[plan.objective]}
        adset = store.add("adset", account, settings, made_at)
        for ad in range(1, plan.ads + 1):
            shown = {"adset_id": adset.id, "campaign_id": campaign.id, "creative_id": creative.id}
            store.add("ad", account, {"name": f"Ad {ad}", **shown}, made_at).submitted = LONG_AGO
    if campaign.gone:  # with all that is in it
        for node in store.tree(campaign):
            node.status = campaign.status
    return campaign.id


def _money(account: Account, dollars: int, plan: MadeElsewhere, made_at: datetime) -> Json:
    amount = dollars * UNITS_PER_DOLLAR.get(account.currency, 1) * account.offset
    if plan.budget != "total":
        return {"daily_budget": amount}
    ends = made_at + timedelta(days=plan.age_days + _TOTAL_DAYS)
    return {"lifetime_budget": amount * _TOTAL_DAYS, "stop_time": ends.isoformat()}


def _creative(store: MetaStore, account: Account, plan: MadeElsewhere, made_at: datetime) -> Node:
    image_hash = hashlib.md5(plan.creative.encode(), usedforsecurity=False).hexdigest()
    if store.image(account.id, image_hash) is None:
        url = f"https://scontent.example/{account.id}/{image_hash}"
        store.add("image", account, {"hash": image_hash, "name": plan.creative, "url": url}, made_at)
    link = {
        "link": "https://shop.example/elsewhere",
        "message": f"{plan.name}: made by hand",
        "name": "By hand",
        "image_hash": image_hash,
        "call_to_action": {"type": "SHOP_NOW"},
    }
    story = {"page_id": account.pages[0]["id"], "link_data": link}
    return store.add("creative", account, {"name": plan.name, "object_story_spec": story}, made_at)
