"""Campaigns made elsewhere on TikTok: manual and Smart+, with budgets of campaigns or ad groups, in regions
and zip codes, of age groups that clients do not know."""

from datetime import datetime, timedelta

from local.sandbox.core.reviews import LONG_AGO
from local.sandbox.core.store import Json
from local.sandbox.elsewhere.plan import MadeElsewhere
from local.sandbox.tiktok.delivery import UNITS_PER_DOLLAR
from local.sandbox.tiktok.objects.adgroups import NO_BID
from local.sandbox.tiktok.objects.campaigns import DAY, DYNAMIC, INFINITE, TOTAL
from local.sandbox.tiktok.objects.money import RATIO
from local.sandbox.tiktok.store import Account, Family, Node, TikTokStore

_OBJECTIVES = {
    "sales": ("WEB_CONVERSIONS", "CONVERT", "OCPM"),
    "traffic": ("TRAFFIC", "CLICK", "CPC"),
    "leads": ("LEAD_GENERATION", "CONVERT", "OCPM"),
    "unknown": ("SHOP_PURCHASES", "CLICK", "CPC"),  # made through TikTok Shop
}
_STATUS = {"active": "ENABLE", "paused": "DISABLE", "archived": "DELETE"}
_PLACES: dict[str, Json] = {
    "country": {"location_ids": ["6252001"]},
    "region": {"location_ids": ["5332921"]},
    "city": {"location_ids": ["5391959"], "zipcode_ids": ["94304"]},
}
_AGES: dict[str, list[str] | None] = {
    "all": None,
    "adults": ["AGE_25_34", "AGE_35_44"],
    "none": [],
    "unknown": ["AGE_18_29", "AGE_25_34"],
}
_TOTAL_DAYS = 60
_TIME = "%Y-%m-%d %H:%M:%S"


def build(store: TikTokStore, account: Account, plan: MadeElsewhere, made_at: datetime) -> str:
    objective, _, _ = _OBJECTIVES[plan.objective]
    data: Json = {"campaign_name": plan.name, "objective_type": objective, "special_industries": []}
    status = _STATUS[plan.state]
    family = _family(plan)
    campaign = store.add("campaign", account, data | _campaign_money(account, plan), made_at, status, family)
    picture = store.add("image", account, {"file_name": plan.name, "source": plan.creative}, made_at)
    for number, amount in enumerate(plan.budgets, 1):
        settings = _adgroup(account, plan, made_at) | _adgroup_money(account, plan, amount)
        names = {"campaign_id": campaign.id, "adgroup_name": f"{plan.name} / group {number}"}
        adgroup = store.add("adgroup", account, names | settings, made_at, "ENABLE", family)
        for ad in range(1, plan.ads + 1):
            fields = _ad(account, plan, picture) | {"ad_name": f"Ad {ad}"}
            parents = {"adgroup_id": adgroup.id, "campaign_id": campaign.id}
            store.add("ad", account, fields | parents, made_at, "ENABLE", family).submitted = LONG_AGO
    if campaign.gone:  # with all that is in it
        for node in store.tree(campaign):
            node.operation_status = status
    return campaign.id


def _family(plan: MadeElsewhere) -> Family:
    return "smart_plus" if plan.budget == "campaign" and plan.objective in ("sales", "leads") else "manual"


def _amount(account: Account, dollars: int) -> float:
    return float(dollars * UNITS_PER_DOLLAR.get(account.currency, RATIO[account.currency]))


def _campaign_money(account: Account, plan: MadeElsewhere) -> Json:
    if plan.budget == "adset":
        return {"budget_mode": INFINITE, "budget": 0.0, "budget_optimize_on": False}
    if plan.budget == "total":
        budget = _amount(account, plan.total * _TOTAL_DAYS)
        return {"budget_mode": TOTAL, "budget": budget, "budget_optimize_on": True}
    mode = DYNAMIC if _family(plan) == "smart_plus" else DAY
    return {"budget_mode": mode, "budget": _amount(account, plan.total), "budget_optimize_on": True}


def _adgroup_money(account: Account, plan: MadeElsewhere, dollars: int) -> Json:
    if plan.budget == "adset":
        return {"budget_mode": DAY, "budget": _amount(account, dollars), "pacing": "PACING_MODE_SMOOTH"}
    return {"budget_mode": INFINITE, "budget": 0.0, "pacing": "PACING_MODE_SMOOTH"}


def _adgroup(account: Account, plan: MadeElsewhere, made_at: datetime) -> Json:
    _, goal, billing = _OBJECTIVES[plan.objective]
    audience: Json = {**_PLACES[plan.place], "age_groups": _AGES[plan.ages], "gender": "GENDER_UNLIMITED"}
    ends = made_at + timedelta(days=3650)
    settings: Json = {
        "optimization_goal": goal,
        "billing_event": billing,
        "bid_type": NO_BID,
        "promotion_type": "WEBSITE",
        "placement_type": "PLACEMENT_TYPE_NORMAL",
        "placements": ["PLACEMENT_TIKTOK", "PLACEMENT_PANGLE"],
        "schedule_type": "SCHEDULE_FROM_NOW",
        "schedule_start_time": made_at.strftime(_TIME),
        "schedule_end_time": ends.strftime(_TIME),
    }
    if goal == "CONVERT":
        event = "SHOPPING" if plan.objective == "sales" else "FORM"
        settings |= {"pixel_id": account.pixels[0]["pixel_id"], "optimization_event": event}
    is_smart = _family(plan) == "smart_plus"
    return settings | ({"targeting_spec": audience} if is_smart else audience)


def _ad(account: Account, plan: MadeElsewhere, picture: Node) -> Json:
    who = {name: account.identities[0][name] for name in ("identity_id", "identity_type")}
    text, action, page = f"{plan.name}: made by hand", "SHOP_NOW", "https://shop.example/elsewhere"
    if _family(plan) == "smart_plus":
        info = {"ad_format": "SINGLE_IMAGE", "image_info": [{"web_uri": picture.id}]}
        return {
            "ad_configuration": who,
            "ad_text_list": [{"ad_text": text}],
            "call_to_action_list": [{"call_to_action": action}],
            "landing_page_url_list": [{"landing_page_url": page}],
            "creative_list": [{"creative_info": info}],
        }
    shown = {"ad_text": text, "call_to_action": action, "landing_page_url": page}
    return {**who, **shown, "ad_format": "SINGLE_IMAGE", "image_ids": [picture.id]}
