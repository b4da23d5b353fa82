"""Google's answers in our shapes: nodes of the tree, rows of reports, values stored by a create."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.protobuf.message import DecodeError

from campaign_automation.adapters.base import BudgetOutcome, DailyInsight, Outcome, failed
from campaign_automation.adapters.common import refusals
from campaign_automation.adapters.common.listings import found_campaign
from campaign_automation.adapters.common.options.rules import parameters_of
from campaign_automation.adapters.common.outcomes import left_open
from campaign_automation.adapters.common.reading import (
    Readers,
    count_of,
    figure_of,
    id_of,
    node_of,
    read_fields,
    text_of,
)
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.errors import translate
from campaign_automation.adapters.google.facts import PLATFORM
from campaign_automation.adapters.google.messages import enum_name
from campaign_automation.adapters.google.options import bidding
from campaign_automation.adapters.google.options.criteria import Stored
from campaign_automation.adapters.google.options.keywords import keyword_of
from campaign_automation.adapters.google.options.rules import GOOGLE_SEARCH, SEARCH_PARTNERS
from campaign_automation.adapters.google.options.texts import lines_shown
from campaign_automation.adapters.google.queries import KINDS
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.common import Level, Objective, StoredTargeting
from campaign_automation.models.creation.options import Keyword
from campaign_automation.models.creation.settings import Setting, field_of
from campaign_automation.utils.error_handler import (
    PlatformError,
    PlatformRejectedError,
    PlatformUnavailableError,
)

Row = Any  # a raw GoogleAdsRow
_STATUS = {"ENABLED": "active", "PAUSED": "paused", "REMOVED": "deleted"}
# Reasons that only repeat a status; everything else is worth telling.
_NO_ISSUE = ("_PAUSED", "_REMOVED", "_LEARNING", "_UNDER_REVIEW", "UNKNOWN", "UNSPECIFIED")


def _issues(message: Any) -> list[str]:
    return [reason for reason in _reasons(message) if not reason.endswith(_NO_ISSUE)]


def _reasons(message: Any) -> Iterator[str]:
    field = message.DESCRIPTOR.fields_by_name["primary_status_reasons"]
    for number in message.primary_status_reasons:
        value = field.enum_type.values_by_number.get(number)
        yield value.name if value else "UNKNOWN"


def campaign_node(row: Row, stored: Stored) -> CampaignNode:
    campaign = row.campaign
    return node_of(CampaignNode, read_fields(id_of(campaign.id), _CAMPAIGN, campaign, row, stored))


def budget_of(row: Row) -> Decimal:
    return facts.from_micros(row.campaign_budget.amount_micros)


def found(row: Row) -> FoundCampaign:
    """A campaign of the account's list."""
    node = campaign_node(row, Stored.without_criteria(budget_of(row)))
    channel = enum_name(row.campaign, "advertising_channel_type")
    bidding = enum_name(row.campaign, "bidding_strategy_type").lower()
    goals = (name for name, goal in facts.GOALS.items() if goal == (channel, bidding))
    return found_campaign(node, next(goals, None))


def goal_of(row: Row, objective: Objective) -> facts.Goal:
    """Return the objective's channel and bidding; of a campaign of another channel its own."""
    goal, channel = facts.GOALS[objective], enum_name(row.campaign, "advertising_channel_type")
    own = enum_name(row.campaign, "bidding_strategy_type").lower()
    return goal if goal.channel == channel else facts.Goal(channel, own)


def has_setting(row: Row, setting: Setting) -> bool:
    node = campaign_node(row, Stored.without_criteria(budget_of(row)))
    return node.setting(field_of(setting)) == setting.text


def is_removed(row: Row) -> bool:
    return enum_name(row.campaign, "status") == "REMOVED"


def _positive(budget: Decimal) -> Decimal:
    if budget <= 0:
        raise ValueError("no daily budget")
    return budget


def _keywords(criteria: Sequence[Row] | None) -> list[Keyword] | None:
    return None if criteria is None else [keyword_of(item) for item in criteria]


