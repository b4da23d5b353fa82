"""Creating and changing campaigns, manual and Upgraded Smart+."""

from datetime import date, datetime

from local.sandbox.tiktok.errors import Json, missing, wrong
from local.sandbox.tiktok.objects.money import read_budget
from local.sandbox.tiktok.objects.names import read_name
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account, Family, Node

OBJECTIVES = (
    "APP_PROMOTION",
    "ENGAGEMENT",
    "LEAD_GENERATION",
    "PRODUCT_SALES",
    "REACH",
    "TRAFFIC",
    "VIDEO_VIEWS",
    "WEB_CONVERSIONS",
)
SMART_PLUS_OBJECTIVES = ("APP_PROMOTION", "LEAD_GENERATION", "WEB_CONVERSIONS")
# Manual creation of these ends with the year. Unverified: two third-party pages.
ENDING = (*SMART_PLUS_OBJECTIVES, "PRODUCT_SALES")
LAST_MANUAL_DAY = date(2026, 12, 31)
SPECIAL_INDUSTRIES = ("CREDIT", "EMPLOYMENT", "HOUSING")
INFINITE, DAY, TOTAL = "BUDGET_MODE_INFINITE", "BUDGET_MODE_DAY", "BUDGET_MODE_TOTAL"
DYNAMIC = "BUDGET_MODE_DYNAMIC_DAILY_BUDGET"
BIRTH_STATUSES = ("ENABLE", "DISABLE")
_CREATE = {
    "app_id",
    "app_promotion_type",
    "budget",
    "budget_mode",
    "budget_optimize_on",
    "campaign_name",
    "objective_type",
    "operation_status",
    "request_id",
    "sales_destination",
    "special_industries",
}


def new_campaign(account: Account, params: Params, family: Family, now: datetime) -> Json:
    """The checked fields of (smart_plus/)campaign/create/. Raises TikTokError."""
    params.only(_CREATE)
    objective = params.choice("objective_type", OBJECTIVES)
    _check_family(params, objective, family, now)
    data: Json = {
        "campaign_name": read_name(params, "campaign_name"),
        "objective_type": objective,
        "special_industries": _industries(params),
        **_budget(params, account, family),
    }
    if objective == "APP_PROMOTION":
        data["app_promotion_type"] = params.choice("app_promotion_type", ("APP_INSTALL", "APP_RETARGETING"))
        data["app_id"] = read_app(params, account)
    return data


def changed_campaign(account: Account, node: Node, params: Params, spent: float) -> Json:
    """The checked fields of campaign/update/: name and budget. Raises TikTokError."""
    params.only({"campaign_id", "campaign_name", "budget"})
    changes: Json = {}
    if "campaign_name" in params:
        changes["campaign_name"] = read_name(params, "campaign_name")
    if "budget" in params:
        if node.data["budget_mode"] == INFINITE:
            raise wrong("budget: A campaign without a budget cannot get one.")
        changes["budget"] = float(read_budget(params, account, "campaign"))
        refuse_under_spend(changes["budget"], spent)
    return changes


def refuse_under_spend(budget: float, spent: float) -> None:
    if budget < spent * 1.05:
        raise wrong("budget: The budget must be at least 105% of what was spent.")


def read_app(params: Params, account: Account) -> str:
    app_id = params.required("app_id")
    if app_id not in account.apps:
        raise wrong(f"app_id: The app {app_id} does not belong to the advertiser.")
    return app_id


def _check_family(params: Params, objective: str, family: Family, now: datetime) -> None:
    if family == "smart_plus":
        if objective not in SMART_PLUS_OBJECTIVES:
            raise wrong(f"objective_type: Must be one of: {', '.join(SMART_PLUS_OBJECTIVES)}.")
        if "request_id" not in params:
            raise missing("request_id")
        if objective == "WEB_CONVERSIONS":
            params.choice("sales_destination", ("WEBSITE", "APP", "WEB_AND_APP", "TIKTOK_SHOP"))
    elif objective in ENDING and now.date() > LAST_MANUAL_DAY:
        raise wrong(
            f"objective_type: Manual {objective} campaigns can no longer be created. Use Upgraded Smart+."
        )


def _budget(params: Params, account: Account, family: Family) -> Json:
    optimized = params.boolean("budget_optimize_on", family == "smart_plus")
    allowed = (DYNAMIC, TOTAL) if family == "smart_plus" and optimized else (DAY, TOTAL, INFINITE, DYNAMIC)
    mode = params.choice("budget_mode", allowed)
    if mode == INFINITE:
        if optimized:
            raise wrong("budget_mode: Campaign budget optimization needs a budget.")
        return {"budget_mode": mode, "budget": 0.0, "budget_optimize_on": False}
    budget = read_budget(params, account, "campaign")
    return {"budget_mode": mode, "budget": float(budget), "budget_optimize_on": optimized}


def _industries(params: Params) -> list[str]:
    industries = [str(item) for item in params.listed("special_industries")]
    if not set(industries) <= set(SPECIAL_INDUSTRIES):
        raise wrong(f"special_industries: Must be among: {', '.join(SPECIAL_INDUSTRIES)}.")
    return industries
