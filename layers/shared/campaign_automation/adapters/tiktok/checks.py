"""Checks before the first write: TikTok's requirements, and requests that it cannot express."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.common.ages import ADULTS, OLDEST, open_end_warnings
from campaign_automation.adapters.common.fact import WARNING_DAYS
from campaign_automation.adapters.common.options.rules import refused
from campaign_automation.adapters.common.refusals import (
    adults_only,
    all_genders,
    blocked_account,
    budget_out_of_range,
    require_asset,
    unknown_categories,
)
from campaign_automation.adapters.common.text import display_width, has_emoji
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.facts import NAME, PLATFORM
from campaign_automation.adapters.tiktok.requests import fit_ages
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.common import AdAccount, Objective
from campaign_automation.utils.error_handler import InvalidRequestError


def refuse_blocked(data: Mapping[str, Any]) -> None:
    """Raise AccountError when the account, one entry of advertiser/info/, cannot advertise."""
    status = str(data.get("status", "STATUS_ENABLE"))
    if status == "STATUS_ENABLE":
        return
    code, problem = facts.BLOCKED_ACCOUNTS.get(status, ("1004", f"is not approved ({status})"))
    raise blocked_account(PLATFORM, code, problem, status)


def require(account: AdAccount, kind: str) -> None:
    """Raise AccountError when the account has no identity, pixel or app, or several to choose from."""
    require_asset(PLATFORM, NAME, account, kind, f"{kind} ids")


def check_categories(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for an unknown special ad category, or for ages that one forbids."""
    asked = set(spec.special_ad_categories or []) - {"NONE"}
    unknown = asked - facts.SPECIAL_INDUSTRIES
    if unknown:
        raise unknown_categories(unknown, NAME, facts.SPECIAL_INDUSTRIES)
    # That these ads must reach all adults is unverified; it is so on the other platforms.
    if asked and any(group != ADULTS for group in fit_ages(spec.age_groups)):
        raise adults_only(asked)
    if asked and spec.genders:
        raise all_genders(asked)


