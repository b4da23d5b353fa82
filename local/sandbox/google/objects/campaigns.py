"""Budgets, campaigns and their locations: what Google refuses of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from local.sandbox.google.errors import AdsError, not_found, required, too_long
from local.sandbox.google.messages import Message, enum_name, set_enum
from local.sandbox.google.objects.keywords import check_keyword
from local.sandbox.google.store import Draft, is_removed

MAX_NAME = 255
# Each channel with the bidding fields it takes.
BIDDING = {
    "SEARCH": {
        "manual_cpc",
        "maximize_conversions",
        "maximize_conversion_value",
        "target_cpa",
        "target_impression_share",
        "target_roas",
        "target_spend",
    },
    "DEMAND_GEN": {
        "maximize_conversions",
        "maximize_conversion_value",
        "target_cpa",
        "target_cpc",
        "target_roas",
        "target_spend",
    },
    "MULTI_CHANNEL": {"maximize_conversions", "maximize_conversion_value", "target_cpa", "target_roas"},
}
# The fields of a bidding that an update may name, in whose place it sets one of another kind.
BID_PATHS = {
    "maximize_conversions.target_cpa_micros",
    "maximize_conversion_value.target_roas",
    "target_spend.cpc_bid_ceiling_micros",
}
WITHOUT_SHARED_BUDGET = ("DEMAND_GEN", "PERFORMANCE_MAX", "MULTI_CHANNEL")
DEMAND_GEN_MINIMUM_MICROS = 5_000_000
# Places that take no location targeting: under sanctions, or in Google's list without an entry.
UNKNOWN_PLACES = frozenset({192, 364, 408, 760})
_COUNTRY_IDS = range(2004, 2900)
# States and provinces, then cities and everything smaller; which of them exist is not known here.
_PLACE_IDS = (range(20_000, 30_000), range(1_000_000, 10_000_000))
_LANGUAGE_IDS = range(1000, 1150)


def check_new_budget(draft: Draft, budget: Message) -> Iterator[AdsError]:
    if not budget.HasField("explicitly_shared"):
        budget.explicitly_shared = True
    if not budget.period:
        set_enum(budget, "period", "DAILY")
    if not budget.delivery_method:
        set_enum(budget, "delivery_method", "STANDARD")
    set_enum(budget, "status", "ENABLED")
    yield from check_budget(draft, budget, ["amount_micros", "name"])


def check_budget(draft: Draft, budget: Message, paths: list[str]) -> Iterator[AdsError]:
    if "amount_micros" in paths:
        yield from _check_amount(draft, budget)
    if budget.explicitly_shared and not budget.name:
        yield required("name")
    if len(budget.name.encode()) > MAX_NAME:
        yield too_long(MAX_NAME, "name")
    if budget.explicitly_shared and _is_taken(draft, budget):
        yield AdsError(
            "campaign_budget_error.DUPLICATE_NAME",
            "The requested campaign budget name is already in use.",
            "name",
        )


def _check_amount(draft: Draft, budget: Message) -> Iterator[AdsError]:
    if not budget.HasField("amount_micros"):
        yield required("amount_micros")
    elif budget.amount_micros <= 0:
        code = "campaign_budget_error.NEGATIVE_MONEY_AMOUNT"
        yield AdsError(code, "A money amount must be positive.", "amount_micros")
    elif budget.amount_micros % draft.account.billable_unit_micros:
        code = "campaign_budget_error.NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT"
        words = "A money amount was not a multiple of a minimum unit."
        yield AdsError(code, words, "amount_micros")
    elif _is_too_small(draft, budget) and any(_demand_gens(draft, budget)):
        yield _below_minimum("amount_micros")


def _demand_gens(draft: Draft, budget: Message) -> Iterator[bool]:
    """Whether each campaign of the budget is a Demand Gen one."""
    for item in draft.living("campaign"):
        if item.campaign_budget == budget.resource_name:
            yield enum_name(item, "advertising_channel_type") == "DEMAND_GEN"


def _below_minimum(field: str) -> AdsError:
    code = "campaign_budget_error.BUDGET_BELOW_PER_DAY_MINIMUM"
    return AdsError(code, "The budget is below the minimum per day of this campaign type.", field)


def _is_taken(draft: Draft, budget: Message) -> bool:
    return any(
        other.name == budget.name and other.explicitly_shared
        for other in draft.living("campaign_budget")
        if other.resource_name != budget.resource_name
    )


def check_new_campaign(draft: Draft, campaign: Message) -> Iterator[AdsError]:
    yield from _check_declarations(draft)
    if not campaign.status:
        set_enum(campaign, "status", "ENABLED")
    if enum_name(campaign, "status") == "REMOVED":
        code = "operation_access_denied_error.CREATE_AS_REMOVED_NOT_PERMITTED"
        yield AdsError(code, "Cannot create an entity as removed.", "status")
    if not campaign.contains_eu_political_advertising:
        yield required("contains_eu_political_advertising")
    yield from _check_name(draft, campaign)
    yield from _check_times(draft, campaign)
    channel = enum_name(campaign, "advertising_channel_type")
    if channel == "UNSPECIFIED":
        yield required("advertising_channel_type")
    elif channel not in BIDDING:
        code = "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_CAMPAIGN_TYPE"
        yield AdsError(code, f"{channel} campaigns cannot be created here.", "advertising_channel_type")
    else:
        yield from _check_bidding(campaign, channel)
        yield from _check_channel(campaign, channel)
        yield from _check_budget_of(draft, campaign, channel)


def _check_name(draft: Draft, campaign: Message) -> Iterator[AdsError]:
    if not campaign.name.strip():
        yield required("name")
    if len(campaign.name) > MAX_NAME:
        yield too_long(MAX_NAME, "name")
    if any(char in campaign.name for char in "\0\n\r"):
        yield AdsError("campaign_error.INVALID_CAMPAIGN_NAME", "The campaign name is invalid.", "name")
    others = (item for item in draft.living("campaign") if item.resource_name != campaign.resource_name)
    if any(other.name == campaign.name for other in others):
        yield AdsError(
            "campaign_error.DUPLICATE_CAMPAIGN_NAME",
            "A non-removed campaign with the specified name already exists.",
            "name",
        )


def _check_times(draft: Draft, campaign: Message) -> Iterator[AdsError]:
    """Whole days only: time granularity is for some campaign types."""
    start = yield from _read_time(draft, campaign, "start_date_time", "00:00:00")
    end = yield from _read_time(draft, campaign, "end_date_time", "23:59:59")
    if end and end <= max(draft.now, start or draft.now):
        code = "date_range_error.START_DATE_AFTER_END_DATE"
        yield AdsError(code, "The end lies before the start.", "end_date_time")
    if start and start.date() < draft.now.astimezone(draft.account.zone).date():
        code = "date_range_error.CANNOT_SET_DATE_TO_PAST"
        yield AdsError(code, "The start lies in the past.", "start_date_time")


def _read_time(
    draft: Draft, campaign: Message, field: str, time_of_day: str
) -> Generator[AdsError, None, datetime | None]:
    text = getattr(campaign, field)
    if not text:
        return None
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=draft.account.zone)
    except ValueError:
        yield AdsError("date_error.INVALID_STRING_DATE_TIME_SECONDS", "The date is invalid.", field)
        return None
    if not text.endswith(f" {time_of_day}"):
        code = "date_error.INVALID_FIELD_VALUES_IN_DATE_TIME"
        yield AdsError(code, f"The time must be {time_of_day}.", field)
    return moment


def campaign_start(campaign: Message, zone: ZoneInfo) -> datetime | None:
    """The moment before which the campaign shows nothing."""
    text = campaign.start_date_time
    return datetime.fromisoformat(text).replace(tzinfo=zone) if text else None


def campaign_end(campaign: Message, zone: ZoneInfo) -> datetime | None:
    """The moment at which the campaign stops by itself."""
    text = campaign.end_date_time
    return datetime.fromisoformat(text).replace(tzinfo=zone) if text else None


def _check_bidding(campaign: Message, channel: str) -> Iterator[AdsError]:
    chosen = campaign.WhichOneof("campaign_bidding_strategy")
    if chosen is None:
        yield required("campaign_bidding_strategy")
        return
    if chosen not in BIDDING[channel]:
        code = "bidding_error.CANNOT_CREATE_CAMPAIGN_WITH_BIDDING_STRATEGY"
        words = f"The bidding strategy cannot be used with {channel} campaigns."
        yield AdsError(code, words, chosen)
        return
    yield from _check_targets(campaign)
    set_enum(campaign, "bidding_strategy_type", chosen.upper())


def _check_targets(campaign: Message) -> Iterator[AdsError]:
    cost = campaign.maximize_conversions.target_cpa_micros
    if cost < 0 or cost % 10_000:
        yield AdsError("bidding_error.BID_INVALID", "The target CPA is invalid.", "maximize_conversions")
    roas = campaign.maximize_conversion_value.target_roas
    if roas and not 0.01 <= roas <= 1000:
        yield AdsError("range_error.TOO_LOW", "The target ROAS is out of range.", "maximize_conversion_value")


def _check_channel(campaign: Message, channel: str) -> Iterator[AdsError]:
    networks = campaign.network_settings
    if channel == "SEARCH" and not networks.target_google_search:
        code = "campaign_error.CAMPAIGN_MUST_TARGET_AT_LEAST_ONE_NETWORK"
        if networks.target_search_network:
            code = "campaign_error.CANNOT_TARGET_SEARCH_NETWORK_WITHOUT_GOOGLE_SEARCH"
        yield AdsError(code, "A search campaign must target Google search.", "network_settings")
    if channel == "DEMAND_GEN" and not campaign.demand_gen_campaign_settings.HasField("upgraded_targeting"):
        campaign.demand_gen_campaign_settings.upgraded_targeting = True
    if channel == "MULTI_CHANNEL":
        yield from _check_app(campaign)


def _check_app(campaign: Message) -> Iterator[AdsError]:
    if enum_name(campaign, "advertising_channel_sub_type") != "APP_CAMPAIGN":
        code = "campaign_error.INVALID_ADVERTISING_CHANNEL_SUB_TYPE"
        yield AdsError(code, "The sub type is invalid.", "advertising_channel_sub_type")
    setting = campaign.app_campaign_setting
    if not setting.app_id:
        yield required("app_campaign_setting", "app_id")
    if not setting.app_store:
        yield required("app_campaign_setting", "app_store")
    if not setting.bidding_strategy_goal_type:
        yield required("app_campaign_setting", "bidding_strategy_goal_type")


def _check_budget_of(draft: Draft, campaign: Message, channel: str) -> Iterator[AdsError]:
    budget = draft.get(campaign.campaign_budget, "campaign_budget")
    if not campaign.campaign_budget:
        yield required("campaign_budget")
    elif budget is None or is_removed(budget):
        yield not_found("campaign_budget")
    elif budget.explicitly_shared and channel in WITHOUT_SHARED_BUDGET:
        code = "campaign_error.CAMPAIGN_CANNOT_USE_SHARED_BUDGET"
        yield AdsError(code, "The campaign cannot use a shared budget.", "campaign_budget")
    elif not budget.explicitly_shared and _uses(draft, budget):
        code = "campaign_budget_error.CAMPAIGN_BUDGET_CANNOT_BE_SHARED"
        yield AdsError(code, "The campaign budget cannot be shared.", "campaign_budget")
    elif channel == "DEMAND_GEN" and _is_too_small(draft, budget):
        yield _below_minimum("campaign_budget")


def _is_too_small(draft: Draft, budget: Message) -> bool:
    return bool(draft.account.currency == "USD" and budget.amount_micros < DEMAND_GEN_MINIMUM_MICROS)


def _uses(draft: Draft, budget: Message) -> bool:
    return any(item.campaign_budget == budget.resource_name for item in draft.living("campaign"))


def check_campaign(draft: Draft, campaign: Message, paths: list[str]) -> Iterator[AdsError]:
    """An update; only the missing declaration itself may be given while one is missing."""
    if "contains_eu_political_advertising" in paths:
        campaign.missing_eu_political_advertising_declaration = False
    if paths != ["contains_eu_political_advertising"]:
        yield from _check_declarations(draft)
    if "name" in paths:
        yield from _check_name(draft, campaign)
    if "end_date_time" in paths:
        yield from _check_times(draft, campaign)
    if BID_PATHS & set(paths):
        yield from _check_new_bidding(campaign)
    if enum_name(campaign, "status") == "REMOVED":
        yield AdsError("enum_error.ENUM_VALUE_NOT_PERMITTED", "Use remove to remove.", "status")


def _check_new_bidding(campaign: Message) -> Iterator[AdsError]:
    """An app campaign's goal goes with its bidding."""
    channel = enum_name(campaign, "advertising_channel_type")
    yield from _check_bidding(campaign, channel)
    goal = enum_name(campaign.app_campaign_setting, "bidding_strategy_goal_type")
    has_target = bool(campaign.maximize_conversions.target_cpa_micros)
    if channel == "MULTI_CHANNEL" and has_target != (goal == "OPTIMIZE_INSTALLS_TARGET_INSTALL_COST"):
        code = "campaign_error.NOT_COMPATIBLE_WITH_BIDDING_STRATEGY_TYPE"
        words = "The goal does not fit the bidding strategy."
        yield AdsError(code, words, "app_campaign_setting", "bidding_strategy_goal_type")


