"""Parameters of each object that is created on Meta, and the checks before the first write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import CreativeOrder
from campaign_automation.adapters.common.ages import ADULTS
from campaign_automation.adapters.common.fact import WARNING_DAYS
from campaign_automation.adapters.common.options.rules import query_of
from campaign_automation.adapters.common.reading import amount_of
from campaign_automation.adapters.common.refusals import (
    adults_only,
    all_genders,
    blocked_account,
    require_setting,
    unknown_categories,
    untargetable,
)
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.facts import NAME, PLATFORM
from campaign_automation.adapters.meta.options.bidding import bidding_params, strategy_params
from campaign_automation.adapters.meta.options.targeting import audiences_params, people_params, places_params
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, CreateCampaign, Lookalike
from campaign_automation.models.common import AdAccount
from campaign_automation.models.creation.settings import Bidding, CampaignSetting, End
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.money import to_units


def adset_params(plan: CampaignPlan, account: AdAccount, campaign_id: str, adset: AdSetPlan) -> facts.Params:
    goal = facts.GOALS[plan.objective]
    params: facts.Params = {
        "campaign_id": campaign_id,
        "name": adset.name,
        "status": "PAUSED",
        "daily_budget": to_units(adset.daily_budget, account.budget_step),
        "billing_event": "IMPRESSIONS",
        **bidding_params(adset, goal.optimization_goal, account.budget_step),
        "targeting": _targeting(plan, adset),
    }
    if plan.starts_at:
        params["start_time"] = int(plan.starts_at.timestamp())
    if plan.ends_at:
        params["end_time"] = int(plan.ends_at.timestamp())
    if goal.promoted:
        params["promoted_object"] = _promoted_object(goal, account)
    if goal.destination_type:
        params["destination_type"] = goal.destination_type
    if set(adset.targeting.countries) & facts.EU_COUNTRIES:
        params |= _dsa_params(plan, account)
    return params


def setting_params(setting: CampaignSetting, step: Decimal) -> facts.Params:
    """Return the parameters that give an object the setting."""
    if isinstance(setting, Bidding):
        return strategy_params(setting, step)
    if isinstance(setting, End):
        # An end_time of 0 removes the end. Source: reference page "Ad Set".
        return {"end_time": 0 if setting.moment is None else int(setting.moment.timestamp())}
    return {"name": setting.text}


def _targeting(plan: CampaignPlan, adset: AdSetPlan) -> facts.Params:
    """Targeting of one cell, and its placements where they are chosen."""
    # A placement that is not named leaves the choice to Meta. advantage_audience 0 keeps Meta from showing
    # the ads to people outside of the cell, which would mix the cells of a test.
    targeting = adset.targeting
    lookalike = plan.audience.lookalike if isinstance(plan.audience, Lookalike) else None
    params: facts.Params = {
        "age_min": targeting.age_min,
        "age_max": targeting.age_max,
        "targeting_automation": {"advantage_audience": 0},
        **places_params(targeting),
        **people_params(targeting),
        **audiences_params(targeting, lookalike),
    }
    if adset.placements != "automatic":
        params["publisher_platforms"] = adset.placements
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


def creative_params(order: CreativeOrder, plan: CampaignPlan, account: AdAccount) -> facts.Params:
    call_to_action = plan.call_to_action or facts.GOALS[plan.objective].call_to_action
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
    story = {"page_id": account.facts["page_id"], **content}
    tags = {"url_tags": query_of(plan.tracking.url_parameters)} if plan.tracking else {}
    return {"name": order.name, "object_story_spec": story, **tags}


def countries_of(plan: CampaignPlan) -> list[str]:
    return sorted({country for adset in plan.adsets for country in adset.targeting.countries})


def refuse_blocked(data: Mapping[str, Any]) -> None:
    """Raise AccountError when the account, as Meta described it, cannot advertise."""
    status = int(amount_of(data.get("account_status", 1)))
    if blocked := facts.BLOCKED_ACCOUNTS.get(status):
        raise blocked_account(PLATFORM, *blocked, status)


def require_app(account: AdAccount) -> None:
    """Raise AccountError when the secret names no app for the account."""
    for name in ("application_id", "object_store_url"):
        require_setting(PLATFORM, NAME, account, name, "app_promotion")


_UNDECLARED = (
    "special_ad_categories: nothing was declared, so the campaign is created as one without such a category,"
    ' and cannot be started until somebody declares that: start it with special_ad_categories ["NONE"]'
)


def check_categories(spec: CreateCampaign) -> list[str]:
    """Return a warning for a campaign without a declaration, which cannot be started then.

    Raises InvalidRequestError for a start without a declaration, an unknown category, or ages it forbids.
    """
    if spec.special_ad_categories is None:
        if not spec.activate:
            return [_UNDECLARED]
        raise InvalidRequestError(
            'special_ad_categories: Meta needs a declaration; give ["NONE"] or the categories that apply,'
            " or set SPECIAL_AD_CATEGORIES for the deployment",
            field="special_ad_categories",
            allowed=["NONE", *sorted(facts.SPECIAL_AD_CATEGORIES)],
        )
    unknown = set(spec.special_ad_categories) - facts.SPECIAL_AD_CATEGORIES - {"NONE"}
    if unknown:
        raise unknown_categories(unknown, NAME, facts.SPECIAL_AD_CATEGORIES)
    locked = set(spec.special_ad_categories) & facts.AGE_LOCKED_CATEGORIES
    if locked and spec.age_groups != [ADULTS]:
        raise adults_only(locked)
    if locked and spec.genders:
        raise all_genders(locked)
    return []


def check_countries(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for countries where Meta shows no ads."""
    refused = sorted(set(spec.target_countries) & facts.REFUSED_COUNTRIES)
    if refused:
        raise untargetable(refused, NAME)


def dsa_warnings(spec: CreateCampaign, account: AdAccount) -> list[str]:
    """Name the account's default beneficiary and payor, where the request leaves them open."""
    eu = sorted(set(spec.target_countries) & facts.EU_COUNTRIES)
    if not eu or spec.dsa:
        return []
    beneficiary, payor = (account.facts.get(f"dsa_{role}") for role in ("beneficiary", "payor"))
    return [
        f"meta: ads shown in {', '.join(eu)} will name the ad account's defaults: beneficiary {beneficiary},"
        f" payor {payor}; give dsa to name others"
    ]


def version_warnings(version: str, day: date) -> list[str]:
    """Warn of a version of the Marketing API that ends within 45 days, or has ended."""
    ends = facts.VERSION_ENDS.get(version)
    if ends is None or (ends - day).days > WARNING_DAYS:
        return []
    return [
        f"meta: version {version} of the Marketing API ends on {ends}; set META_API_VERSION to"
        f" {facts.API_VERSION}"
    ]


def check_dsa(spec: CreateCampaign, account: AdAccount) -> None:
    """Raise InvalidRequestError for ads in the EU without a beneficiary and a payor."""
    eu = sorted(set(spec.target_countries) & facts.EU_COUNTRIES)
    has_defaults = account.facts.get("dsa_beneficiary") and account.facts.get("dsa_payor")
    if eu and not spec.dsa and not has_defaults:
        raise InvalidRequestError(
            f"dsa: ads shown in {', '.join(eu)} must name beneficiary and payor; give dsa or set the ad"
            " account's defaults",
            field="dsa",
        )
