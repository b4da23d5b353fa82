"""Creating and changing ad groups, manual and Upgraded Smart+."""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from local.sandbox.tiktok.errors import Json, missing, wrong
from local.sandbox.tiktok.objects.campaigns import DAY, DYNAMIC, TOTAL, read_app, refuse_under_spend
from local.sandbox.tiktok.objects.money import read_budget
from local.sandbox.tiktok.objects.names import read_name
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account, Family, Node, TikTokStore

AGE_GROUPS = ("AGE_13_17", "AGE_18_24", "AGE_25_34", "AGE_35_44", "AGE_45_54", "AGE_55_100")
GENDERS = ("GENDER_UNLIMITED", "GENDER_MALE", "GENDER_FEMALE")
# objective -> goal -> billing event
GOALS = {
    "APP_PROMOTION": {"INSTALL": "OCPM", "CLICK": "CPC"},
    "ENGAGEMENT": {"FOLLOWERS": "OCPM", "PAGE_VISIT": "OCPM"},
    "LEAD_GENERATION": {"LEAD_GENERATION": "OCPM", "CONVERT": "OCPM", "CLICK": "CPC"},
    "PRODUCT_SALES": {"CONVERT": "OCPM", "VALUE": "OCPM", "CLICK": "CPC"},
    "REACH": {"REACH": "CPM"},
    "TRAFFIC": {"CLICK": "CPC", "TRAFFIC_LANDING_PAGE_VIEW": "OCPM"},
    "VIDEO_VIEWS": {"ENGAGED_VIEW": "CPV"},
    "WEB_CONVERSIONS": {"CONVERT": "OCPM", "VALUE": "OCPM", "CLICK": "CPC"},
}
PROMOTION_TYPES = ("APP_ANDROID", "APP_IOS", "LEAD_GENERATION", "WEBSITE", "WEBSITE_OR_DISPLAY")
WITHOUT_PROMOTION = ("REACH", "VIDEO_VIEWS", "ENGAGEMENT")
PIXEL_EVENTS = ("SHOPPING", "FORM", "ON_WEB_CART", "ON_WEB_DETAIL", "ON_WEB_REGISTER", "INITIATE_ORDER")
NORMAL, AUTOMATIC = "PLACEMENT_TYPE_NORMAL", "PLACEMENT_TYPE_AUTOMATIC"
PLACEMENTS = ("PLACEMENT_TIKTOK", "PLACEMENT_PANGLE", "PLACEMENT_GLOBAL_APP_BUNDLE")
# Where automatic placement was refused in April 2026: US, GB.
NO_AUTOMATIC = {"6252001", "2635167"}
# Where nobody under 18 may be targeted: US, GB and, of the EEA, its larger countries.
ADULTS_ONLY = {
    "6252001",
    "2635167",
    "2921044",
    "3017382",
    "2510769",
    "3175395",
    "2750405",
    "798544",
    "2963597",
}
MAX_LOCATIONS, MAX_SMART_PLUS_GROUPS = 3000, 30
LATE_START = timedelta(hours=12)
_LOCATION = re.compile(r"\d{5,8}")
NO_BID, CUSTOM_BID = "BID_TYPE_NO_BID", "BID_TYPE_CUSTOM"
_LANGUAGE = re.compile(r"[a-z]{2}")
_TIME = "%Y-%m-%d %H:%M:%S"
_TARGETING = {"location_ids", "age_groups", "gender", "audience_ids", "excluded_audience_ids", "languages"}
_COMMON = {
    "adgroup_name",
    "app_id",
    "bid_type",
    "billing_event",
    "budget",
    "budget_mode",
    "campaign_id",
    "conversion_bid_price",
    "deep_bid_type",
    "operation_status",
    "optimization_event",
    "optimization_goal",
    "pixel_id",
    "placement_type",
    "placements",
    "promotion_target_type",
    "promotion_type",
    "request_id",
    "roas_bid",
    "schedule_end_time",
    "schedule_start_time",
    "schedule_type",
}
_MANUAL = _COMMON | _TARGETING | {"pacing", "dayparting"}
_SMART_PLUS = _COMMON | {"targeting_spec", "targeting_optimization_mode"}