def _check_declarations(draft: Draft) -> Iterator[AdsError]:
    """One undeclared campaign blocks the campaigns of the whole account."""
    if any(item.missing_eu_political_advertising_declaration for item in draft.living("campaign")):
        yield AdsError(
            "mutate_error.EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED",
            "A campaign of this account lacks its declaration on EU political advertising.",
        )


def check_new_criterion(draft: Draft, criterion: Message) -> Iterator[AdsError]:
    campaign = draft.get(criterion.campaign, "campaign")
    if campaign is None or is_removed(campaign):
        yield not_found("campaign")
    check = _CRITERIA.get(criterion.WhichOneof("criterion") or "")
    if check is None:
        code = "campaign_criterion_error.CONCRETE_TYPE_REQUIRED"
        yield AdsError(code, "Concrete type of criterion is required.")
        return
    if not criterion.status:
        set_enum(criterion, "status", "ENABLED")
    yield from check(criterion)


def _check_language(criterion: Message) -> Iterator[AdsError]:
    number = criterion.language.language_constant.removeprefix("languageConstants/")
    if not number.isdigit() or int(number) not in _LANGUAGE_IDS or criterion.negative:
        code = "criterion_error.CANNOT_TARGET_LANGUAGE"
        yield AdsError(code, "The language cannot be targeted.", "language", "language_constant")
    set_enum(criterion, "type_", "LANGUAGE")


