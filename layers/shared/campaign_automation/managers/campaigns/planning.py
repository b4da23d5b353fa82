"""The plan of a campaign: from a request and an account to the exact objects to create. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations, product
from typing import Any

from campaign_automation.managers.campaigns import wording
from campaign_automation.models.ab_tests import AbTestTerms
from campaign_automation.models.campaign import Creation
from campaign_automation.models.campaigns import (
    AdPlan,
    AdSetPlan,
    CampaignPlan,
    CreateCampaign,
    Creative,
    CreativePlan,
)
from campaign_automation.models.common import AdAccount, AgeGroup, Level, Targeting
from campaign_automation.models.creation.options import Keyword
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.languages.plurals import counted
from campaign_automation.utils.money import Money, split_evenly

# A day after our own schedule, so that a dead deployment stops spending too.
PLATFORM_END_AFTER = timedelta(days=1)
MAX_ADSETS = 200
MAX_ADS = 1000

_TAG = re.compile("ca-[a-z2-7]{10}")


def plan_campaign(spec: CreateCampaign, account: AdAccount, campaign_id: str) -> CampaignPlan:
    """Plan one ad set per cell with an equal share of the budget, and one ad per creative and ad set.

    The shares sum to `daily_budget` exactly in the platform's smallest unit. Raises InvalidRequestError for
    a budget that is no multiple of it or leaves a cell under the platform's minimum.
    """
    cells = plan_cells(spec)
    creative_ids = creative_ids_of(spec)
    _check_size(len(cells), len(creative_ids))
    budgets = _split_budget(Money(spec.daily_budget, account.currency), len(cells), account)
    adsets = [
        _plan_adset(campaign_id, spec, index, _cell_name(cell), cell, budget)
        for index, (cell, budget) in enumerate(zip(cells, budgets, strict=True))
    ]
    return _plan(spec, campaign_id, adsets, list(product(adsets, creative_ids)))


def plan_test(spec: CreateCampaign, account: AdAccount, campaign_id: str) -> CampaignPlan:
    """Plan one ad set per creative, which shows it alone, with the same people and the same budget each.

    Raises InvalidRequestError for a budget that does not divide equally or is under the platform's minimum,
    naming those that would do.
    """
    creative_ids = creative_ids_of(spec)
    total = Money(spec.daily_budget, account.currency)
    budgets = _split_budget(total, len(creative_ids), account)
    # A variant with more money would win for it, so that shares must not differ by even one unit.
    if len(set(budgets)) > 1:
        raise _unequal(total, len(creative_ids), account)
    everybody = _cell(spec, spec.age_groups[0], spec.target_countries)
    adsets = [
        _plan_adset(campaign_id, spec, index, f"creative {creative_id}", everybody, budget)
        for index, (creative_id, budget) in enumerate(zip(creative_ids, budgets, strict=True))
    ]
    return _plan(spec, campaign_id, adsets, list(zip(adsets, creative_ids, strict=True)))


def overlap_warnings(spec: CreateCampaign) -> list[str]:
    """Return a warning for each two age groups whose ad sets reach the same people."""
    groups = spec.age_groups if "age" in spec.split_by else []
    return [
        wording.overlap_warning(first, second)
        for first, second in combinations(groups, 2)
        if max(first[0], second[0]) <= min(first[1], second[1])
    ]


def with_keywords(
    plan: CampaignPlan, creatives: Sequence[Creative], of: Callable[[Sequence[Creative]], list[Keyword]]
) -> CampaignPlan:
    """Return the plan with the keywords that the creatives of each ad set give, where none were asked."""
    known = {creative.creative_id: creative for creative in creatives}
    shown = {
        adset.tag: [known[ad.creative_id] for ad in plan.ads if ad.adset_tag == adset.tag]
        for adset in plan.adsets
    }
    adsets = [
        adset if adset.keywords else adset.model_copy(update={"keywords": of(shown[adset.tag])})
        for adset in plan.adsets
    ]
    return plan.model_copy(update={"adsets": adsets})


def with_defaults(spec: CreateCampaign, defaults: Mapping[str, Any]) -> CreateCampaign:
    """Return the request with the deployment's own declarations where it makes none."""
    missing = {
        name: value for name, value in defaults.items() if getattr(spec, name) is None and value is not None
    }
    return spec.model_copy(update=missing)