_UPDATE = {
    "adgroup_id",
    "adgroup_name",
    "bid_type",
    "budget",
    "conversion_bid_price",
    "deep_bid_type",
    "roas_bid",
    "schedule_end_time",
    "schedule_type",
}


def new_adgroup(
    store: TikTokStore, account: Account, campaign: Node, params: Params, family: Family, now: datetime
) -> Json:
    """The checked fields of (smart_plus/)adgroup/create/. Raises TikTokError."""
    params.only(_MANUAL if family == "manual" else _SMART_PLUS)
    name, schedule = read_name(params, "adgroup_name"), _schedule(params, now)
    return {
        "campaign_id": campaign.id,
        "adgroup_name": name,
        **schedule,
        **_goal(store, campaign, params, account),
        **_promotion(campaign, params, account),
        **_money(campaign, account, params, family, schedule),
        **_audience(store, account, campaign, params, family),
    }


def changed_adgroup(account: Account, campaign: Node, node: Node, params: Params, spent: float) -> Json:
    """The checked fields of adgroup/update/: name, budget, end and bid. Raises TikTokError."""
    params.only(_UPDATE)
    changes = _changed_end(node, params) if "schedule_type" in params else {}
    changes |= _changed_bid(node, params)
    if "adgroup_name" in params:
        changes["adgroup_name"] = read_name(params, "adgroup_name")
    if "budget" in params:
        if campaign.data["budget_optimize_on"]:
            raise wrong("budget: The campaign's budget is optimized; the ad group has none of its own.")
        changes["budget"] = float(read_budget(params, account, "adgroup"))
        refuse_under_spend(changes["budget"], spent)
    return changes


def _changed_bid(node: Node, params: Params) -> Json:
    """A new bid of the same type; one that is sent without its type is ignored."""
    kind = params.choice("bid_type", (NO_BID, CUSTOM_BID)) if "bid_type" in params else None
    if kind is None:
        return {}
    if kind != node.data["bid_type"] or params.text("deep_bid_type") != node.data.get("deep_bid_type", ""):
        raise wrong("bid_type: The bidding strategy of an ad group cannot be changed.")
    changes: Json = {}
    for field in ("conversion_bid_price", "roas_bid"):
        if field in node.data and (bid := params.amount(field)):
            changes[field] = float(bid)
    if changes.get("conversion_bid_price", 0) >= node.data["budget"] > 0:
        raise wrong("conversion_bid_price: The bid must be less than the budget.")
    return changes


def _goal(store: TikTokStore, campaign: Node, params: Params, account: Account) -> Json:
    goals = GOALS[campaign.data["objective_type"]]
    goal = params.choice("optimization_goal", goals)
    data: Json = {
        "optimization_goal": goal,
        "billing_event": params.choice("billing_event", {goals[goal]}),
        **_bid(params, account, goal, goals[goal]),
    }
    if goal in ("CONVERT", "VALUE"):
        data["pixel_id"] = _pixel(params, account)
        data["optimization_event"] = params.choice("optimization_event", PIXEL_EVENTS)
    if campaign.data["budget_optimize_on"]:
        _match_first_group(store, campaign, data)
    return data


def _bid(params: Params, account: Account, goal: str, billing_event: str) -> Json:
    """The bid's type with its bid; a bid beside another type is ignored."""
    kind = params.choice("bid_type", (NO_BID, CUSTOM_BID))
    if "deep_bid_type" in params:
        return {"bid_type": kind, **_value_bid(params, account, goal, kind)}
    if kind == NO_BID or billing_event != "OCPM":
        return {"bid_type": kind}
    bid, budget = params.amount("conversion_bid_price"), params.amount("budget")
    if not bid:
        raise missing("conversion_bid_price")
    if budget is not None and bid >= budget:
        raise wrong("conversion_bid_price: The bid must be less than the budget.")
    return {"bid_type": kind, "conversion_bid_price": float(bid)}


def _value_bid(params: Params, account: Account, goal: str, kind: str) -> Json:
    deep = params.choice("deep_bid_type", ("VO_MIN_ROAS", "VO_HIGHEST_VALUE"))
    if goal != "VALUE" or not account.value_bidding_allowed:
        raise wrong("deep_bid_type: Value-based optimization is not available to this ad group.")
    if deep == "VO_HIGHEST_VALUE":
        return {"deep_bid_type": deep}
    bid = params.amount("roas_bid")
    if bid is None or not Decimal("0.01") <= bid <= 1000 or kind != CUSTOM_BID:
        raise wrong("roas_bid: Must be between 0.01 and 1000.")
    return {"deep_bid_type": deep, "roas_bid": float(bid)}


