"""Checks before the first write: Google's requirements, and requests that it cannot express."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaign_automation.adapters.common.ages import open_end_warnings
from campaign_automation.adapters.common.options import rules as options
from campaign_automation.adapters.common.options import settings
from campaign_automation.adapters.common.refusals import (
    adults_only,
    all_genders,
    blocked_account,
    budget_out_of_range,
    require_setting,
    untargetable,
)
from campaign_automation.adapters.common.text import display_width
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.facts import NAME, PLATFORM
from campaign_automation.adapters.google.options.rules import GOOGLE_SEARCH, SEARCH_PARTNERS, rules
from campaign_automation.adapters.google.requests import app_store, fit_ages
from campaign_automation.models.campaigns import CreateCampaign, Creative, Lookalike
from campaign_automation.models.common import AdAccount, Objective
from campaign_automation.models.creation.settings import Bidding, End, Setting
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import AccountError, InvalidRequestError


def refuse_blocked(status: str) -> None:
    """Raise AccountError when an account of this CustomerStatus cannot advertise."""
    blocked = facts.BLOCKED_ACCOUNTS.get(status)
    if blocked:
        raise blocked_account(PLATFORM, *blocked, status)


def check_declaration(declared: bool | None) -> bool:
    """Return whether the campaign holds EU political ads. Raises InvalidRequestError if not declared."""
    if declared is None:
        raise InvalidRequestError(
            "eu_political_advertising: Google needs a declaration; give true or false, or set"
            " EU_POLITICAL_ADVERTISING for the deployment",
            field="eu_political_advertising",
            allowed=[True, False],
        )
    return declared


def check_channel(spec: CreateCampaign, account: AdAccount) -> None:
    """Check the needs of the campaign's channel. Raises AccountError or InvalidRequestError."""
    channel = facts.GOALS[spec.objective].channel
    if channel == facts.DEMAND_GEN:
        _check_demand_gen(spec, account)
    if channel == facts.APP:
        _check_app(spec, account)


def _check_demand_gen(spec: CreateCampaign, account: AdAccount) -> None:
    for name in ("business_name", "logo_url"):
        require_setting(PLATFORM, NAME, account, name, spec.objective)
    if display_width(str(account.facts["business_name"])) > facts.BUSINESS_NAME_WIDTH:
        raise AccountError(
            f"google: business_name of account {account.platform_account_id} is longer than"
            f" {facts.BUSINESS_NAME_WIDTH} characters: shorten it in the Google secret",
            code="4005",
            platform=PLATFORM,
            field="business_name",
        )
    minimum = facts.DEMAND_GEN_MINIMUM.get(account.currency)
    if minimum and spec.daily_budget < minimum:
        problem = (
            f"{spec.objective} on Google is a Demand Gen campaign, which takes at least"
            f" {minimum} {account.currency} a day"
        )
        raise budget_out_of_range(problem, f">= {minimum}", minimum, account.currency)


