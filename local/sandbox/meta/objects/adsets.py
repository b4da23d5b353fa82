"""Creating and changing ad sets."""

from datetime import UTC, datetime

from local.sandbox.meta.errors import GraphError, invalid, wrong_param
from local.sandbox.meta.objects.campaigns import BID_STRATEGIES, BIRTH_STATUSES, read_name
from local.sandbox.meta.objects.money import BUDGETS, both_levels, owns_budget, read_budget
from local.sandbox.meta.objects.targeting import read_targeting, targets_eu
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, MetaStore, Node

GOALS_OF_OBJECTIVE = {
    "OUTCOME_SALES": "OFFSITE_CONVERSIONS VALUE LINK_CLICKS LANDING_PAGE_VIEWS IMPRESSIONS REACH",
    "OUTCOME_TRAFFIC": "LINK_CLICKS LANDING_PAGE_VIEWS IMPRESSIONS REACH",
    "OUTCOME_AWARENESS": "REACH IMPRESSIONS AD_RECALL_LIFT THRUPLAY",
    "OUTCOME_LEADS": "LEAD_GENERATION QUALITY_LEAD OFFSITE_CONVERSIONS LINK_CLICKS LANDING_PAGE_VIEWS",
    "OUTCOME_ENGAGEMENT": "POST_ENGAGEMENT THRUPLAY LINK_CLICKS LANDING_PAGE_VIEWS IMPRESSIONS REACH "
    "OFFSITE_CONVERSIONS",
    "OUTCOME_APP_PROMOTION": "APP_INSTALLS LINK_CLICKS VALUE",
}
GOALS = tuple(sorted({goal for goals in GOALS_OF_OBJECTIVE.values() for goal in goals.split()}))
# Goals bound to a place: they need it, and the place takes no other goal.
DESTINATION_OF_GOAL = {
    "LEAD_GENERATION": ("ON_AD",),
    "QUALITY_LEAD": ("ON_AD",),
    "POST_ENGAGEMENT": ("ON_POST", "ON_PAGE"),
    "APP_INSTALLS": ("APP",),
    "THRUPLAY": ("ON_VIDEO",),
}
DESTINATIONS = ("APP", "MESSENGER", "ON_AD", "ON_PAGE", "ON_POST", "ON_VIDEO", "WEBSITE", "WHATSAPP")
NEED_DESTINATION = ("LEAD_GENERATION", "QUALITY_LEAD", "POST_ENGAGEMENT")
BILLING_EVENTS = (
    "APP_INSTALLS",
    "CLICKS",
    "IMPRESSIONS",
    "LINK_CLICKS",
    "LISTING_INTERACTION",
    "NONE",
    "OFFER_CLAIMS",
    "PAGE_LIKES",
    "POST_ENGAGEMENT",
    "PURCHASE",
    "THRUPLAY",
)
NEED_PIXEL = ("OFFSITE_CONVERSIONS", "VALUE")
NEED_PAGE = ("LEAD_GENERATION", "QUALITY_LEAD", "POST_ENGAGEMENT", "REACH")
CONVERSION_EVENTS = (
    "ADD_TO_CART",
    "COMPLETE_REGISTRATION",
    "CONTENT_VIEW",
    "INITIATED_CHECKOUT",
    "LEAD",
    "OTHER",
    "PURCHASE",
    "SEARCH",
    "SUBSCRIBE",
)
SMALL_BUDGET_STEP = 0.2
_AMOUNT_STRATEGIES = ("LOWEST_COST_WITH_BID_CAP", "COST_CAP")
_STORED_AS_SENT = ("start_time", "end_time", "dsa_beneficiary", "dsa_payor", "destination_type")
_CREATE = {
    "name",
    "campaign_id",
    "optimization_goal",
    "billing_event",
    "targeting",
    "status",
    "daily_budget",
    "lifetime_budget",
    "promoted_object",
    "bid_amount",
    "bid_strategy",
    "bid_constraints",
    "is_dynamic_creative",
    *_STORED_AS_SENT,
}
_FIXED = {"campaign_id", "billing_event", "promoted_object", "is_dynamic_creative", "destination_type"}
_UPDATE = _CREATE - _FIXED


def new_adset(store: MetaStore, account: Account, params: Params) -> tuple[Json, str]:
    """The checked fields of POST act_<id>/adsets, and the birth status. Raises GraphError."""
    params.only(_CREATE)
    campaign = living_parent(store, account, "campaign", params)
    goal = params.choice("optimization_goal", GOALS)
    _check_goal(goal, campaign)
    data: Json = {
        "name": read_name(params),
        "campaign_id": campaign.id,
        "optimization_goal": goal,
        "billing_event": _billing_event(params, goal),
        "targeting": read_targeting(params.mapping("targeting"), account, campaign),
        **_sent(params),
        **_own_budget(params, account, campaign),
    }
    status = params.choice("status", BIRTH_STATUSES)
    _check_destination(goal, params)
    data |= _promoted_object(params, account, goal, campaign)
    return data | _dsa(data, account) | _bidding(params, data, campaign), status