def check_countries(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for a country without a known location id."""
    unknown = [country for country in spec.target_countries if country not in facts.LOCATION_IDS]
    if unknown:
        raise InvalidRequestError(
            f"target_countries: TikTok's location of {', '.join(unknown)} is not known here",
            field="target_countries",
            allowed=sorted(facts.LOCATION_IDS),
        )


def check_ages(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for minors in a country where TikTok shows them no ads."""
    strict = sorted(set(spec.target_countries) & facts.ADULTS_ONLY_COUNTRIES)
    if strict and any(low < 18 for low, _ in fit_ages(spec.age_groups)):
        raise InvalidRequestError(
            f"age_groups: TikTok shows no ads to minors in {', '.join(strict)}; begin at 18",
            field="age_groups",
        )


def check_names(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for a name that is too long, or for emoji in a name."""
    names = [("name", spec.name or "")] + [("creatives", item.creative_id) for item in spec.creatives or []]
    for field, text in names:
        if has_emoji(text):
            raise InvalidRequestError(f"{field}: TikTok takes no emoji in names: {text!r}", field=field)
    limit = facts.NAME_LIMIT - facts.NAME_ADDITION
    if display_width(spec.name or "") > limit:
        raise InvalidRequestError(
            f"name: is too long for TikTok, which counts Chinese and Japanese characters twice:"
            f" {limit} in all are allowed",
            field="name",
        )


def check_budget(spec: CreateCampaign, account: AdAccount) -> None:
    """Raise InvalidRequestError for a campaign's daily budget outside of TikTok's range for the currency."""
    ratio = facts.CURRENCY_RATIO[account.currency]
    minimum, ceiling = facts.CAMPAIGN_BASE * ratio, facts.MAXIMUM_BASE * ratio
    if not minimum <= spec.daily_budget < ceiling:
        problem = (
            f"{spec.daily_budget} {account.currency} is outside of what TikTok takes for a campaign: at least"
            f" {minimum} and less than {ceiling} {account.currency}"
        )
        raise budget_out_of_range(problem, f">= {minimum} and < {ceiling}", minimum, account.currency)


def check_bid(spec: CreateCampaign, account: AdAccount) -> None:
    """Raise InvalidRequestError for a bid that is no less than the budget of an ad group."""
    share = spec.daily_budget / _adset_count(spec)
    if spec.bid_strategy == "target_cpa" and spec.target_cpa and spec.target_cpa >= share:
        raise refused(
            "target_cpa",
            NAME,
            f"takes bids below the budget of an ad group, which is {share:.2f} {account.currency} here",
            f"< {share:.2f}",
        )


def check_size(spec: CreateCampaign, family: facts.Family, ads_per_adset: int) -> None:
    """Raise InvalidRequestError for more ads in an ad group, or ad sets in a campaign, than TikTok holds."""
    creatives = len(spec.creative_ids or spec.creatives or [])
    if creatives > ads_per_adset:
        raise InvalidRequestError(
            f"creative_ids: {creatives} creatives are more than the {ads_per_adset} ads that an ad group of"
            " TikTok can hold",
            field="creative_ids" if spec.creative_ids else "creatives",
            allowed=f"<= {ads_per_adset}",
        )
    adsets = _adset_count(spec)
    if family == "smart_plus" and adsets > facts.SMART_PLUS_ADSETS:
        raise InvalidRequestError(
            f"target_countries: {adsets} ad sets are more than the {facts.SMART_PLUS_ADSETS} that a Smart+"
            " campaign can hold",
            field="target_countries",
        )


def _adset_count(spec: CreateCampaign) -> int:
    by_country = len(spec.target_countries) if "country" in spec.split_by else 1
    return by_country * (len(spec.age_groups) if "age" in spec.split_by else 1)


def warnings_for(
    spec: CreateCampaign,
    account: AdAccount,
    family: facts.Family,
    day: date,
    manual_ends: date = facts.MANUAL_CREATION_ENDS,
) -> list[str]:
    """Warnings on everything that TikTok reads differently than it was asked."""
    warnings = ["tiktok: placements are TikTok itself, not its partner apps"]
    for (low, high), fitted in zip(spec.age_groups, fit_ages(spec.age_groups), strict=True):
        if (low, high) != fitted:
            warnings.append(f"tiktok: ages {low} to {high} become {_words(fitted)}, the nearest age buckets")
    warnings += open_end_warnings(PLATFORM, fit_ages(spec.age_groups))
    if spec.objective is Objective.ENGAGEMENT:
        warnings.append("tiktok: engagement is bought as video views of 6 seconds and more")
    if spec.objective is Objective.APP_PROMOTION and not account.facts.get("app_platform"):
        warnings.append("tiktok: the app is taken for an Android app; set app_platform to ios otherwise")
    return warnings + _family_warnings(spec, family, day, manual_ends)


def _words(group: tuple[int, int]) -> str:
    return f"{group[0]} and older" if group[1] == OLDEST else f"{group[0]} to {group[1]}"


def _family_warnings(spec: CreateCampaign, family: facts.Family, day: date, manual_ends: date) -> list[str]:
    if family == "smart_plus":
        return [
            "tiktok: the campaign is made as Upgraded Smart+, whose daily budget is an average over a week:"
            " up to 125 % may be spent on one day"
        ]
    left = (manual_ends - day).days
    if spec.objective in facts.SMART_PLUS_OBJECTIVES and left <= WARNING_DAYS:
        return [
            f"tiktok: manual {spec.objective} campaigns can be created until {manual_ends}"
            " (unconfirmed by TikTok); Upgraded Smart+ follows"
        ]
    return []


def floor_of_adset(currency: str) -> Decimal:
    """The least daily budget of an ad group, in `currency`'s major unit."""
    return facts.ADSET_BASE * facts.CURRENCY_RATIO[currency]
