"""A Web Platform in memory with the customer's semantics, which can be down before or after it acts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from campaign_automation.utils.error_handler import (
    NotFoundError,
    WebPlatformError,
    WebPlatformUnavailableError,
)
from local.sandbox.web_platform.tools import CATEGORIES

ACCOUNTS = {"meta": "act_1", "tiktok": "7000000000000000001", "google": "1234567890"}


class MemoryWebPlatform:
    """Every user has an account on every platform, and every creative exists. `outages` says for each write
    in turn: None it works, "before" it fails, "after" it acts and the answer is lost."""

    def __init__(self, outages: Iterable[str | None] = ()) -> None:
        self.campaigns: dict[int, dict[str, Any]] = {}
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.notifications: list[dict[str, Any]] = []
        self.outages: Iterator[str | None] = iter(outages)
        self.token_ends: datetime | None = None
        self._ids = itertools.count(1)
        self._platform = "meta"

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name.startswith("get_"):
            return self._read(name, arguments)
        outage = next(self.outages, None)
        if outage == "before":
            raise WebPlatformUnavailableError("down")
        answer = self._write(name, arguments)
        if outage == "after":
            raise WebPlatformUnavailableError("down", outcome_unknown=True)
        return answer

    def _read(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "get_active_ad_account":
            self._platform = arguments["platform"]
            return {"active_account": {"id": 1, "platform_account_id": ACCOUNTS[self._platform]}}
        if name == "get_ad_account_token":
            return {
                "platform": self._platform,
                "platform_account_id": ACCOUNTS[self._platform],
                "access_token": "t",
                "token_expires_at": self.token_ends and self.token_ends.isoformat(),
            }
        if name == "get_creative":
            page = "https://shop.example/1"
            return {"name": "Shoe", "file_url": f"{page}.png", "file_type": "image", "product_url": page}
        return {"campaigns": list(self.campaigns.values()), "has_more": False}

    def _write(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.writes.append((name, arguments))
        if name == "create_campaign":
            number = next(self._ids)
            self.campaigns[number] = {"id": number, "status": "draft", **arguments}
            return {"id": number}
        if name == "create_notification":
            if arguments["category"] not in CATEGORIES:
                raise WebPlatformError("invalid parameters", code="3002", parameter="category")
            self.notifications.append(arguments)
            return {"id": len(self.notifications)}
        if arguments["campaign_id"] not in self.campaigns:
            raise NotFoundError(f"campaign {arguments['campaign_id']} not found")
        campaign = self.campaigns[arguments["campaign_id"]]
        changes = {key: value for key, value in arguments.items() if key not in ("campaign_id", "user_id")}
        campaign.update({"deleted": True} if name == "delete_campaign" else changes)
        return {"id": campaign["id"]}