def _match_first_group(store: TikTokStore, campaign: Node, data: Json) -> None:
    groups = [group for group in store.children(campaign, "adgroup") if not group.gone]
    names = ("optimization_goal", "bid_type", "optimization_event")
    if groups and any(groups[-1].data.get(name) != data.get(name) for name in names):
        raise wrong("optimization_goal: All ad groups of an optimized campaign need the same goal and bid.")


def _pixel(params: Params, account: Account) -> str:
    pixel_id = params.required("pixel_id")
    if pixel_id not in [pixel["pixel_id"] for pixel in account.pixels]:
        raise wrong(f"pixel_id: The pixel {pixel_id} does not belong to the advertiser.")
    return pixel_id


def _promotion(campaign: Node, params: Params, account: Account) -> Json:
    objective = campaign.data["objective_type"]
    if objective in WITHOUT_PROMOTION:
        if "promotion_type" in params:
            raise wrong(f"promotion_type: Not supported for {objective}.")
        return {}
    data: Json = {"promotion_type": params.choice("promotion_type", PROMOTION_TYPES)}
    if objective == "APP_PROMOTION":
        data["app_id"] = read_app(params, account)
        if not data["promotion_type"].startswith("APP_"):
            raise wrong("promotion_type: Must be APP_ANDROID or APP_IOS.")
    if data["promotion_type"] == "LEAD_GENERATION":
        target = params.choice("promotion_target_type", ("EXTERNAL_WEBSITE", "INSTANT_PAGE"))
        data["promotion_target_type"] = target
    return data


def _schedule(params: Params, now: datetime) -> Json:
    kind = params.choice("schedule_type", ("SCHEDULE_FROM_NOW", "SCHEDULE_START_END"))
    start = _moment(params, "schedule_start_time")
    # Clients take the real time; the sandbox's clock may stand elsewhere.
    if start < min(now, datetime.now(UTC)) - LATE_START:
        raise wrong("schedule_start_time: The start may be at most 12 hours in the past.")
    if start <= datetime.now(UTC):  # at once, in the client's time
        start = min(start, now)
    end = _ten_years_on(start)  # which is what from now on means
    if kind == "SCHEDULE_START_END":
        end = _moment(params, "schedule_end_time")
        if end <= start:
            raise wrong("schedule_end_time: The end must be after the start.")
    times = {"schedule_start_time": start.strftime(_TIME), "schedule_end_time": end.strftime(_TIME)}
    return {"schedule_type": kind, **times}


def _changed_end(node: Node, params: Params) -> Json:
    kind = params.choice("schedule_type", ("SCHEDULE_FROM_NOW", "SCHEDULE_START_END"))
    start = schedule_start(node.data)
    end = _moment(params, "schedule_end_time") if kind == "SCHEDULE_START_END" else _ten_years_on(start)
    if node.data["budget_mode"] == TOTAL and kind == "SCHEDULE_FROM_NOW":
        raise wrong("schedule_type: A lifetime budget needs SCHEDULE_START_END.")
    if end <= start:
        raise wrong("schedule_end_time: The end must be after the start.")
    return {"schedule_type": kind, "schedule_end_time": end.strftime(_TIME)}


def _ten_years_on(start: datetime) -> datetime:
    return start.replace(year=start.year + 10, day=min(start.day, 28))