def _moment(row: Row, text: str) -> datetime | None:
    """The start or end, which Google gives in the account's time zone; None for one that is not set."""
    zone = ZoneInfo(row.customer.time_zone) if text else None
    return datetime.fromisoformat(text).replace(tzinfo=zone) if text else None


def gone(campaign_id: str) -> PlatformRejectedError:
    """The refusal (5000) of a campaign that is not shown, or removed and so cannot be changed."""
    return refusals.gone(PLATFORM, f"the campaign {campaign_id} does not exist, or cannot be seen")


def adset_node(row: Row, stored: Stored) -> AdSetNode:
    """Return an ad group; `daily_budget` stays None, since Google's budgets belong to campaigns."""
    group = row.ad_group
    return node_of(AdSetNode, read_fields(id_of(group.id), _ADSET, group, row.campaign, stored))


def _targeting(stored: Stored, group_id: str) -> StoredTargeting:
    low, high = stored.ages.get(group_id, facts.ALL_AGES)
    countries = [place for place in stored.countries if place in facts.GEO_TARGETS]
    odd = [f"location {place}" for place in stored.countries if place not in facts.GEO_TARGETS]
    return StoredTargeting(
        age_min=low,
        age_max=high,
        countries=countries,
        genders=stored.genders.get(group_id, []),
        languages=list(stored.languages),
        places=list(stored.places),
        excluded_countries=list(stored.excluded_countries),
        audiences=stored.audiences.get(group_id, []),
        excluded_audiences=stored.excluded_audiences.get(group_id, []),
        more=[*odd, *stored.more_of(group_id)],
        beside=stored.beside(group_id),
    )


def _in_learning(campaign: Any) -> bool | None:
    """Return whether the campaign's bidding still learns; None for a campaign that does not serve."""
    return {"LEARNING": True, "ELIGIBLE": False, "LIMITED": False}.get(enum_name(campaign, "primary_status"))


def _placements(campaign: Any) -> str:
    """Return whether the ads are kept to selected networks, which only search campaigns can be."""
    networks = campaign.network_settings
    is_search = enum_name(campaign, "advertising_channel_type") == facts.SEARCH
    has_all = networks.target_google_search and networks.target_search_network
    return "selected" if is_search and not has_all else "automatic"


def _placed(campaign: Any) -> list[str]:
    networks = campaign.network_settings
    chosen = {
        GOOGLE_SEARCH: networks.target_google_search,
        SEARCH_PARTNERS: networks.target_search_network,
    }
    return [name for name, is_on in chosen.items() if is_on]


def ad_node(row: Row) -> AdNode:
    """Return an ad under a name of ours: the ad group's with the ad's own tag."""
    # Google's search and app ads have no name.
    group, ad_group_ad = row.ad_group, row.ad_group_ad
    name = f"{group.name.rpartition(' ')[0]} {tag_of(row)}".strip()
    fields = read_fields(ad_id(row), _AD, ad_group_ad, group)
    topics = [f"policy: {entry.topic}" for entry in ad_group_ad.policy_summary.policy_topic_entries]
    fields["issues"] += topics
    return node_of(AdNode, {**fields, "name": name})


def ad_id(row: Row) -> str:
    """Return "<ad group>~<ad>", Google's id of an ad in its ad group."""
    return last_id(row.ad_group_ad.resource_name)


def last_id(resource_name: str) -> str:
    """Return the id at the end of a resource name. Raises ValueError for a name without one."""
    return id_of(resource_name.rpartition("/")[2])


def tag_of(row: Row) -> str:
    """Our tag of the ad; empty for an ad without one."""
    parameters = row.ad_group_ad.ad.url_custom_parameters
    return next((item.value for item in parameters if item.key == facts.TAG_PARAMETER), "")


def _first_description(ad: Any) -> str | None:
    lines = lines_shown(ad)
    return lines.descriptions[0] if lines and lines.descriptions else None


