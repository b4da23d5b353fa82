"""Requests, accounts and creatives for tests; each builder takes what a test wants to differ."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.models.campaigns import AdCopy, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount
from campaign_automation.utils.validation import parse


def request_body(**changes: Any) -> dict[str, Any]:
    """Parameters of create_campaign that are right as they stand for user_123."""
    return {"objective": "sales", "daily_budget": 100, "creative_ids": ["1", "2"], **changes}


def spec(**changes: Any) -> CreateCampaign:
    return parse(CreateCampaign, request_body(special_ad_categories=["NONE"], **changes))


def account(**changes: Any) -> AdAccount:
    values = {
        "platform_account_id": "act_1",
        "currency": "USD",
        "time_zone": "America/New_York",
        "budget_step": Decimal("0.01"),
        "min_daily_budget": Decimal(1),
        "facts": {"page_id": "1", "pixel_id": "2", "page_ids": ["1"], "pixel_ids": ["2"]},
    }
    return AdAccount.model_validate(values | changes)


def creative(**changes: Any) -> Creative:
    values = {
        "creative_id": "1",
        "name": "Trail shoe",
        "file_url": "https://cdn.example/1.png",
        "file_type": "image",
        "product_url": "https://shop.example/p/1",
        "style": "outdoor",
        "tags": ["running", "light"],
    }
    return Creative.model_validate(values | changes)


def copy(**changes: Any) -> AdCopy:
    values = {
        "primary_text": "Run further.",
        "headline": "Trail shoe",
        "description": "See it",
        "source": "m",
    }
    return AdCopy.model_validate(values | changes)