def _moment(params: Params, name: str) -> datetime:
    try:
        return datetime.strptime(params.required(name), _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise wrong(f"{name}: Not a valid datetime.") from None


def schedule_days(data: Json) -> int:
    """The count of days that the ad group is to run."""
    start, end = (datetime.strptime(data[f"schedule_{edge}_time"], _TIME) for edge in ("start", "end"))
    return max(1, math.ceil((end - start) / timedelta(days=1)))


def schedule_end(data: Json) -> datetime:
    return datetime.strptime(data["schedule_end_time"], _TIME).replace(tzinfo=UTC)


def schedule_start(data: Json) -> datetime:
    return datetime.strptime(data["schedule_start_time"], _TIME).replace(tzinfo=UTC)


def _money(campaign: Node, account: Account, params: Params, family: Family, schedule: Json) -> Json:
    if campaign.data["budget_optimize_on"]:
        return {"budget_mode": "BUDGET_MODE_INFINITE", "budget": 0.0, "pacing": "PACING_MODE_SMOOTH"}
    mode = params.choice("budget_mode", (DAY, TOTAL, DYNAMIC))
    if mode == TOTAL and campaign.data["budget_mode"] == DAY:
        raise wrong("budget_mode: A campaign with a daily budget has no ad groups with a lifetime budget.")
    if mode == TOTAL and schedule["schedule_type"] != "SCHEDULE_START_END":
        raise wrong("schedule_type: A lifetime budget needs SCHEDULE_START_END.")
    days = schedule_days(schedule) if mode == TOTAL else 1
    data: Json = {"budget_mode": mode, "budget": float(read_budget(params, account, "adgroup", days=days))}
    if family == "manual":
        data["pacing"] = params.choice("pacing", ("PACING_MODE_SMOOTH", "PACING_MODE_FAST"))
    return data


def _audience(store: TikTokStore, account: Account, campaign: Node, params: Params, family: Family) -> Json:
    if family == "manual":
        targeting = _targeting(params, account)
        return {**targeting, **_placement(params, targeting["location_ids"])}
    if (
        len([group for group in store.children(campaign, "adgroup") if not group.gone])
        >= MAX_SMART_PLUS_GROUPS
    ):
        raise wrong(f"campaign_id: A campaign holds at most {MAX_SMART_PLUS_GROUPS} ad groups.")
    if "request_id" not in params:
        raise missing("request_id")
    if "targeting_spec" not in params:
        raise missing("targeting_spec")
    spec = params.mapping("targeting_spec")
    spec.only(_TARGETING)
    targeting = _targeting(spec, account)
    return {
        "targeting_optimization_mode": params.choice("targeting_optimization_mode", ("AUTOMATIC", "MANUAL")),
        "targeting_spec": targeting,
        **_placement(params, targeting["location_ids"]),
    }


def _targeting(params: Params, account: Account) -> Json:
    locations = params.ids("location_ids", MAX_LOCATIONS)
    if not all(map(_LOCATION.fullmatch, locations)):
        raise wrong("location_ids: Unknown location.")
    ages = [str(age) for age in params.listed("age_groups")]
    if not set(ages) <= set(AGE_GROUPS):
        raise wrong(f"age_groups: Must be among: {', '.join(AGE_GROUPS)}.")
    if "AGE_13_17" in ages and ADULTS_ONLY & set(locations):
        raise wrong("age_groups: AGE_13_17 cannot be targeted in these locations.")
    languages = [str(code) for code in params.listed("languages")]
    if not all(map(_LANGUAGE.fullmatch, languages)):
        raise wrong("languages: Unknown language.")
    audiences = [str(audience) for audience in params.listed("audience_ids")]
    excluded = [str(audience) for audience in params.listed("excluded_audience_ids")]
    for name, ids in (("audience_ids", audiences), ("excluded_audience_ids", excluded)):
        if not set(ids) <= set(account.audiences):
            raise wrong(f"{name}: The audience does not exist.")
    if set(audiences) & set(excluded):
        raise wrong("excluded_audience_ids: An audience is both included and excluded.")
    return {
        "location_ids": locations,
        "age_groups": ages or None,
        "gender": params.choice("gender", GENDERS, "GENDER_UNLIMITED"),
        "audience_ids": audiences,
        "excluded_audience_ids": excluded,
        "languages": languages,
    }


def _placement(params: Params, locations: list[str]) -> Json:
    kind = params.choice("placement_type", (NORMAL, AUTOMATIC), NORMAL)
    if kind == AUTOMATIC:
        if NO_AUTOMATIC & set(locations):
            raise wrong("placement_type: Automatic placement is not supported in these locations.")
        return {"placement_type": kind, "placements": list(PLACEMENTS)}
    placements = [str(item) for item in params.listed("placements")] or ["PLACEMENT_TIKTOK"]
    if not set(placements) <= set(PLACEMENTS):
        raise wrong(f"placements: Must be among: {', '.join(PLACEMENTS)}.")
    return {"placement_type": kind, "placements": placements}