def changed_adset(store: MetaStore, account: Account, node: Node, params: Params) -> Json:
    """The checked fields of POST <ad set id>. Raises GraphError."""
    params.only(_UPDATE)
    campaign = store.nodes[node.data["campaign_id"]]
    changes: Json = read_budget(params, account) | _sent(params)
    if owns_budget(campaign) and any(name in changes for name in ("daily_budget", "lifetime_budget")):
        raise both_levels()
    if "name" in params:
        changes["name"] = read_name(params)
    if "targeting" in params:
        # The Advantage audience flag that was declared at the creation stands while an edit says nothing.
        declared = {"targeting_automation": node.data["targeting"].get("targeting_automation", {})}
        changes["targeting"] = read_targeting(declared | params.mapping("targeting"), account, campaign)
        changes |= _dsa(node.data | changes, account)
    if "optimization_goal" in params:
        changes["optimization_goal"] = params.choice("optimization_goal", GOALS)
        _check_goal(changes["optimization_goal"], campaign)
    if changes.get("end_time") == "0":  # an ongoing ad set
        changes["end_time"] = None
    return changes | _new_bidding(node, campaign, params, changes)


def _new_bidding(node: Node, campaign: Node, params: Params, changes: Json) -> Json:
    found = _changed_bidding(params)
    if "bid_strategy" not in found:
        return found
    if owns_budget(campaign):
        raise wrong_param("bid_strategy belongs to the campaign, which has the budget", "bid_strategy")
    _check_bid(found["bid_strategy"], params, str({**node.data, **changes}["optimization_goal"]))
    bids = dict.fromkeys(("bid_amount", "bid_constraints"))
    return bids | found


def starts_learning(node: Node, changes: Json) -> bool:
    """Whether an edit is significant. For budgets 20 % is the rule of thumb (unverified)."""
    for name, value in changes.items():
        before = node.data.get(name)
        if name in BUDGETS:
            if not before or abs(value - before) > SMALL_BUDGET_STEP * before:
                return True
        elif name not in ("name", "end_time") and value != before:
            return True
    return False


def living_parent(store: MetaStore, account: Account, kind: str, params: Params) -> Node:
    """The campaign or ad set a new object names as its parent."""
    name = f"{kind}_id"
    parent = store.nodes.get(params.required(name))
    if parent is None or parent.kind != kind or parent.account_id != account.id:
        raise invalid(
            None, f"Invalid {name}", f"{params.text(name)} is not a {kind} of this ad account.", name
        )
    if parent.gone:
        raise invalid(
            None, "Parent Deleted", f"The {kind} {parent.id} is deleted and takes no new objects.", name
        )
    return parent


def _check_goal(goal: str, campaign: Node) -> None:
    if goal not in GOALS_OF_OBJECTIVE[campaign.data["objective"]].split():
        raise invalid(
            2490408,
            "Performance goal isn't available",
            "You can't use the selected performance goal with your campaign objective.",
            "optimization_goal",
        )


def _check_destination(goal: str, params: Params) -> None:
    place = params.choice("destination_type", DESTINATIONS) if "destination_type" in params else None
    wanted = DESTINATION_OF_GOAL.get(goal)
    bound_elsewhere = any(place in places for places in DESTINATION_OF_GOAL.values())
    missing = place is None and goal in NEED_DESTINATION
    clash = place is not None and (place not in wanted if wanted else bound_elsewhere)
    if missing or clash:
        raise invalid(
            1815715,
            "Performance goal and destination don't match",
            "The selected performance goal can't be used with this destination type.",
            "destination_type",
        )


def _billing_event(params: Params, goal: str) -> str:
    event = params.choice("billing_event", BILLING_EVENTS)
    if event not in ("IMPRESSIONS", goal):
        raise invalid(
            None,
            "Billing Event Not Available",
            f"{event} can't be used as billing event with the performance goal {goal}.",
            "billing_event",
        )
    return event


def _own_budget(params: Params, account: Account, campaign: Node) -> Json:
    budget = read_budget(params, account)
    if owns_budget(campaign):
        if budget:
            raise both_levels()
        return {}
    if not budget:
        raise wrong_param("An ad set without a campaign budget needs daily_budget or lifetime_budget")
    if "lifetime_budget" in budget and "end_time" not in params:
        raise wrong_param("A lifetime budget needs the parameter end_time", "end_time")
    return budget


def _promoted_object(params: Params, account: Account, goal: str, campaign: Node) -> Json:
    promoted = params.mapping("promoted_object") if "promoted_object" in params else {}
    if goal in NEED_PIXEL:
        _check_pixel(promoted, account)
    if goal in NEED_PAGE:
        _check_page(promoted, account)
    if campaign.data["objective"] == "OUTCOME_APP_PROMOTION":
        _check_app(promoted)
    return {"promoted_object": promoted} if promoted else {}


