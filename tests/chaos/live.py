"""The objects that a platform of the sandbox has, from its state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from campaign_automation.models.common import Level

Json = dict[str, Any]
LEVELS = {"campaigns": Level.CAMPAIGN, "adsets": Level.ADSET, "ads": Level.AD}
STATUS = {"ACTIVE": "active", "PAUSED": "paused"}


@dataclass(frozen=True)
class Live:
    """An object on the platform that is not deleted, nor is its campaign."""

    level: Level
    platform_id: str
    tag: str
    status: str
    daily_budget: Decimal | None


def live_objects(platform: str, state: Json) -> Iterator[Live]:
    campaigns = {item["id"] for item in state["campaigns"].values() if item["status"] in STATUS}
    for kind, level in LEVELS.items():
        for key, item in state[kind].items():
            if item["status"] in STATUS and _campaign_of(platform, state, level, item) in campaigns:
                yield Live(
                    level,
                    str(key),
                    _tag(item),
                    STATUS[item["status"]],
                    _BUDGETS[platform](state, level, item),
                )


def _campaign_of(platform: str, state: Json, level: Level, item: Json) -> str:
    if level is Level.CAMPAIGN:
        return str(item["id"])
    if platform != "google":
        return str(item["campaign_id"])
    if level is Level.AD:
        number = item["resource_name"].rpartition("/")[2].partition("~")[0]
        item = state["adsets"][number]
    return str(item["campaign"]).rpartition("/")[2]


def _tag(item: Json) -> str:
    """The last word of the name; Google's ads have none and carry the tag among their parameters."""
    if name := item.get("name"):
        return str(name).rpartition(" ")[2]
    return str(item["ad"]["url_custom_parameters"][0]["value"])


def _meta_budget(_: Json, __: Level, item: Json) -> Decimal | None:
    cents = item.get("daily_budget")
    return None if cents is None else Decimal(str(cents)) / 100


def _tiktok_budget(_: Json, level: Level, item: Json) -> Decimal | None:
    return Decimal(str(item["budget"])) if level is Level.ADSET else None


def _google_budget(state: Json, level: Level, item: Json) -> Decimal | None:
    if level is not Level.CAMPAIGN:
        return None
    found: Any = state["resources"][item["campaign_budget"]]
    return Decimal(str(found["amountMicros"])) / 1_000_000


_BUDGETS = {"meta": _meta_budget, "tiktok": _tiktok_budget, "google": _google_budget}
