"""Creating and changing campaigns."""

from typing import Any

from local.sandbox.meta.errors import invalid, wrong_param
from local.sandbox.meta.objects.money import both_levels, owns_budget, read_budget
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, MetaStore, Node

OBJECTIVES = (
    "OUTCOME_APP_PROMOTION",
    "OUTCOME_AWARENESS",
    "OUTCOME_ENGAGEMENT",
    "OUTCOME_LEADS",
    "OUTCOME_SALES",
    "OUTCOME_TRAFFIC",
)
SPECIAL_CATEGORIES = (
    "CREDIT",
    "EMPLOYMENT",
    "FINANCIAL_PRODUCTS_SERVICES",
    "HOUSING",
    "ISSUES_ELECTIONS_POLITICS",
    "NONE",
    "ONLINE_GAMBLING_AND_GAMING",
)
BID_STRATEGIES = (
    "LOWEST_COST_WITHOUT_CAP",
    "LOWEST_COST_WITH_BID_CAP",
    "COST_CAP",
    "LOWEST_COST_WITH_MIN_ROAS",
)
MAX_NAME_LENGTH = 400
BIRTH_STATUSES = ("ACTIVE", "PAUSED")
_STORED_AS_SENT = ("start_time", "stop_time")
_CREATE = {
    "name",
    "objective",
    "status",
    "special_ad_categories",
    "special_ad_category_country",
    "buying_type",
    "bid_strategy",
    "daily_budget",
    "lifetime_budget",
    "spend_cap",
    "is_adset_budget_sharing_enabled",
    *_STORED_AS_SENT,
}
_UPDATE = _CREATE - {"objective", "buying_type"} | {"adset_bid_amounts"}
_WITH_AMOUNTS = ("LOWEST_COST_WITH_BID_CAP", "COST_CAP")


def new_campaign(account: Account, params: Params) -> tuple[Json, str]:
    """The checked fields of POST act_<id>/campaigns, and the birth status. Raises GraphError."""
    params.only(_CREATE)
    data: Json = {
        "name": read_name(params),
        "objective": params.choice("objective", OBJECTIVES),
        "buying_type": _buying_type(params),
        **_categories(params),
        **read_budget(params, account),
    }
    status = params.choice("status", BIRTH_STATUSES)
    _check_budget_sharing(params, data)
    return data | _optional(params) | _campaign_bidding(params, data), status


def changed_campaign(store: MetaStore, account: Account, node: Node, params: Params) -> Json:
    """The checked fields of POST <campaign id>. Raises GraphError."""
    params.only(_UPDATE)
    changes: Json = read_budget(params, account)
    if changes and not owns_budget(node) and any(map(owns_budget, _living_adsets(store, node))):
        raise both_levels()
    if "name" in params:
        changes["name"] = read_name(params)
    if "special_ad_categories" in params:
        changes |= _categories(params)
    if "bid_strategy" in params:
        changes["bid_strategy"] = params.choice("bid_strategy", BID_STRATEGIES)
        _bid_on_adsets(store, node, params, changes["bid_strategy"])
    return changes | _optional(params)


def _bid_on_adsets(store: MetaStore, node: Node, params: Params, strategy: str) -> None:
    """The amounts of a campaign's new strategy, which stand on its ad sets."""
    if not owns_budget(node):
        raise wrong_param("bid_strategy belongs to the ad sets, which have the budgets", "bid_strategy")
    amounts = params.mapping("adset_bid_amounts") if "adset_bid_amounts" in params else {}
    adsets = _living_adsets(store, node)
    missing = [adset.id for adset in adsets if not amounts.get(adset.id)]
    if strategy in _WITH_AMOUNTS and missing:
        raise invalid(
            2490487,
            "Bid Amount Required",
            f"The bid strategy {strategy} needs adset_bid_amounts of all ad sets.",
            "adset_bid_amounts",
        )
    for adset in adsets:
        adset.data["bid_amount"] = amounts.get(adset.id)


def read_name(params: Params) -> str:
    name = params.required("name")
    if len(name) > MAX_NAME_LENGTH:
        raise invalid(
            1487390 if "object_story_spec" in params else None,
            "Name Is Too Long",
            f"The name must be at most {MAX_NAME_LENGTH} characters long.",
            "name",
        )
    return name


def _buying_type(params: Params) -> str:
    return params.choice("buying_type", ("AUCTION",)) if "buying_type" in params else "AUCTION"


def _categories(params: Params) -> Json:
    if "special_ad_categories" not in params:
        raise wrong_param("The parameter special_ad_categories is required", "special_ad_categories")
    categories = params.array("special_ad_categories")
    for category in categories:
        if category not in SPECIAL_CATEGORIES:
            allowed = ", ".join(SPECIAL_CATEGORIES)
            raise wrong_param(
                f"Param special_ad_categories[0] must be one of {{{allowed}}}", "special_ad_categories"
            )
    found: Json = {"special_ad_categories": [c for c in categories if c != "NONE"]}
    if "special_ad_category_country" in params:
        found["special_ad_category_country"] = params.array("special_ad_category_country")
    return found


def _check_budget_sharing(params: Params, data: Json) -> None:
    sharing = params.boolean("is_adset_budget_sharing_enabled")
    if sharing is not None:
        data["is_adset_budget_sharing_enabled"] = sharing
    elif not any(name in data for name in ("daily_budget", "lifetime_budget")):
        raise invalid(
            4834005,
            "Must specify True or False in is_adset_budget_sharing_enabled field",
            "If you are not using campaign budget, you must specify True or False for "
            "is_adset_budget_sharing_enabled.",
            "is_adset_budget_sharing_enabled",
        )


def _campaign_bidding(params: Params, data: Json) -> Json:
    if "bid_strategy" in params:
        return {"bid_strategy": params.choice("bid_strategy", BID_STRATEGIES)}
    owns = any(name in data for name in ("daily_budget", "lifetime_budget"))
    return {"bid_strategy": "LOWEST_COST_WITHOUT_CAP"} if owns else {}


def _optional(params: Params) -> Json:
    found: dict[str, Any] = {name: params.text(name) for name in _STORED_AS_SENT if name in params}
    if (cap := params.integer("spend_cap")) is not None:
        found["spend_cap"] = cap
    return found


def _living_adsets(store: MetaStore, node: Node) -> list[Node]:
    return [adset for adset in store.children(node, "adset") if not adset.gone]