def request_warnings(spec: CreateCampaign, language: str) -> list[str]:
    """Return warnings of what the request means otherwise than it may seem; `language` is the caller's."""
    warnings = []
    if language != "en" and spec.copy_language is None:
        warnings.append(wording.LANGUAGE_IS_THE_COPYS)
    warnings += [
        wording.unused_target_warning(target, spec.bid_strategy)
        for target in ("target_roas", "target_cpa")
        if getattr(spec, target) is not None and target != spec.bid_strategy
    ]
    return warnings


def added_tag(campaign_id: str, level: Level, *parts: str) -> str:
    """Return the tag of an object that is added later, the same for the same `parts`."""
    return _tag(campaign_id, level, "|".join(parts))


def split_tag(campaign_id: str) -> str:
    """Return the tag of the platform's own split test over a campaign's ad sets."""
    return _tag(campaign_id, Level.SPLIT, 0)


def _plan(
    spec: CreateCampaign, campaign_id: str, adsets: list[AdSetPlan], pairs: list[tuple[AdSetPlan, str]]
) -> CampaignPlan:
    """Return the campaign over `adsets`, with an ad for each pair of an ad set and a creative."""
    name = _campaign_name(spec)
    return CampaignPlan(
        tag=(tag := _tag(campaign_id, Level.CAMPAIGN, 0)),
        name=f"{name} {tag}",
        objective=spec.objective,
        adsets=adsets,
        creatives=_plan_creatives(campaign_id, name, creative_ids_of(spec)),
        ads=_plan_ads(campaign_id, name, pairs),
        audience=spec.audience,
        special_ad_categories=[item for item in spec.special_ad_categories or [] if item != "NONE"],
        dsa=spec.dsa,
        eu_political_advertising=spec.eu_political_advertising,
        starts_at=spec.start_time,
        call_to_action=spec.call_to_action,
        negative_keywords=spec.negative_keywords,
        tracking=spec.tracking,
    )


def _plan_adset(
    campaign_id: str, spec: CreateCampaign, index: int, label: str, cell: Targeting, budget: Decimal
) -> AdSetPlan:
    tag = _tag(campaign_id, Level.ADSET, index)
    # The tag ends every name: after an unknown outcome the object is found by it.
    name = f"{_campaign_name(spec)} | {label} {tag}"
    return AdSetPlan(
        tag=tag,
        name=name,
        daily_budget=budget,
        targeting=cell,
        placements=spec.placements,
        keywords=spec.keywords,
        bid_strategy=spec.bid_strategy,
        bid_target=None if spec.bid_strategy == "lowest_cost" else getattr(spec, spec.bid_strategy),
    )


def _campaign_name(spec: CreateCampaign) -> str:
    return (
        spec.name or f"{spec.objective.replace('_', ' ').capitalize()} {'+'.join(spec.target_countries[:5])}"
    )


def _unequal(total: Money, parts: int, account: AdAccount) -> InvalidRequestError:
    """Return the error of a budget that does not divide equally, with the nearest amounts that do."""
    grid = account.budget_step * parts
    below = total.amount // grid * grid
    near = [amount for amount in (below, below + grid) if amount >= account.min_daily_budget * parts]
    return InvalidRequestError(
        f"daily_budget: {total} does not divide into {parts} equal budgets;"
        f" {' or '.join(str(Money(amount, total.currency)) for amount in near)} would",
        field="daily_budget",
        allowed=[float(amount) for amount in near],
        currency=total.currency,
    )


def creative_ids_of(spec: CreateCampaign) -> list[str]:
    return spec.creative_ids or [item.creative_id for item in spec.creatives or []]


def plan_cells(spec: CreateCampaign) -> list[Targeting]:
    """Return the targeting of each ad set, in the order of the request."""
    countries, ages = spec.target_countries, spec.age_groups
    if spec.split_by == "age":
        return [_cell(spec, group, countries) for group in ages]
    if spec.split_by == "country":
        everybody = _whole_age_span(ages)
        return [_cell(spec, everybody, [country]) for country in countries]
    return [_cell(spec, group, [country]) for country, group in product(countries, ages)]


def _cell(spec: CreateCampaign, ages: AgeGroup, countries: list[str]) -> Targeting:
    """Return the people of one ad set: of these ages and countries, else as the request asks for all."""
    return Targeting(
        age_min=ages[0],
        age_max=ages[1],
        countries=countries,
        genders=spec.genders if len(spec.genders) == 1 else [],  # both are everybody
        languages=spec.languages,
        excluded_countries=spec.excluded_countries,
        regions=spec.regions,
        cities=spec.cities,
        audiences=spec.audiences,
        excluded_audiences=spec.excluded_audiences,
    )