# Readers of the messages by the fields of nodes: of all, then of each level's, with what they are given.
_NODE: Readers = {
    "status": lambda message, *_: _STATUS[enum_name(message, "status")],
    "platform_status": lambda message, *_: enum_name(message, "primary_status"),
    "issues": lambda message, *_: _issues(message),
}
_CAMPAIGN: Readers = {
    **_NODE,
    "name": lambda campaign, *_: text_of(campaign.name),
    "daily_budget": lambda _, row, stored: None if _is_total(row) else _positive(stored.daily_budget),
    "fixed_budget": lambda _, row, __: _fixed_budget(row),
    "bid_strategy": lambda campaign, *_: bidding.strategy_of(campaign),
    "bid_target": lambda campaign, *_: bidding.target_of(campaign),
    "negative_keywords": lambda _, __, stored: _keywords(stored.negative_keywords),
    "ends_at": lambda campaign, row, _: _moment(row, campaign.end_date_time),
    "starts_at": lambda campaign, row, _: _moment(row, campaign.start_date_time),
}
_ADSET: Readers = {
    **_NODE,
    "name": lambda group, *_: text_of(group.name),
    "targeting": lambda group, _, stored: _targeting(stored, id_of(group.id)) if stored.is_whole else None,
    "placements": lambda _, campaign, __: _placements(campaign),
    "placed": lambda _, campaign, __: _placed(campaign),
    "keywords": lambda group, _, stored: _keywords(stored.keywords_of(id_of(group.id))),
    "bid_strategy": lambda _, campaign, __: bidding.strategy_of(campaign),
    "bid_target": lambda _, campaign, __: bidding.target_of(campaign),
    "in_learning": lambda _, campaign, __: _in_learning(campaign),
}
_AD: Readers = {
    **_NODE,
    "primary_text": lambda shown, _: _first_description(shown.ad),
    "url_parameters": lambda shown, _: parameters_of(shown.ad.final_url_suffix),
    "adset_id": lambda _, group: id_of(group.id),
    "lines": lambda shown, _: lines_shown(shown.ad),
}


def insight_of_row(row: Row, level: Level) -> DailyInsight:
    """Return one row of a report, money in the account's currency.

    Raises an error of UNREADABLE for a row of an unknown object or day: to leave it out would show a day
    without delivery.
    """
    # Conversions may be fractions: attribution divides one among several clicks.
    metrics, entity = row.metrics, getattr(row, KINDS[level])
    return DailyInsight(
        entity_id=last_id(entity.resource_name),
        campaign_id=id_of(row.campaign.id),
        adset_id=None if level is Level.CAMPAIGN else id_of(row.ad_group.id),
        day=date.fromisoformat(row.segments.date),
        spend=figure_of(facts.from_micros(metrics.cost_micros)),
        impressions=count_of(metrics.impressions),
        clicks=count_of(metrics.clicks),
        conversions=_six_places(metrics.conversions),
        revenue=_six_places(metrics.conversions_value),
    )


def _six_places(value: float) -> Decimal | None:
    figure = figure_of(value)
    return None if figure is None else round(figure, 6).normalize() + 0


# --- answers of a mutate -----------------------------------------------------------------------------------


def created_ids(response: Any, kind: str) -> list[str]:
    """The ids of the objects of `kind` (campaign, ad_group, ad_group_ad), in the order of the request."""
    names = [
        item.resource_name
        for answer in response.mutate_operation_responses
        if answer.WhichOneof("response") == f"{kind}_result"
        for item in (getattr(answer, f"{kind}_result"),)
    ]
    return [last_id(name) for name in names]


def made(tags: Sequence[str], ids: Sequence[str], request_id: str | None) -> list[Outcome]:
    """The outcomes of objects that one request made, all or none."""
    return [Outcome(tag, item, request_id=request_id) for tag, item in zip(tags, ids, strict=True)]


