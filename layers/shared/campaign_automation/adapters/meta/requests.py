"""What is sent to Meta: parameters of each object, and the checks before the first write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from campaign_automation.adapters.base import CreativeOrder
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.errors import PLATFORM
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, CreateCampaign, Lookalike
from campaign_automation.models.common import AdAccount, Targeting
from campaign_automation.utils.error_handler import AccountError, InvalidRequestError
from campaign_automation.utils.money import to_units


def adset_params(plan: CampaignPlan, account: AdAccount, campaign_id: str, adset: AdSetPlan) -> facts.Params:
    goal = facts.GOALS[plan.objective]
    params: facts.Params = {
        "campaign_id": campaign_id,
        "name": adset.name,
        "status": "PAUSED",
        "daily_budget": to_units(adset.daily_budget, account.budget_step),
        "billing_event": "IMPRESSIONS",
        "optimization_goal": goal.optimization_goal,
        "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
        "targeting": _targeting(plan, adset.targeting),
    }
    if plan.ends_at:
        params["end_time"] = int(plan.ends_at.timestamp())
    if goal.promoted:
        params["promoted_object"] = _promoted_object(goal, account)
    if goal.destination_type:
        params["destination_type"] = goal.destination_type
    if set(adset.targeting.countries) & facts.EU_COUNTRIES:
        params |= _dsa_params(plan, account)
    return params


def _targeting(plan: CampaignPlan, targeting: Targeting) -> facts.Params:
    """Automatic placements: naming none leaves the choice to Meta. The audience is exactly the cell, so
    Meta may not widen it (advantage_audience 0)."""
    params: facts.Params = {
        "age_min": targeting.age_min,
        "age_max": targeting.age_max,
        "geo_locations": {"countries": targeting.countries, "location_types": ["home", "recent"]},
        "targeting_automation": {"advantage_audience": 0},
    }
    if isinstance(plan.audience, Lookalike):
        params["custom_audiences"] = [{"id": plan.audience.lookalike}]
    return params


def _promoted_object(goal: facts.Goal, account: AdAccount) -> facts.Params:
    if goal.promoted == "pixel":
        return {"pixel_id": account.facts["pixel_id"], "custom_event_type": goal.event}
    if goal.promoted == "page":
        return {"page_id": account.facts["page_id"]}
    return {name: account.facts[name] for name in ("application_id", "object_store_url")}


def _dsa_params(plan: CampaignPlan, account: AdAccount) -> facts.Params:
    if plan.dsa:
        return {"dsa_beneficiary": plan.dsa.beneficiary, "dsa_payor": plan.dsa.payor}
    return {f"dsa_{role}": account.facts[f"dsa_{role}"] for role in ("beneficiary", "payor")}


def creative_params(order: CreativeOrder, account: AdAccount, call_to_action: str) -> facts.Params:
    link = order.creative.product_url
    action = {"type": call_to_action, "value": {"link": link}}
    asset = json.loads(order.asset)
    if order.creative.file_type == "image":
        content = {
            "link_data": {
                "link": link,
                "message": order.copy.primary_text,
                "name": order.copy.headline,
                "description": order.copy.description,
                "image_hash": asset["image_hash"],
                "call_to_action": action,
            }
        }
    else:
        content = {
            "video_data": {
                "video_id": asset["video_id"],
                "image_url": asset["image_url"],
                "message": order.copy.primary_text,
                "title": order.copy.headline,
                "link_description": order.copy.description,
                "call_to_action": action,
            }
        }
    return {"name": order.name, "object_story_spec": {"page_id": account.facts["page_id"], **content}}


def countries_of(plan: CampaignPlan) -> list[str]:
    return sorted({country for adset in plan.adsets for country in adset.targeting.countries})


def refuse_blocked(data: Mapping[str, Any]) -> None:
    blocked = facts.BLOCKED_ACCOUNTS.get(data.get("account_status", 1))
    if blocked:
        code, words = blocked
        raise AccountError(
            f"meta: the ad account {words}",
            code=code,
            platform=PLATFORM,
            account_status=data["account_status"],
        )


def require_asset(account: AdAccount, kind: str) -> None:
    if account.facts.get(f"{kind}_id"):
        return
    found = account.facts.get(f"{kind}_ids", [])
    problem = f"several {kind}s ({', '.join(found)})" if found else f"no {kind}"
    raise AccountError(
        f"meta: the account {account.platform_account_id} has {problem}: set {kind}_id under"
        f" accounts.{account.platform_account_id} in the Meta secret",
        code="4005",
        platform=PLATFORM,
        field=f"{kind}_id",
        allowed=found or None,
    )


def require_app(account: AdAccount) -> None:
    for name in ("application_id", "object_store_url"):
        if not account.facts.get(name):
            raise AccountError(
                f"meta: app_promotion needs {name}: set it under accounts.{account.platform_account_id}"
                " in the Meta secret",
                code="4005",
                platform=PLATFORM,
                field=name,
            )


def check_categories(spec: CreateCampaign) -> None:
    if spec.special_ad_categories is None:
        raise InvalidRequestError(
            'special_ad_categories: Meta needs a declaration; give ["NONE"] or the categories that apply,'
            " or set SPECIAL_AD_CATEGORIES for the deployment",
            field="special_ad_categories",
            allowed=["NONE", *sorted(facts.SPECIAL_AD_CATEGORIES)],
        )
    unknown = set(spec.special_ad_categories) - facts.SPECIAL_AD_CATEGORIES - {"NONE"}
    if unknown:
        raise InvalidRequestError(
            f"special_ad_categories: {', '.join(sorted(unknown))} is not a category of Meta",
            field="special_ad_categories",
            allowed=["NONE", *sorted(facts.SPECIAL_AD_CATEGORIES)],
        )
    locked = set(spec.special_ad_categories) & facts.AGE_LOCKED_CATEGORIES
    if locked and spec.age_groups != [(18, 65)]:
        raise InvalidRequestError(
            f"age_groups: {', '.join(sorted(locked))} ads reach all adults; only [18, 65] is allowed",
            field="age_groups",
            allowed=[[18, 65]],
        )


def check_dsa(spec: CreateCampaign, account: AdAccount) -> None:
    eu = sorted(set(spec.target_countries) & facts.EU_COUNTRIES)
    has_defaults = account.facts.get("dsa_beneficiary") and account.facts.get("dsa_payor")
    if eu and not spec.dsa and not has_defaults:
        raise InvalidRequestError(
            f"dsa: ads shown in {', '.join(eu)} must name beneficiary and payor; give dsa or set the ad"
            " account's defaults",
            field="dsa",
        )
