"""The tools of the Web Platform; both dialects call them here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from local.sandbox.core.accounts import Binding
from local.sandbox.web_platform.arguments import Argument, Json, Signature, ToolRefusal, amount, checked
from local.sandbox.web_platform.reports import report
from local.sandbox.web_platform.store import ASKED_AT, CampaignRow, WebPlatformStore

PLATFORMS = ("meta", "tiktok", "google")
OBJECTIVES = ("awareness", "traffic", "engagement", "leads", "conversions", "sales")
STATUSES = ("draft", "active", "paused")
BUDGET_TYPES = ("daily", "lifetime")
MAX_PAGE_SIZE = 100
MAX_NAME_LENGTH = 255


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    arguments: Signature
    run: Callable[[WebPlatformStore, Json], Json]


def call_tool(store: WebPlatformStore, name: str, arguments: Json) -> Json:
    """The tool's bare data. Raises ToolRefusal; another user's things answer as unknown ones."""
    tool = TOOLS.get(name)
    if tool is None:
        raise ToolRefusal(f"Unknown tool: {name}", {"parameter": "name", "allowed_values": sorted(TOOLS)})
    return tool.run(store, checked(arguments, tool.arguments))


# Accounts


def _get_active_ad_account(store: WebPlatformStore, arguments: Json) -> Json:
    binding = store.world.accounts.active(arguments["user_id"], arguments["platform"])
    return {"active_account": _account(binding) if binding else None}


def _get_ad_account_token(store: WebPlatformStore, arguments: Json) -> Json:
    binding = _binding(store, arguments)
    if binding.expired(store.world.clock.now()):
        raise ToolRefusal(f"Ad account {binding.number} token has expired. Please re-authorize.")
    answer = {
        "platform": binding.platform,
        "platform_account_id": binding.platform_account_id,
        "access_token": binding.access_token,
        "token_expires_at": binding.token_expires_at.isoformat(),
    }
    return answer | binding.told


def _account(binding: Binding) -> Json:
    answer = {
        "id": binding.number,
        "platform_account_id": binding.platform_account_id,
        "account_name": binding.account_name,
        "status": binding.status,
        "token_expires_at": binding.token_expires_at.isoformat(),
    }
    return answer | {name: value for name, value in binding.told.items() if name in answer}


def _binding(store: WebPlatformStore, arguments: Json) -> Binding:
    binding = store.world.accounts.numbered(arguments["user_id"], arguments["ad_account_id"])
    if binding is None:
        number = arguments["ad_account_id"]
        raise ToolRefusal(f"Ad account {number} not found", {"parameter": "ad_account_id"})
    return binding


# Creatives


def _get_creative(store: WebPlatformStore, arguments: Json) -> Json:
    creative = store.creative(arguments["user_id"], arguments["creative_id"])
    if creative is None:
        raise ToolRefusal(f"Creative {arguments['creative_id']} not found", {"parameter": "creative_id"})
    return creative.shown(ASKED_AT.get(store.world.base_url))


def _get_creatives(store: WebPlatformStore, arguments: Json) -> Json:
    found = [
        creative.shown(ASKED_AT.get(store.world.base_url))
        for creative in store.creatives.values()
        if creative.user_id == arguments["user_id"]
        and arguments.get("status", creative.status) == creative.status
    ]
    return _page(found, "creatives", arguments)


def _page(items: list[Json], name: str, arguments: Json) -> Json:
    page, size = arguments.get("page", 1), arguments.get("page_size", 20)
    if page < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        raise ToolRefusal(
            "Invalid paging",
            {"parameter": "page_size", "expected": f"1 to {MAX_PAGE_SIZE}", "received": size},
        )
    start = (page - 1) * size
    return {
        name: items[start : start + size],
        "total": len(items),
        "page": page,
        "page_size": size,
        "has_more": start + size < len(items),
    }


# Campaigns


def _create_campaign(store: WebPlatformStore, arguments: Json) -> Json:
    binding = _binding(store, arguments)
    now = store.world.clock.now().isoformat()
    row = CampaignRow(
        id=5000 + len(store.campaigns) + 1,
        user_id=arguments["user_id"],
        ad_account_id=binding.number,
        platform=binding.platform,
        name=_name(arguments["name"]),
        objective=arguments["objective"],
        budget=amount(arguments["budget"], "budget"),
        budget_type=arguments.get("budget_type", "daily"),
        targeting=arguments.get("targeting", {}),
        creative_ids=_own_creatives(store, arguments),
        created_at=now,
        updated_at=now,
    )
    store.campaigns[row.id] = row
    return row.shown()


def _update_campaign(store: WebPlatformStore, arguments: Json) -> Json:
    row = _campaign(store, arguments)
    if "name" in arguments:
        _name(arguments["name"])
    if "budget" in arguments:
        row.budget = amount(arguments["budget"], "budget")
    if "creative_ids" in arguments:
        row.creative_ids = _own_creatives(store, arguments)
    for name in ("name", "status", "objective", "budget_type", "targeting"):
        if name in arguments:
            setattr(row, name, arguments[name])
    row.updated_at = store.world.clock.now().isoformat()
    return row.shown()


def _name(text: str) -> str:
    if len(text) > MAX_NAME_LENGTH:
        facts = {"parameter": "name", "expected": f"at most {MAX_NAME_LENGTH} characters"}
        raise ToolRefusal("Invalid name: it is too long", facts)
    return text


def _get_campaign(store: WebPlatformStore, arguments: Json) -> Json:
    return _campaign(store, arguments).shown()


def _get_campaigns(store: WebPlatformStore, arguments: Json) -> Json:
    rows = [
        row.shown()
        for row in reversed(store.campaigns.values())
        if store.campaign(arguments["user_id"], row.id)
        and arguments.get("platform", row.platform) == row.platform
        and arguments.get("status", row.status) == row.status
    ]
    return _page(rows, "campaigns", arguments)


def _delete_campaign(store: WebPlatformStore, arguments: Json) -> Json:
    row = _campaign(store, arguments)
    row.deleted = True
    return {"id": row.id, "deleted": True}


def _campaign(store: WebPlatformStore, arguments: Json) -> CampaignRow:
    row = store.campaign(arguments["user_id"], arguments["campaign_id"])
    if row is None:
        raise ToolRefusal(f"Campaign {arguments['campaign_id']} not found", {"parameter": "campaign_id"})
    return row


def _own_creatives(store: WebPlatformStore, arguments: Json) -> list[int]:
    wanted: list[Any] = arguments.get("creative_ids", [])
    for creative_id in wanted:
        if not isinstance(creative_id, int) or store.creative(arguments["user_id"], creative_id) is None:
            raise ToolRefusal(
                f"Creative {creative_id} not found",
                {"parameter": "creative_ids", "expected": "ids of own creatives", "received": creative_id},
            )
    return wanted


# Reports, notifications, credits


def _get_reports(store: WebPlatformStore, arguments: Json) -> Json:
    first = date.fromisoformat(arguments["start_date"]) if "start_date" in arguments else date.min
    last = date.fromisoformat(arguments["end_date"]) if "end_date" in arguments else date.max
    user_id, level, entity_id = (arguments[name] for name in ("user_id", "entity_type", "entity_id"))
    return _page(report(store.world, user_id, level, str(entity_id), first, last), "metrics", arguments)


def _create_notification(store: WebPlatformStore, arguments: Json) -> Json:
    created = {"id": len(store.notifications) + 1, "created_at": store.world.clock.now().isoformat()}
    store.notifications.append(arguments | created)
    return created


def _check_credit(store: WebPlatformStore, arguments: Json) -> Json:
    available = store.credits.get(arguments["user_id"], 0.0)
    required = amount(arguments["amount"], "amount")
    return {"sufficient": available >= required, "required": required, "available": available}


def _deduct_credit(store: WebPlatformStore, arguments: Json) -> Json:
    credit = _check_credit(store, arguments)
    if not credit["sufficient"]:
        raise ToolRefusal(
            "Insufficient credit",
            {
                "error_code": "INSUFFICIENT_CREDIT",
                "required": credit["required"],
                "available": credit["available"],
            },
        )
    return _booked(store, arguments, -credit["required"])


def _refund_credit(store: WebPlatformStore, arguments: Json) -> Json:
    return _booked(store, arguments, amount(arguments["amount"], "amount"))


def _booked(store: WebPlatformStore, arguments: Json, change: float) -> Json:
    user_id = arguments["user_id"]
    store.credits[user_id] = round(store.credits.get(user_id, 0.0) + change, 2)
    return {"success": True, "balance": store.credits[user_id]}


# The catalogue

# The server takes these words and refuses all others as invalid parameters.
CATEGORIES = (
    "token_expired",
    "ad_rejected",
    "credit_low",
    "credit_depleted",
    "payment_success",
    "payment_failed",
    "report_ready",
    "creative_ready",
    "landing_page_ready",
    "budget_exhausted",
    "ad_paused",
    "optimization_suggestion",
    "weekly_summary",
    "new_feature",
    "system_maintenance",
    "system",
)
_USER = {"user_id": Argument("id", required=True)}
_PAGING = {"page": Argument("integer"), "page_size": Argument("integer")}
_CAMPAIGN = {
    "budget_type": Argument("string", allowed=BUDGET_TYPES),
    "targeting": Argument("object"),
    "creative_ids": Argument("array"),
}
_CREDIT = {**_USER, "amount": Argument("number", required=True), "operation_type": Argument("string")}
_ONE_CAMPAIGN = {**_USER, "campaign_id": Argument("integer", required=True)}

TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "get_active_ad_account",
            "The user's active ad account on a platform, or null.",
            {**_USER, "platform": Argument("string", required=True, allowed=PLATFORMS)},
            _get_active_ad_account,
        ),
        Tool(
            "get_ad_account_token",
            "Access token of one of the user's ad accounts.",
            {**_USER, "ad_account_id": Argument("integer", required=True)},
            _get_ad_account_token,
        ),
        Tool(
            "get_creative",
            "One creative with its file and product.",
            {**_USER, "creative_id": Argument("integer", required=True)},
            _get_creative,
        ),
        Tool(
            "get_creatives",
            "The user's creatives, page by page.",
            {**_USER, **_PAGING, "status": Argument("string")},
            _get_creatives,
        ),
        Tool(
            "create_campaign",
            "Records a campaign as a draft.",
            {
                **_USER,
                "ad_account_id": Argument("integer", required=True),
                "name": Argument("string", required=True),
                "objective": Argument("string", required=True, allowed=OBJECTIVES),
                "budget": Argument("number", required=True),
                **_CAMPAIGN,
            },
            _create_campaign,
        ),
        Tool(
            "update_campaign",
            "Changes a recorded campaign.",
            {
                **_ONE_CAMPAIGN,
                "name": Argument("string"),
                "status": Argument("string", allowed=STATUSES),
                "objective": Argument("string", allowed=OBJECTIVES),
                "budget": Argument("number"),
                **_CAMPAIGN,
            },
            _update_campaign,
        ),
        Tool("get_campaign", "One recorded campaign.", _ONE_CAMPAIGN, _get_campaign),
        Tool(
            "get_campaigns",
            "The user's recorded campaigns, newest first.",
            {
                **_USER,
                **_PAGING,
                "platform": Argument("string", allowed=PLATFORMS),
                "status": Argument("string", allowed=STATUSES),
            },
            _get_campaigns,
        ),
        Tool("delete_campaign", "Removes a recorded campaign from view.", _ONE_CAMPAIGN, _delete_campaign),
        Tool(
            "get_reports",
            "Daily first-party numbers of a campaign, ad set or ad, newest first.",
            {
                **_USER,
                **_PAGING,
                "entity_type": Argument("string", required=True, allowed=("campaign", "adset", "ad")),
                "entity_id": Argument("id", required=True),
                "start_date": Argument("date"),
                "end_date": Argument("date"),
            },
            _get_reports,
        ),
        Tool(
            "create_notification",
            "Tells the user something.",
            {
                **_USER,
                "notification_type": Argument("string", True, ("urgent", "important", "general")),
                "category": Argument("string", True, CATEGORIES),
                "title": Argument("string", required=True),
                "message": Argument("string", required=True),
                "action_url": Argument("string"),
                "extra_data": Argument("object"),
            },
            _create_notification,
        ),
        Tool("check_credit", "Whether the user's credit covers an amount.", _CREDIT, _check_credit),
        Tool("deduct_credit", "Takes credit for an operation.", _CREDIT, _deduct_credit),
        Tool("refund_credit", "Gives credit back.", _CREDIT, _refund_credit),
    )
}
