"""The Web Platform's record of a campaign: the arguments of its create and of its updates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry
from campaign_automation.models.common import Level, Objective
from campaign_automation.utils.clock import at_ms
from campaign_automation.utils.error_handler import WebPlatformError

CREATE, UPDATE, DELETE = (
    "create_campaign",
    "update_campaign",
    "delete_campaign",
)
_PAGE_SIZE = 100  # the most that its lists give
_MOST_PAGES = 100
_CLOCKS_MAY_DIFFER = timedelta(days=1)


def whole_state(campaign: Campaign, status: str) -> dict[str, Any]:
    """Return the arguments of update_campaign; `targeting` also carries changed ad sets and ads."""
    # The Web Platform replaces `targeting` as a whole, so that the ids of the create go along.
    created = next(entry for entry in campaign.outbox if entry.tool == CREATE)
    changed = {
        f"{level}s": {
            entry.tag: _shown(entry)
            for entry in campaign.objects.values()
            if entry.level is level and (entry.status or entry.daily_budget is not None)
        }
        for level in (Level.ADSET, Level.AD)
    }
    parts = {name: objects for name, objects in changed.items() if objects}
    name = {"name": campaign.root.renamed} if campaign.root.renamed else {}
    return {
        **name,
        "status": status,
        "budget": float(_daily_budget(campaign)),
        "targeting": {**created.arguments["targeting"], **parts},
    }


def _shown(entry: ObjectEntry) -> dict[str, Any]:
    budget = None if entry.daily_budget is None else float(entry.daily_budget)
    shown = {"status": entry.status or "paused", "daily_budget": budget}
    return {name: value for name, value in shown.items() if value is not None}


def _daily_budget(campaign: Campaign) -> Decimal:
    """Return the campaign's own budget where it was changed, else the sum of its ad sets' budgets."""
    own = campaign.root.daily_budget
    if own is not None:
        return own
    adsets = [entry for entry in campaign.objects.values() if entry.level is Level.ADSET]
    budgets = [entry.planned_budget if entry.daily_budget is None else entry.daily_budget for entry in adsets]
    return sum((budget for budget in budgets if budget is not None), Decimal(0))


def create_arguments(creation: Creation, platform_campaign_id: str) -> dict[str, Any]:
    """Return the arguments of the Web Platform's create_campaign."""
    spec, (plan, account) = creation.spec, creation.planned()
    arguments: dict[str, Any] = {
        "ad_account_id": int(account.ad_account_id or 0),
        "name": plan.name,
        # The Web Platform has no objective for apps.
        "objective": "conversions" if spec.objective is Objective.APP_PROMOTION else str(spec.objective),
        "budget": float(spec.daily_budget),
        "budget_type": "daily",
        # There is no field for ids of ours or the platform's, so `targeting` carries them.
        "targeting": {
            "campaign_id": creation.campaign_id,
            "platform_campaign_id": platform_campaign_id,
            "countries": spec.target_countries,
            "age_groups": [list(group) for group in spec.age_groups],
        },
    }
    # Creatives given inline have no number there.
    numbers = [int(item) for item in spec.creative_ids or [] if item.isdecimal()]
    return arguments | ({"creative_ids": numbers} if numbers else {})


async def find_record(tools: ToolCaller, creation: Creation) -> dict[str, Any] | None:
    """Return the record of the campaign on the Web Platform, or None.

    Raises WebPlatformError when its list does not end.
    """
    asked = {"user_id": creation.tenant, "platform": creation.spec.platform, "page_size": _PAGE_SIZE}
    for page in range(1, _MOST_PAGES + 1):
        answer = await tools.call_tool("get_campaigns", {**asked, "page": page})
        records = _records(answer)
        for record in records:
            targeting = record.get("targeting")
            if isinstance(targeting, dict) and targeting.get("campaign_id") == creation.campaign_id:
                return {"id": record["id"]}
        if not records or not answer.get("has_more") or _is_past(records, creation):
            return None
    raise WebPlatformError(
        f"the Web Platform lists more than {_MOST_PAGES * _PAGE_SIZE} campaigns", code="3003", retryable=False
    )


def _records(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of a page. Raises WebPlatformError where it has no list, not even an empty one."""
    listed = answer.get("campaigns")
    if not isinstance(listed, list):
        raise WebPlatformError("get_campaigns answered without its campaigns", code="3003")
    return [item for item in listed if isinstance(item, dict)]


def _is_past(records: list[dict[str, Any]], creation: Creation) -> bool:
    """Return whether all further records are older than the campaign, so that none of them can be its own."""
    times = [_time(record.get("created_at")) for record in records]
    known = [at for at in times if at is not None]
    # Only a list that shows the newest first tells anything of its next page.
    is_newest_first = len(known) == len(times) and known == sorted(known, reverse=True)
    return is_newest_first and known[-1] < at_ms(creation.created_at) - _CLOCKS_MAY_DIFFER


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