def _check_negative_keyword(criterion: Message) -> Iterator[AdsError]:
    if not criterion.negative:
        code = "campaign_criterion_error.CANNOT_TARGET_CRITERION"
        yield AdsError(code, "A campaign's keywords are negative ones.", "keyword")
    yield from check_keyword(criterion)
    set_enum(criterion, "type_", "KEYWORD")


def _check_location(criterion: Message) -> Iterator[AdsError]:
    place = criterion.location.geo_target_constant.removeprefix("geoTargetConstants/")
    number = int(place) if place.isdigit() else 0
    is_country = number in _COUNTRY_IDS and number - 2000 not in UNKNOWN_PLACES
    is_known = is_country or any(number in ids for ids in _PLACE_IDS)
    if not is_known:
        code = "criterion_error.CANNOT_TARGET_CRITERION"
        yield AdsError(code, "This location cannot be targeted.", "location", "geo_target_constant")
    set_enum(criterion, "type_", "LOCATION")


_CRITERIA = {
    "location": _check_location,
    "language": _check_language,
    "keyword": _check_negative_keyword,
}


def check_removal(draft: Draft, message: Message) -> Iterator[AdsError]:
    if message.DESCRIPTOR.name == "CampaignBudget":
        if _uses(draft, message):
            code = "campaign_budget_error.CAMPAIGN_BUDGET_IN_USE"
            yield AdsError(code, "The campaign budget is in use.")
        return
    yield from _check_declarations(draft)


def keep_budget_in_step(draft: Draft, campaign: Message) -> None:
    """A budget that is not shared goes with its campaign."""
    budget = draft.store.resources[campaign.campaign_budget]
    if not budget.explicitly_shared:
        gone = type(budget)()
        gone.CopyFrom(budget)
        set_enum(gone, "status", "REMOVED")
        draft.store.resources[gone.resource_name] = gone
