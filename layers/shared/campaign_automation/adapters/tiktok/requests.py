"""Bodies of each object that is created on TikTok, in the manual family and in Upgraded Smart+."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from campaign_automation.adapters.base import AdOrder, CreativeOrder
from campaign_automation.adapters.common.ages import fit_to_buckets, years
from campaign_automation.adapters.common.options.rules import with_parameters
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.options.bidding import bid_body, bidding_body
from campaign_automation.adapters.tiktok.options.rules import GENDERS, LANGUAGES, PLACEMENTS
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, Lookalike
from campaign_automation.models.common import AdAccount, AgeGroup, Objective
from campaign_automation.models.creation.settings import Bidding, CampaignSetting, Name


def request_id(tag: str) -> str:
    """A positive 64-bit integer as text, always the same for the same tag."""
    # Within 10 seconds TikTok makes one object of all requests with the same id. Source: "Create a campaign".
    digest = hashlib.sha256(tag.encode()).digest()
    return str(int.from_bytes(digest[:8], "big") >> 1 or 1)


# --- ages --------------------------------------------------------------------------------------------


def fit_ages(age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
    """Return each group as the whole age buckets of TikTok that it fills best.

    A bucket goes to the group with most of its years, unless more of them are in no group at all; groups
    that overlap by more than half a bucket share it. Raises InvalidRequestError for a group left with none.
    """
    problem = "fills no age bucket of TikTok ({ranges}) better than others do"
    return fit_to_buckets(age_groups, list(facts.AGE_BUCKETS.values()), _takes, problem)


def _takes(group: AgeGroup, bucket: AgeGroup, groups: Sequence[AgeGroup]) -> bool:
    asked = years(bucket)
    held = [asked & years(other) for other in groups]
    best = max(held, key=len)
    own = asked & years(group)
    unasked = asked.difference(*held)
    if not own or len(unasked) > len(best):
        return False
    return group == groups[held.index(best)] or 2 * len(own & best) > len(asked)


def buckets_of(low: int, high: int) -> list[str]:
    """The names of the buckets that lie whole within these ages."""
    return [name for name, bucket in facts.AGE_BUCKETS.items() if low <= bucket[0] and bucket[1] <= high]


def ages_of(buckets: Sequence[str]) -> AgeGroup:
    """The ages that these buckets reach together; no bucket at all stands for everybody."""
    chosen = [facts.AGE_BUCKETS[name] for name in buckets or facts.AGE_BUCKETS]
    return min(low for low, _ in chosen), max(high for _, high in chosen)


# --- bodies ------------------------------------------------------------------------------------------


def campaign_body(plan: CampaignPlan, account: AdAccount, family: facts.Family) -> facts.Params:
    """The body of a campaign without a budget of its own: budgets belong to the ad groups."""
    goal = facts.GOALS[plan.objective]
    body: facts.Params = {
        "request_id": request_id(plan.tag),
        "campaign_name": plan.name,
        "objective_type": goal.objective,
        "budget_mode": "BUDGET_MODE_INFINITE",
        "budget_optimize_on": False,
        "operation_status": "DISABLE",  # TikTok enables new objects by default
    }
    if plan.special_ad_categories:
        body["special_industries"] = plan.special_ad_categories
    if goal.needs == "app":
        body |= {"app_promotion_type": "APP_INSTALL", "app_id": account.facts["app_id"]}
    if family == "smart_plus" and plan.objective is Objective.SALES:
        body["sales_destination"] = "WEBSITE"
    return body


def adset_body(
    plan: CampaignPlan,
    account: AdAccount,
    campaign_id: str,
    adset: AdSetPlan,
    family: facts.Family,
    now: datetime,
) -> facts.Params:
    """The body of an ad group that starts at `now` (aware); schedules are in UTC."""
    goal = facts.GOALS[plan.objective]
    return {
        "request_id": request_id(adset.tag),
        "campaign_id": campaign_id,
        "adgroup_name": adset.name,
        "operation_status": "DISABLE",
        "budget": number(adset.daily_budget),
        **_schedule(plan.starts_at or now, plan.ends_at),
        # Automatic placements are refused in some countries, and TikTok itself is what they always hold.
        "placement_type": "PLACEMENT_TYPE_NORMAL",
        "placements": _placements(adset),
        "billing_event": goal.billing_event,
        **bidding_body(adset, goal.optimization_goal),
        **_promotion(goal, account),
        **_by_family(plan, adset, family),
    }


def _placements(adset: AdSetPlan) -> list[str]:
    if adset.placements == "automatic":
        return ["PLACEMENT_TIKTOK"]
    return [PLACEMENTS[name] for name in adset.placements]


def _schedule(start: datetime, end: datetime | None) -> facts.Params:
    begin = start.astimezone(UTC).strftime(facts.TIME)
    schedule = {"schedule_type": "SCHEDULE_FROM_NOW", "schedule_start_time": begin}
    if end is None:
        return schedule
    stop = end.astimezone(UTC).strftime(facts.TIME)
    return schedule | {"schedule_type": "SCHEDULE_START_END", "schedule_end_time": stop}


def _by_family(plan: CampaignPlan, adset: AdSetPlan, family: facts.Family) -> facts.Params:
    targeting = _targeting(plan, adset)
    if family == "manual":
        return {"budget_mode": "BUDGET_MODE_DAY", "pacing": "PACING_MODE_SMOOTH", **targeting}
    return {
        # Documented beside it is BUDGET_MODE_DAY; advertisers report that only this one is taken.
        "budget_mode": "BUDGET_MODE_DYNAMIC_DAILY_BUDGET",
        "targeting_optimization_mode": "MANUAL",  # ages would be a mere suggestion otherwise
        "targeting_spec": targeting,
    }


def setting_body(setting: CampaignSetting) -> facts.Params:
    """The fields that give a campaign its name, or an ad group its end or its bid."""
    if isinstance(setting, Bidding):
        return bid_body(setting)
    if isinstance(setting, Name):
        return {"campaign_name": setting.text}
    if setting.moment is None:
        return {"schedule_type": "SCHEDULE_FROM_NOW"}
    end = setting.moment.astimezone(UTC).strftime(facts.TIME)
    return {"schedule_type": "SCHEDULE_START_END", "schedule_end_time": end}


def _targeting(plan: CampaignPlan, adset: AdSetPlan) -> facts.Params:
    ages = adset.targeting
    targeting: facts.Params = {
        "location_ids": ages.places or [facts.LOCATION_IDS[country] for country in ages.countries],
        "age_groups": buckets_of(ages.age_min, ages.age_max),
        "gender": GENDERS[ages.genders[0]] if ages.genders else "GENDER_UNLIMITED",
    }
    if ages.languages:
        targeting["languages"] = [LANGUAGES[code] for code in ages.languages]
    lookalike = [plan.audience.lookalike] if isinstance(plan.audience, Lookalike) else []
    if included := list(dict.fromkeys([*lookalike, *ages.audiences])):
        targeting["audience_ids"] = included
    if ages.excluded_audiences:
        targeting["excluded_audience_ids"] = ages.excluded_audiences
    return targeting


def _promotion(goal: facts.Goal, account: AdAccount) -> facts.Params:
    if goal.needs == "app":
        return {"promotion_type": account.facts["app_promotion"], "app_id": account.facts["app_id"]}
    params: facts.Params = {"promotion_type": goal.promotion_type} if goal.promotion_type else {}
    if goal.promotion_type == "LEAD_GENERATION":
        params["promotion_target_type"] = "EXTERNAL_WEBSITE"
    if goal.needs == "pixel":
        params |= {"pixel_id": account.facts["pixel_id"], "optimization_event": goal.event}
    return params


def ad_creative(plan: CampaignPlan, account: AdAccount, order: AdOrder) -> facts.Params:
    """One entry of `creatives` in the body of ad/create/."""
    asset = json.loads(order.creative.asset)
    creative: facts.Params = {
        "ad_name": order.name,
        "operation_status": "DISABLE",
        **_identity(account),
        "ad_format": _format(order.creative),
        "image_ids": [asset["image_id"]],
        "ad_text": order.creative.copy.primary_text,
        "call_to_action": _call_to_action(plan),
    }
    if "video_id" in asset:
        creative["video_id"] = asset["video_id"]
    if plan.objective is not Objective.APP_PROMOTION:
        creative["landing_page_url"] = _page(plan, order)
    return creative


def _call_to_action(plan: CampaignPlan) -> str:
    return plan.call_to_action or facts.GOALS[plan.objective].call_to_action


def _page(plan: CampaignPlan, order: AdOrder) -> str:
    page = order.creative.creative.product_url
    return with_parameters(page, plan.tracking.url_parameters) if plan.tracking else page


def smart_plus_ad_body(plan: CampaignPlan, account: AdAccount, order: AdOrder) -> facts.Params:
    """The body of an ad with one creative, so that each creative has its own text, status and figures."""
    asset = json.loads(order.creative.asset)
    info: facts.Params = {
        "ad_format": _format(order.creative),
        "image_info": [{"web_uri": asset["image_id"]}],
    }
    if "video_id" in asset:
        info["video_info"] = {"video_id": asset["video_id"]}
    body: facts.Params = {
        "adgroup_id": order.adset_id,
        "ad_name": order.name,
        "operation_status": "DISABLE",
        "ad_configuration": _identity(account),
        "creative_list": [{"creative_info": info}],
        "ad_text_list": [{"ad_text": order.creative.copy.primary_text}],
        "call_to_action_list": [{"call_to_action": _call_to_action(plan)}],
    }
    if plan.objective is not Objective.APP_PROMOTION:
        body["landing_page_url_list"] = [{"landing_page_url": _page(plan, order)}]
    return body


def _identity(account: AdAccount) -> facts.Params:
    identity = {name: account.facts[name] for name in ("identity_id", "identity_type")}
    lender = account.facts.get(facts.LENDER)
    return identity | ({facts.LENDER: lender} if lender else {})


def _format(order: CreativeOrder) -> str:
    # Whether a single image may run on the TikTok placement is unverified; the platform decides.
    return "SINGLE_VIDEO" if order.creative.file_type == "video" else "SINGLE_IMAGE"


def number(amount: Decimal) -> int | float:
    """Convert an amount in the major unit to a JSON number."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
