"""From a request and an account to the exact objects to create. Pure: no I/O, no clock."""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal
from itertools import product

from campaign_automation.models import (
    AdAccount,
    AdPlan,
    AdSetPlan,
    CampaignPlan,
    CreateCampaign,
    CreativePlan,
    Level,
    Targeting,
)
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.money import Money, split_evenly

MAX_ADSETS = 200
MAX_ADS = 1000


def plan_campaign(spec: CreateCampaign, account: AdAccount, campaign_id: str) -> CampaignPlan:
    """One ad set per cell with an equal share of the budget, one ad per creative and ad set.

    The shares sum to `daily_budget` exactly in the platform's smallest unit. Raises InvalidRequestError for
    a budget that is no multiple of it or leaves a cell under the platform's minimum.
    """
    cells = plan_cells(spec)
    creative_ids = creative_ids_of(spec)
    _check_size(len(cells), len(creative_ids))
    name = (
        spec.name or f"{spec.objective.replace('_', ' ').capitalize()} {'+'.join(spec.target_countries[:5])}"
    )
    budgets = _split_budget(Money(spec.daily_budget, account.currency), len(cells), account)
    adsets = [
        AdSetPlan(
            tag=(tag := _tag(campaign_id, Level.ADSET, index)),
            name=f"{name} | {_cell_name(cell)} {tag}",
            daily_budget=budget,
            targeting=cell,
        )
        for index, (cell, budget) in enumerate(zip(cells, budgets, strict=True))
    ]
    return CampaignPlan(
        tag=(tag := _tag(campaign_id, Level.CAMPAIGN, 0)),
        name=f"{name} {tag}",
        objective=spec.objective,
        adsets=adsets,
        creatives=_plan_creatives(campaign_id, name, creative_ids),
        ads=_plan_ads(campaign_id, name, adsets, creative_ids),
        audience=spec.audience,
        special_ad_categories=[item for item in spec.special_ad_categories or [] if item != "NONE"],
        dsa=spec.dsa,
        eu_political_advertising=spec.eu_political_advertising,
    )


def creative_ids_of(spec: CreateCampaign) -> list[str]:
    return spec.creative_ids or [item.creative_id for item in spec.creatives or []]


def plan_cells(spec: CreateCampaign) -> list[Targeting]:
    """The targeting of each ad set, in the order of the request."""
    countries, ages = spec.target_countries, spec.age_groups
    if spec.split_by == "age":
        return [Targeting(age_min=low, age_max=high, countries=countries) for low, high in ages]
    if spec.split_by == "country":
        low, high = _whole_age_span(ages)
        return [Targeting(age_min=low, age_max=high, countries=[country]) for country in countries]
    return [
        Targeting(age_min=low, age_max=high, countries=[country])
        for country, (low, high) in product(countries, ages)
    ]


def _whole_age_span(ages: list[tuple[int, int]]) -> tuple[int, int]:
    """Without a split by age an ad set takes one range, which must not reach anybody left out."""
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
            f"daily_budget: {total} over {parts} ad sets leaves {least.amount} each; the platform's minimum"
            f" is {minimum} per ad set, so at least {needed}",
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


def _plan_ads(campaign_id: str, name: str, adsets: list[AdSetPlan], creative_ids: list[str]) -> list[AdPlan]:
    return [
        AdPlan(
            tag=(tag := _tag(campaign_id, Level.AD, index)),
            name=f"{name} | {_cell_name(adset.targeting)} | creative {creative_id} {tag}",
            adset_tag=adset.tag,
            creative_id=creative_id,
        )
        for index, (adset, creative_id) in enumerate(product(adsets, creative_ids))
    ]


def _cell_name(cell: Targeting) -> str:
    countries = "+".join(cell.countries[:5]) + ("..." if len(cell.countries) > 5 else "")
    return f"{countries} {cell.age_min}-{cell.age_max}"


def _tag(campaign_id: str, level: Level, index: int) -> str:
    """The same object of the same campaign always has the same tag: look-ups find it by its name."""
    digest = hashlib.sha256(f"{campaign_id}|{level}|{index}".encode()).digest()
    return "ca-" + base64.b32encode(digest).decode()[:10].lower()