def _check_pixel(promoted: Json, account: Account) -> None:
    known = {pixel["id"] for pixel in account.pixels}
    if str(promoted.get("pixel_id")) not in known:
        raise invalid(
            None,
            "Pixel Required",
            "Choose a pixel of this ad account: promoted_object.pixel_id is missing or unknown.",
            "promoted_object",
            "pixel_id",
        )
    if promoted.get("custom_event_type") not in CONVERSION_EVENTS:
        allowed = ", ".join(CONVERSION_EVENTS)
        raise wrong_param(
            f"Param promoted_object[custom_event_type] must be one of {{{allowed}}}", "promoted_object"
        )


def _check_page(promoted: Json, account: Account) -> None:
    if "page_id" not in promoted:
        raise invalid(
            1885154,
            "Page Required",
            "Choose the Facebook Page this ad set promotes: promoted_object.page_id is missing.",
            "promoted_object",
            "page_id",
        )
    check_own_page(str(promoted["page_id"]), account)


def check_own_page(page_id: str, account: Account) -> None:
    if page_id not in {page["id"] for page in account.pages}:
        raise GraphError(f"(#10) Application does not have permission for the page {page_id}", 10, status=403)


def _check_app(promoted: Json) -> None:
    if not promoted.get("application_id") or not promoted.get("object_store_url"):
        raise wrong_param(
            "Param promoted_object needs application_id and object_store_url", "promoted_object"
        )


def _dsa(data: Json, account: Account) -> Json:
    """EU law: who is shown and who pays; the account's defaults fill what is not sent."""
    if not targets_eu(data["targeting"]):
        return {}
    found = {
        "dsa_beneficiary": data.get("dsa_beneficiary") or account.default_dsa_beneficiary,
        "dsa_payor": data.get("dsa_payor") or account.default_dsa_payor,
    }
    for name, subcode, who in (
        ("dsa_beneficiary", 3858081, "advertiser"),
        ("dsa_payor", 3858079, "payer"),
    ):
        if not found[name]:
            raise invalid(
                subcode, f"No {who} is set", f"Ads shown in the EU must name their {who}: set {name}.", name
            )
    return found


def _bidding(params: Params, data: Json, campaign: Node) -> Json:
    if owns_budget(campaign):
        return {}
    strategy = (
        params.choice("bid_strategy", BID_STRATEGIES)
        if "bid_strategy" in params
        else "LOWEST_COST_WITHOUT_CAP"
    )
    _check_bid(strategy, params, data["optimization_goal"])
    return {"bid_strategy": strategy} | _changed_bidding(params)


def _check_bid(strategy: str, params: Params, goal: str) -> None:
    if strategy in _AMOUNT_STRATEGIES and not params.integer("bid_amount"):
        raise invalid(
            2490487,
            "Bid Amount Required",
            f"The bid strategy {strategy} needs a bid_amount.",
            "bid_amount",
        )
    if strategy == "LOWEST_COST_WITHOUT_CAP" and "bid_amount" in params:
        raise wrong_param("bid_amount can't be set with LOWEST_COST_WITHOUT_CAP", "bid_amount")
    if strategy == "LOWEST_COST_WITH_MIN_ROAS":
        constraints = params.mapping("bid_constraints") if "bid_constraints" in params else {}
        floor = constraints.get("roas_average_floor")
        if goal != "VALUE" or not isinstance(floor, int):
            raise wrong_param(
                "LOWEST_COST_WITH_MIN_ROAS needs the goal VALUE and bid_constraints.roas_average_floor",
                "bid_constraints",
            )


def _changed_bidding(params: Params) -> Json:
    found: Json = {}
    if "bid_strategy" in params:
        found["bid_strategy"] = params.choice("bid_strategy", BID_STRATEGIES)
    if "bid_constraints" in params:
        found["bid_constraints"] = params.mapping("bid_constraints")
    if (amount := params.integer("bid_amount")) is not None:
        found["bid_amount"] = amount
    return found


def _sent(params: Params) -> Json:
    found: Json = {name: params.text(name) for name in _STORED_AS_SENT if name in params}
    for name in ("start_time", "end_time"):
        if name in found:
            _check_time(name, found[name])
    start, end = found.get("start_time"), found.get("end_time")
    if start and end and end != "0" and moment_of(end) <= moment_of(start):
        raise invalid(None, "Invalid Schedule", "The end time must be later than the start time.", "end_time")
    return found


def moment_of(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.fromisoformat(text).astimezone(UTC)


def _check_time(name: str, value: str) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        if not value.isdigit():
            raise wrong_param(f"Param {name} must be a valid date/time", name) from None
