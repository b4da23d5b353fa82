"""What TikTok needs or cannot express, found out before the first write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.errors import PLATFORM
from campaign_automation.adapters.tiktok.requests import fit_ages
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.common import AdAccount, Objective
from campaign_automation.utils.error_handler import AccountError, InvalidRequestError

SUNSET_WARNING_DAYS = 45
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\u20e3]")


def refuse_blocked(data: Mapping[str, Any]) -> None:
    """`data` is one entry of advertiser/info/. Raises AccountError when it cannot advertise."""
    status = str(data.get("status", "STATUS_ENABLE"))
    if status == "STATUS_ENABLE":
        return
    code, words = facts.BLOCKED_ACCOUNTS.get(status, ("1004", f"is not approved ({status})"))
    raise AccountError(f"tiktok: the ad account {words}", code=code, platform=PLATFORM, account_status=status)


def require(account: AdAccount, kind: str) -> None:
    """The identity, pixel or app that the account must have. Raises AccountError saying what to configure."""
    name = f"{kind}_id"
    if account.facts.get(name):
        return
    found = account.facts.get(f"{kind}_ids", [])
    problem = f"several {kind} ids ({', '.join(found)})" if found else f"no {kind}"
    raise AccountError(
        f"tiktok: the account {account.platform_account_id} has {problem}: set {name} under"
        f" accounts.{account.platform_account_id} in the TikTok secret",
        code="4005",
        platform=PLATFORM,
        field=name,
        allowed=found or None,
    )


def check_categories(spec: CreateCampaign) -> None:
    asked = set(spec.special_ad_categories or []) - {"NONE"}
    unknown = asked - facts.SPECIAL_INDUSTRIES
    if unknown:
        raise InvalidRequestError(
            f"special_ad_categories: {', '.join(sorted(unknown))} is not a category of TikTok",
            field="special_ad_categories",
            allowed=["NONE", *sorted(facts.SPECIAL_INDUSTRIES)],
        )
    # That these ads must reach all adults is unverified; it is so on the other platforms.
    if asked and any(group != (18, 65) for group in fit_ages(spec.age_groups)):
        raise InvalidRequestError(
            f"age_groups: {', '.join(sorted(asked))} ads reach all adults; only [18, 65] is allowed",
            field="age_groups",
            allowed=[[18, 65]],
        )


def check_countries(spec: CreateCampaign) -> None:
    unknown = [country for country in spec.target_countries if country not in facts.LOCATION_IDS]
    if unknown:
        raise InvalidRequestError(
            f"target_countries: TikTok's location of {', '.join(unknown)} is not known here",
            field="target_countries",
            allowed=sorted(facts.LOCATION_IDS),
        )


def check_ages(spec: CreateCampaign) -> None:
    strict = sorted(set(spec.target_countries) & facts.ADULTS_ONLY_COUNTRIES)
    if strict and any(low < 18 for low, _ in fit_ages(spec.age_groups)):
        raise InvalidRequestError(
            f"age_groups: TikTok shows no ads to minors in {', '.join(strict)}; begin at 18",
            field="age_groups",
        )


def check_names(spec: CreateCampaign) -> None:
    names = [("name", spec.name or "")] + [("creatives", item.creative_id) for item in spec.creatives or []]
    for field, text in names:
        if _EMOJI.search(text):
            raise InvalidRequestError(f"{field}: TikTok takes no emoji in names: {text!r}", field=field)
    limit = facts.NAME_LIMIT - facts.NAME_ADDITION
    if name_width(spec.name or "") > limit:
        raise InvalidRequestError(
            f"name: is too long for TikTok, which counts Chinese and Japanese characters twice:"
            f" {limit} in all are allowed",
            field="name",
        )


def name_width(text: str) -> int:
    """The length as TikTok counts it."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def check_budget(spec: CreateCampaign, account: AdAccount) -> None:
    ratio = facts.CURRENCY_RATIO[account.currency]
    minimum, ceiling = facts.CAMPAIGN_BASE * ratio, facts.MAXIMUM_BASE * ratio
    if not minimum <= spec.daily_budget < ceiling:
        raise InvalidRequestError(
            f"daily_budget: {spec.daily_budget} {account.currency} is outside of what TikTok takes for a"
            f" campaign: at least {minimum} and less than {ceiling} {account.currency}",
            field="daily_budget",
            allowed=f">= {minimum} and < {ceiling}",
            minimum=str(minimum),
            currency=account.currency,
        )


def check_size(spec: CreateCampaign, family: facts.Family, ads_per_adset: int) -> None:
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


def warnings_for(spec: CreateCampaign, account: AdAccount, family: facts.Family, day: date) -> list[str]:
    """What TikTok reads differently than it was asked."""
    warnings = ["tiktok: placements are TikTok itself, not its partner apps"]
    for (low, high), fitted in zip(spec.age_groups, fit_ages(spec.age_groups), strict=True):
        if (low, high) != fitted:
            warnings.append(f"tiktok: ages {low} to {high} become {_words(fitted)}, the nearest age buckets")
    if any(high == 65 for _, high in fit_ages(spec.age_groups)):
        warnings.append("tiktok: age 65 includes everybody older")
    if spec.objective is Objective.ENGAGEMENT:
        warnings.append("tiktok: engagement is bought as video views of 6 seconds and more")
    if spec.objective is Objective.APP_PROMOTION and not account.facts.get("app_platform"):
        warnings.append("tiktok: the app is taken for an Android app; set app_platform to ios otherwise")
    return warnings + _family_warnings(spec, family, day)


def _words(group: tuple[int, int]) -> str:
    return f"{group[0]} and older" if group[1] == 65 else f"{group[0]} to {group[1]}"


def _family_warnings(spec: CreateCampaign, family: facts.Family, day: date) -> list[str]:
    if family == "smart_plus":
        return [
            "tiktok: the campaign is made as Upgraded Smart+, whose daily budget is an average over a week:"
            " up to 125 % may be spent on one day"
        ]
    left = (facts.MANUAL_CREATION_ENDS - day).days
    if spec.objective in facts.SMART_PLUS_OBJECTIVES and left <= SUNSET_WARNING_DAYS:
        return [
            f"tiktok: manual {spec.objective} campaigns can be created until {facts.MANUAL_CREATION_ENDS}"
            " (unconfirmed by TikTok); Upgraded Smart+ follows"
        ]
    return []


def floor_of_adset(currency: str) -> Decimal:
    """The least daily budget of an ad group, in `currency`'s major unit."""
    return facts.ADSET_BASE * facts.CURRENCY_RATIO[currency]
