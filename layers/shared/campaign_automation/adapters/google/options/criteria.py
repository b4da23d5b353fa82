"""A campaign's budget and criteria as Google stored them, read or echoed by the answer of a create."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.messages import enum_name
from campaign_automation.adapters.google.options import targeting
from campaign_automation.adapters.google.options.others import (
    adjustment_of,
    is_observed,
    kind_of,
    limit_of,
)
from campaign_automation.adapters.google.requests import reached_ages
from campaign_automation.models.common import AgeGroup, Gender

Row = Any  # a raw GoogleAdsRow


class Stored(NamedTuple):
    """A campaign's budget and criteria as Google stored them.

    `ages`, the genders that are left, what else narrows or adjusts, and the criteria of keywords are by ad
    group id; `limits` and `adjusted` are the campaign's, for all of its ad groups.
    """

    daily_budget: Decimal
    countries: list[str]  # and other kinds of places, in words
    ages: Mapping[str, AgeGroup]
    narrowed: Mapping[str, list[str]] = MappingProxyType({})
    languages: Sequence[str] = ()
    genders: Mapping[str, list[Gender]] = MappingProxyType({})
    places: Sequence[str] = ()  # regions and cities by Google's keys
    excluded_countries: Sequence[str] = ()
    audiences: Mapping[str, list[str]] = MappingProxyType({})
    excluded_audiences: Mapping[str, list[str]] = MappingProxyType({})
    keywords: Mapping[str, Sequence[Row]] | None = None
    negative_keywords: Sequence[Row] | None = None
    limits: Sequence[str] = ()
    adjusted: Sequence[str] = ()
    adjusted_groups: Mapping[str, list[str]] = MappingProxyType({})
    is_whole: bool = True  # False where the criteria were not read

    @classmethod
    def without_criteria(cls, daily_budget: Decimal) -> Stored:
        return cls(daily_budget, [], {}, is_whole=False)

    def keywords_of(self, group_id: str) -> Sequence[Row] | None:
        """Return the keywords of one ad group; None where they were not read."""
        return None if self.keywords is None else self.keywords.get(group_id, ())

    def more_of(self, group_id: str) -> list[str]:
        """Return the kinds of criteria, unknown to creations, that limit an ad group."""
        return _once([*self.limits, *self.narrowed.get(group_id, ())])

    def beside(self, group_id: str) -> list[str]:
        """Return what criteria do to an ad group without limiting whom it reaches."""
        return _once([*self.adjusted, *self.adjusted_groups.get(group_id, ())])


def stored_of(daily_budget: Decimal, places: Iterable[Row], people: Iterable[Row]) -> Stored:
    """Return what the rows of a campaign's criteria and of its ad groups' tell."""
    places, people = _distinct(places), _distinct(people)
    criteria = [row.campaign_criterion for row in places]
    languages = [item for item in criteria if kind_of(item) == "LANGUAGE"]
    words = [_place_of(item) for item in criteria if kind_of(item) in _PLACES]
    excluded = [word for word in words if word.startswith(_WITHOUT) and word[-2:] in facts.GEO_TARGETS]
    keys = [word for word in words if word.isdigit()]
    return Stored(
        daily_budget,
        [word for word in words if word not in excluded and word not in keys],
        ages_of(people),
        narrowed(people),
        languages=[targeting.language_of(item) for item in languages],
        genders=genders_of(people),
        places=keys,
        excluded_countries=[word.removeprefix(_WITHOUT) for word in excluded],
        audiences=audiences_of(people, negative=False),
        excluded_audiences=audiences_of(people, negative=True),
        keywords=keywords_of(people),
        negative_keywords=[item for item in criteria if kind_of(item) == "KEYWORD"],
        limits=[word for row in places for word in _limit(*_of_campaign(row))],
        adjusted=[word for row in places for word in _adjustment(*_of_campaign(row))],
        adjusted_groups=_by_group(people, _adjustment_of_group),
    )


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """Return the rows without those that are told again."""
    return list({row.SerializeToString(deterministic=True): row for row in rows}.values())


def keywords_of(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Criteria of keywords by ad group."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        criterion = row.ad_group_criterion
        if kind_of(criterion) == "KEYWORD" and not criterion.negative:
            found[str(row.ad_group.id)].append(criterion)
    return found


_WITHOUT = "without "
_PLACES = ("LOCATION", "PROXIMITY", "LOCATION_GROUP")
# The kinds that are read in full, so that what they limit is known.
_READ_OF_CAMPAIGNS = (*_PLACES, "LANGUAGE", "KEYWORD")
_READ_OF_GROUPS = ("AGE_RANGE", "GENDER", "USER_LIST", "KEYWORD")


def audiences_of(rows: Iterable[Row], *, negative: bool) -> dict[str, list[str]]:
    """Lists of people by ad group, those to reach or those to leave out."""
    found: dict[str, list[str]] = {}
    for row in rows:
        criterion = row.ad_group_criterion
        is_asked = kind_of(criterion) == "USER_LIST" and criterion.negative == negative
        if is_asked and not is_observed(criterion, row.ad_group.targeting_setting):
            audience = str(criterion.user_list.user_list.rpartition("/")[2])
            found.setdefault(str(row.ad_group.id), []).append(audience)
    return found


def ages_of(rows: Iterable[Row]) -> dict[str, AgeGroup]:
    """Ages by ad group, from rows of excluded ages; ad groups that exclude none are left out."""
    excluded: dict[str, list[str]] = {}
    for row in rows:
        if row.ad_group_criterion.negative and kind_of(row.ad_group_criterion) == "AGE_RANGE":
            bucket = enum_name(row.ad_group_criterion.age_range, "type_")
            excluded.setdefault(str(row.ad_group.id), []).append(bucket)
    return {group_id: reached_ages(buckets) for group_id, buckets in excluded.items()}


def genders_of(rows: Iterable[Row]) -> dict[str, list[Gender]]:
    """The genders that are left by ad group, where some are excluded."""
    excluded: dict[str, list[str]] = {}
    for row in rows:
        if row.ad_group_criterion.negative and kind_of(row.ad_group_criterion) == "GENDER":
            word = targeting.excluded_gender_of(row.ad_group_criterion)
            excluded.setdefault(str(row.ad_group.id), []).append(word)
    return {group_id: targeting.reached_genders(words) for group_id, words in excluded.items()}


def narrowed(rows: Iterable[Row]) -> dict[str, list[str]]:
    """The kinds of criteria that limit an ad group, beside those that are read in full, by ad group."""
    return _by_group(rows, lambda row: _limit(*_of_group(row)))


def _by_group(rows: Iterable[Row], read: Callable[[Row], Iterable[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for word in read(row):
            found[str(row.ad_group.id)].append(word)
    return {group_id: _once(words) for group_id, words in found.items()}


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _of_campaign(row: Row) -> tuple[Any, Any, tuple[str, ...]]:
    return row.campaign_criterion, row.campaign.targeting_setting, _READ_OF_CAMPAIGNS


def _of_group(row: Row) -> tuple[Any, Any, tuple[str, ...]]:
    return row.ad_group_criterion, row.ad_group.targeting_setting, _READ_OF_GROUPS


def _limit(criterion: Any, setting: Any, read: tuple[str, ...]) -> Iterator[str]:
    word = None if kind_of(criterion) in read else limit_of(criterion, setting)
    yield from [word] if word else []


def _adjustment(criterion: Any, setting: Any, read: tuple[str, ...]) -> Iterator[str]:
    if any(_limit(criterion, setting, read)):
        return
    word = adjustment_of(criterion, setting)
    yield from [word] if word else []


def _adjustment_of_group(row: Row) -> Iterator[str]:
    # It keeps ads from some searches, as the campaign's own negative keywords do, and from no people.
    if kind_of(row.ad_group_criterion) == "KEYWORD" and row.ad_group_criterion.negative:
        yield "negative keywords"
    yield from _adjustment(*_of_group(row))


def _place_of(criterion: Any) -> str:
    """Return the country code or the key of a location, every other place and each left out one in words."""
    kind = kind_of(criterion)
    (place,) = countries_of([criterion.location.geo_target_constant])
    place = place.removeprefix("geoTargetConstants/")
    if criterion.negative:
        return f"{_WITHOUT}{place or kind.lower()}"
    return place if kind == "LOCATION" and place else kind.lower()


def countries_of(constants: Iterable[str]) -> list[str]:
    """Country codes of geo target constants; a constant that is no known country stays as it is."""
    return [facts.COUNTRY_OF_GEO_TARGET.get(constant, constant) for constant in constants]


def echoed_campaign(response: Any) -> tuple[Decimal, list[str]] | None:
    """Budget and countries as stored, from the answer of a create; None when they are incomplete in it, or
    when the campaign has other criteria, which are then read."""
    answers = response.mutate_operation_responses
    budgets = [item.campaign_budget_result.campaign_budget.amount_micros for item in answers]
    criteria = [
        item.campaign_criterion_result.campaign_criterion
        for item in answers
        if item.WhichOneof("response") == "campaign_criterion_result"
    ]
    places = [item.location.geo_target_constant for item in criteria if not item.negative]
    budget = next((amount for amount in budgets if amount > 0), None)
    is_whole = len(places) == len(criteria) and all(place in facts.COUNTRY_OF_GEO_TARGET for place in places)
    if budget is None or not places or not is_whole:
        return None
    return facts.from_micros(budget), countries_of(places)


def echoed_ages(response: Any, group_ids: Sequence[str]) -> dict[str, AgeGroup] | None:
    """Ages by new ad group as stored, from the answer of a create; None when incomplete in it."""
    excluded: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    for answer in response.mutate_operation_responses:
        if answer.WhichOneof("response") != "ad_group_criterion_result":
            continue
        criterion = answer.ad_group_criterion_result.ad_group_criterion
        group_id = criterion.ad_group.rpartition("/")[2]
        bucket = enum_name(criterion.age_range, "type_")
        if group_id not in excluded or not criterion.negative or bucket == "UNSPECIFIED":
            return None
        excluded[group_id].append(bucket)
    return {group_id: reached_ages(buckets) for group_id, buckets in excluded.items()}