def outcomes_of(response: Any, ids: Sequence[str], request_id: str | None) -> list[Outcome]:
    """One outcome per id of a request with partial failure, whose operations were in the order of `ids`.

    Beside a failure, only an operation with a result of its own is known as done: Google gives each done one
    its result, and the failure may name others than those that it is about.
    """
    named, told = _failures(response, request_id, len(ids))
    outcomes = []
    for index, item in enumerate(ids):
        if index in named:
            outcomes.append(failed(item, named[index]))
        elif told is None or _has_result(response, index):
            outcomes.append(Outcome(item, item, request_id=request_id))
        else:
            outcomes.append(left_open(PLATFORM, item, told))
    return outcomes


def _has_result(response: Any, index: int) -> bool:
    results = response.mutate_operation_responses
    return index < len(results) and results[index].WhichOneof("response") is not None


def budget_refusals(rows: Iterable[Row], campaign_ids: Sequence[str]) -> dict[str, BudgetOutcome]:
    """Refusals by campaign whose budget cannot be set; `rows` hold the campaigns that exist."""
    reasons = {str(row.campaign.id): _budget_problem(row) for row in rows}
    errors = {item: reasons.get(item, gone(item)) for item in campaign_ids}
    return {item: BudgetOutcome(item, error=error) for item, error in errors.items() if error}


def _budget_problem(row: Row) -> PlatformRejectedError | None:
    if is_removed(row):
        return gone(str(row.campaign.id))
    problem = _fixed_budget(row)
    return refusals.fixed_budget(PLATFORM, problem) if problem else None


def _fixed_budget(row: Row) -> str | None:
    budget = row.campaign_budget
    problem = None
    if budget.explicitly_shared or budget.reference_count > 1:
        problem = "shares its budget with other campaigns"
    elif _is_total(row):
        problem = "has a total budget instead of a daily one"
    return problem and f"the campaign {row.campaign.id} {problem}: change it in Google Ads"


def _is_total(row: Row) -> bool:
    return enum_name(row.campaign_budget, "period") == "CUSTOM_PERIOD"


def _failures(
    response: Any, request_id: str | None, count: int
) -> tuple[dict[int, PlatformError], PlatformError | None]:
    """The failures by the operation that each names, and the one to tell of the operations without a result:
    that of all errors that name none, else any; None where nothing failed."""
    status = response.partial_failure_error
    by_index: dict[int | None, Any] = {}
    for error in _errors(status.details):
        index = _operation_index(error)
        key = index if index is not None and index < count else None
        by_index.setdefault(key, GoogleAdsFailure.pb(GoogleAdsFailure())).errors.append(error)
    unnamed = by_index.pop(None, None)
    named = {index: translate(group, request_id) for index, group in by_index.items() if index is not None}
    if unnamed is not None:
        return named, translate(unnamed, request_id)
    if not (status.code or status.details):
        return {}, None
    if named:
        return named, next(iter(named.values()))
    words = f"google: a part was refused: {status.message or 'no reason given'}"
    return {}, PlatformUnavailableError(words, platform=PLATFORM, platform_request_id=request_id)


def _errors(details: Iterable[Any]) -> Iterator[Any]:
    """The errors of those details that hold a failure; others may stand beside them."""
    for detail in details:
        try:
            yield from GoogleAdsFailure.pb(GoogleAdsFailure.deserialize(detail.value)).errors
        except DecodeError:
            continue


def _operation_index(error: Any) -> int | None:
    """The index of the operation that an error names; its path may be empty, or name a field alone."""
    for element in error.location.field_path_elements:
        if element.field_name in ("mutate_operations", "operations") and element.HasField("index"):
            return int(element.index)
    return None


def ids_with_status(rows: Iterable[Row], level: Level, status: str) -> set[str]:
    """Ids of the objects that have the status, one of ours."""
    kind = KINDS[level]
    return {
        str(getattr(row, kind).resource_name.rpartition("/")[2])
        for row in rows
        if _STATUS.get(enum_name(getattr(row, kind), "status")) == status
    }