def _whole_age_span(ages: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the one range that covers all age groups; InvalidRequestError where they leave a gap."""
    # Without a split by age an ad set takes one range, which must not reach anybody left out.
    ordered = sorted(ages)
    reach = ordered[0][1]
    for low, high in ordered[1:]:
        if low > reach + 1:
            raise InvalidRequestError(
                "age_groups: with split_by country the groups must join without gaps,"
                f" but nobody from {reach + 1} to {low - 1} is in one",
                field="age_groups",
            )
        reach = max(reach, high)
    return ordered[0][0], reach


def _split_budget(total: Money, parts: int, account: AdAccount) -> list[Decimal]:
    minimum, step = (
        Money(amount, total.currency) for amount in (account.min_daily_budget, account.budget_step)
    )
    try:
        shares = split_evenly(total, parts, step.amount)
    except ValueError:
        raise InvalidRequestError(
            f"daily_budget: {total} is finer than the platform's smallest amount of {step}",
            field="daily_budget",
            allowed=f"multiples of {step.amount}",
        ) from None
    least = min(shares)
    if least < minimum:
        needed = Money(minimum.amount * parts, total.currency)
        raise InvalidRequestError(
            f"daily_budget: {total} over {counted(parts, 'ad set')} leaves {least} each; the platform's"
            f" minimum is {minimum} per ad set, so give at least {needed}",
            field="daily_budget",
            allowed=f">= {needed.amount}",
            minimum=str(minimum.amount),
            currency=total.currency,
        )
    return [share.amount for share in shares]


def _check_size(adsets: int, creatives: int) -> None:
    if adsets > MAX_ADSETS:
        raise InvalidRequestError(
            f"target_countries: {adsets} ad sets are more than the {MAX_ADSETS} a campaign can hold",
            field="target_countries",
        )
    if adsets * creatives > MAX_ADS:
        raise InvalidRequestError(
            f"creative_ids: {adsets} ad sets x {creatives} creatives are {adsets * creatives} ads,"
            f" more than the {MAX_ADS} that one request may create",
            field="creative_ids",
        )


def _plan_creatives(campaign_id: str, name: str, creative_ids: list[str]) -> list[CreativePlan]:
    return [
        CreativePlan(
            tag=(tag := _tag(campaign_id, Level.CREATIVE, index)),
            name=f"{name} | creative {creative_id} {tag}",
            creative_id=creative_id,
        )
        for index, creative_id in enumerate(creative_ids)
    ]


def _plan_ads(campaign_id: str, name: str, pairs: list[tuple[AdSetPlan, str]]) -> list[AdPlan]:
    return [
        AdPlan(
            tag=(tag := _tag(campaign_id, Level.AD, index)),
            name=f"{name} | {_cell_name(adset.targeting)} | creative {creative_id} {tag}",
            adset_tag=adset.tag,
            creative_id=creative_id,
        )
        for index, (adset, creative_id) in enumerate(pairs)
    ]


def _cell_name(cell: Targeting) -> str:
    countries = "+".join(cell.countries[:5]) + ("..." if len(cell.countries) > 5 else "")
    return f"{countries} {cell.age_min}-{cell.age_max}"


def _tag(campaign_id: str, level: Level, index: int | str) -> str:
    """Return the tag of an object, always the same for the same object of the same campaign."""
    digest = hashlib.sha256(f"{campaign_id}|{level}|{index}".encode()).digest()
    return "ca-" + base64.b32encode(digest).decode()[:10].lower()


def is_tag(text: str) -> bool:
    """Return whether a text has the form of our tags."""
    return _TAG.fullmatch(text) is not None


def platform_end(creation: Creation) -> datetime | None:
    """Return the time at which the platform itself stops it: the asked one, of a test a day after its end."""
    if creation.test:
        return test_end(creation.created_at, creation.test) + PLATFORM_END_AFTER
    return creation.spec.end_time


def test_end(created_at: int, test: AbTestTerms) -> datetime:
    """Return the end of a test that was created at `created_at` (epoch milliseconds)."""
    return clock.at_ms(created_at) + timedelta(days=test.test_duration_days)