def check_creatives(spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
    """Raise InvalidRequestError for videos in a campaign that shows files."""
    videos = [creative.creative_id for creative in creatives if creative.file_type == "video"]
    if videos and facts.GOALS[spec.objective].channel == facts.DEMAND_GEN:
        raise InvalidRequestError(
            f"creative_ids: {', '.join(videos)} are videos, which Google takes from YouTube; give images",
            field="creative_ids",
        )


def _check_app(spec: CreateCampaign, account: AdAccount) -> None:
    """Check the app's settings, and the ages and ads that an app campaign cannot have."""
    require_setting(PLATFORM, NAME, account, "app_id", spec.objective)
    if app_store(account.facts) not in facts.APP_STORES:
        raise AccountError(
            f"google: app_store of account {account.platform_account_id} is not a store Google knows",
            code="4005",
            platform=PLATFORM,
            field="app_store",
            allowed=list(facts.APP_STORES),
        )
    if fit_ages(spec.age_groups) != [facts.ALL_AGES]:
        raise InvalidRequestError(
            "age_groups: Google's app campaigns cannot target ages; give one group, [18, 65]",
            field="age_groups",
            allowed=[[18, 65]],
        )
    count = len(spec.creative_ids or spec.creatives or [])
    if count > 1:
        raise InvalidRequestError(
            f"creative_ids: {count} creatives, but an ad group of Google's app campaigns holds one ad; give"
            " one",
            field="creative_ids",
        )


def check_targeting(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for places, splits, audiences and ages that Google cannot target."""
    named = [*spec.target_countries, *spec.excluded_countries]
    unknown = [country for country in named if country not in facts.GEO_TARGETS]
    if unknown:
        raise untargetable(unknown, NAME)
    if spec.split_by != "age" and len(spec.target_countries) > 1:
        raise InvalidRequestError(
            f"split_by: {spec.split_by} with several countries is not possible on Google, where locations"
            " belong to the campaign; split by age, or create one campaign per country",
            field="split_by",
            allowed=["age"],
        )
    if isinstance(spec.audience, Lookalike):
        raise InvalidRequestError(
            "audience: a lookalike audience cannot be targeted on Google; use broad",
            field="audience",
            allowed=["broad"],
        )
    fit_ages(spec.age_groups)


def check_categories(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for ages that the special ad categories forbid."""
    locked = set(spec.special_ad_categories or []) & facts.AGE_LOCKED_CATEGORIES
    if locked and fit_ages(spec.age_groups) != [facts.ALL_AGES]:
        raise adults_only(locked)
    if locked and spec.genders:
        raise all_genders(locked)


def check_options(spec: CreateCampaign, account: AdAccount) -> list[str]:
    """Return warnings. Raises InvalidRequestError for a setting that these campaigns cannot have."""
    warnings = options.check_options(spec, rules(spec.objective), account, clock.now())
    zone = ZoneInfo(account.time_zone)
    if spec.start_time:
        _whole_day("start_time", spec.start_time.astimezone(zone), time(0, 0))
    if spec.end_time:
        _whole_day("end_time", spec.end_time.astimezone(zone), _END_OF_DAY)
    if spec.placements != "automatic" and GOOGLE_SEARCH not in spec.placements:
        problem = "has no search_partners without google_search; name both"
        raise options.refused("placements", NAME, problem, [GOOGLE_SEARCH, SEARCH_PARTNERS])
    if spec.genders:
        warnings.append("google: people whose gender Google does not know are not reached")
    return warnings


_END_OF_DAY = time(23, 59, 59)


def check_setting(setting: Setting, before: Bidding | None, objective: Objective, account: AdAccount) -> None:
    """Raise InvalidRequestError for a name, an end or a bidding that Google does not take."""
    settings.check_setting(setting, before, objective, account, rules(objective), clock.now())
    if isinstance(setting, End) and setting.moment is not None:
        _whole_day("end_time", setting.moment.astimezone(ZoneInfo(account.time_zone)), _END_OF_DAY)


def _whole_day(field: str, asked: datetime, edge: time) -> None:
    """Refuse a time within a day of the account, which only some kinds of campaigns take, and name a right
    one that does not spend more than asked."""
    if asked.time().replace(microsecond=0) == edge:
        return
    day = asked.date() + timedelta(days=1 if field == "start_time" else -1)
    right = datetime.combine(day, edge, asked.tzinfo).isoformat()
    what = "starts campaigns with a day" if field == "start_time" else "ends campaigns with a day"
    raise options.refused(field, NAME, f"{what} of the account; give {right}", [right])


def check_activation(spec: CreateCampaign) -> None:
    """Raise InvalidRequestError for more search ads than may be on at the same time."""
    count = len(spec.creative_ids or spec.creatives or [])
    if spec.activate and _has_spare_ads(spec, count):
        raise InvalidRequestError(
            f"activate: {count} creatives, but Google shows at most {facts.ENABLED_SEARCH_ADS} search ads per"
            " ad group; give fewer or activate later",
            field="activate",
            allowed=[False],
        )


def _has_spare_ads(spec: CreateCampaign, count: int) -> bool:
    return facts.GOALS[spec.objective].channel == facts.SEARCH and count > facts.ENABLED_SEARCH_ADS


_BROAD = (
    "google: without keywords the ads are shown for the creatives' names and tags in broad match, so for"
    " searches that are only like them; give keywords with match types for others"
)


def warnings_for(spec: CreateCampaign, account: AdAccount) -> Iterator[str]:
    """Warnings on everything that Google reads differently than it was asked."""
    channel = facts.GOALS[spec.objective].channel
    cells = len(spec.age_groups) if spec.split_by != "country" else 1
    if cells > 1:
        yield (
            "google: the budget belongs to the campaign; the shares of the ad sets are not enforced, Google"
            " divides the money itself"
        )
    yield from _age_warnings(spec)
    if channel == facts.SEARCH:
        yield "google: search ads show text only; images and videos of the creatives are not shown"
        if not spec.keywords:
            yield _BROAD
        count = len(spec.creative_ids or spec.creatives or [])
        if _has_spare_ads(spec, count):
            yield (
                f"google: at most {facts.ENABLED_SEARCH_ADS} of the {count} ads of an ad set can be on at the"
                " same time"
            )
    if channel == facts.APP:
        yield "google: app campaigns make their ads from texts; the creative's file and URL are not used"
    yield from _declaration_warnings(spec)


def _age_warnings(spec: CreateCampaign) -> Iterator[str]:
    fitted = fit_ages(spec.age_groups)
    for (low, high), (got_low, got_high) in zip(spec.age_groups, fitted, strict=True):
        if (low, high) != (got_low, got_high):
            yield f"google: ages {low}-{high} are targeted as {got_low}-{got_high}, in Google's ranges"
    yield from open_end_warnings(PLATFORM, fitted)
    if any(group != facts.ALL_AGES for group in fitted):
        yield "google: people whose age Google does not know are not reached"


def _declaration_warnings(spec: CreateCampaign) -> Iterator[str]:
    declared = [item for item in spec.special_ad_categories or [] if item != "NONE"]
    if declared:
        yield (
            f"google: {', '.join(declared)} cannot be declared through the API; Google's policies apply"
            " all the same"
        )
    if spec.dsa:
        yield "google: dsa is not sent; Google names beneficiary and payor from the advertiser's verification"
    if spec.eu_political_advertising:
        yield "google: ads with EU political advertising are not shown in the EU"
