"""The shapes of reports: figures of campaigns, ad sets or ads by day or in total, as platforms claim them.

A figure that is None is unknown, never 0; so is a ratio whose divisor is 0.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from campaign_automation.models.changes import CampaignId
from campaign_automation.models.common import Amount, Level, Model, Objective, Platform, unique

LONGEST_DAYS = 400  # of one report: a year, and a month to compare it with
MOST_CAMPAIGNS = 200  # named in one request
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _split(value: Any) -> Any:
    """Return the parts of a text such as "a,b", as a query carries several values."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _level(value: Any) -> Any:
    return "adset" if value == "ad_set" else value


def _date(value: Any) -> Any:
    # Of pydantic's conversions none is wanted here: "20261101" would be a number of seconds.
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("should be a date such as 2026-11-01")


Day = Annotated[date, BeforeValidator(_date)]
ReportLevel = Annotated[Literal[Level.CAMPAIGN, Level.ADSET, Level.AD], BeforeValidator(_level)]
Source = Literal["stored", "live"]


class DailyInsight(BaseModel, frozen=True):
    """The delivery of one object on one day of the account's time zone, as far as the platform knows by now.

    Conversions and revenue of recent days still grow. None is a figure that the platform did not give.
    """

    entity_id: str
    campaign_id: str
    adset_id: str | None  # None at campaign level
    day: date
    spend: Decimal | None
    impressions: int | None
    clicks: int | None
    conversions: Decimal | None
    revenue: Decimal | None


class GetReport(Model):
    """Parameters of get_report. `from` and `to` are days of each ad account's time zone, both included.

    `campaigns` are our ids or the platform's (over HTTP with commas between them); without them all campaigns
    are reported. Days that have not begun are left out.
    """

    from_: Annotated[Day, Field(alias="from")]
    to: Day
    level: ReportLevel = Level.CAMPAIGN
    by: Literal["day", "total"] = "day"
    campaigns: (
        Annotated[
            list[CampaignId],
            Field(min_length=1, max_length=MOST_CAMPAIGNS),
            AfterValidator(unique),
            BeforeValidator(_split),
        ]
        | None
    ) = None
    platforms: (
        Annotated[list[Platform], Field(min_length=1), AfterValidator(unique), BeforeValidator(_split)] | None
    ) = None
    format: Literal["json", "csv"] = "json"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        days = (self.to - self.from_).days + 1
        if days < 1:
            raise ValueError("to: is before from")
        if days > LONGEST_DAYS:
            raise ValueError(f"from: {days} days are more than {LONGEST_DAYS}; ask for a part of them")
        return self


class ReportFigures(Model):
    """Figures with their ratios. `ctr` and `conversion_rate` are percentages, `cpm` is of 1000 impressions.

    `conversions` and `revenue` are what the platform claims for itself, `first_party_revenue` is what the
    shop counted.
    """

    spend: Amount | None = None
    impressions: int | None = None
    clicks: int | None = None
    conversions: Amount | None = None
    revenue: Amount | None = None
    first_party_revenue: Amount | None = None
    ctr: Amount | None = None
    cpc: Amount | None = None
    cpm: Amount | None = None
    conversion_rate: Amount | None = None
    cpa: Amount | None = None
    roas: Amount | None = None
    first_party_roas: Amount | None = None


class ReportRow(ReportFigures):
    """One campaign, ad set or ad, on one day or in total. Ids of ad sets and ads are the platform's."""

    day: date | None = None
    campaign_id: str
    platform_campaign_id: str
    campaign_name: str
    objective: Objective
    adset_id: str | None = None
    ad_id: str | None = None
    name: str | None = None


class ReportReading(Model):
    """The days of a block that were read at one time, or from one source."""

    source: Source
    first_day: date
    last_day: date
    as_of: datetime


class ReportBlock(Model):
    """The figures of one ad account, in its currency and the days of its time zone.

    `as_of` is the oldest of its `readings`. With a `problem` the account could not be read: its figures are
    unknown, and so are the totals that they belong to.
    """

    platform: Platform
    ad_account_id: str
    platform_account_id: str
    currency: str
    time_zone: str
    first_day: date
    last_day: date
    as_of: datetime | None
    source: Literal["stored", "live", "mixed"] | None
    readings: list[ReportReading]
    total: ReportFigures
    rows: list[ReportRow]
    problem: str | None = None
    warnings: list[str] = []


class PlatformClaim(ReportFigures):
    """The sums of one platform's accounts in one currency, as it claims them."""

    platform: Platform


class CurrencyTotal(Model):
    """The sums over platforms in one currency; other currencies are never added to them.

    Each platform counts the conversions that it claims, so one purchase may be in the claims of several:
    `claimed_conversions` and `claimed_revenue` are sums of claims, and may be more than was sold.
    """

    currency: str
    spend: Amount | None
    impressions: int | None
    clicks: int | None
    claimed_conversions: Amount | None
    claimed_revenue: Amount | None
    first_party_revenue: Amount | None
    claimed_by: list[PlatformClaim]


class Report(Model):
    """The figures by ad account. With `format` csv they are in `csv` alone, a text of RFC 4180."""

    status: Literal["success"] = "success"
    level: ReportLevel
    by: Literal["day", "total"]
    first_day: date
    last_day: date
    blocks: list[ReportBlock]
    totals: list[CurrencyTotal]
    csv: str | None = None
    warnings: list[str] = []
    message: str


class MissingHistory(Model):
    """The days of an ad account that are being fetched from its platform."""

    platform: Platform
    ad_account_id: str
    first_day: date
    last_day: date


class ReportPending(Model):
    """A report whose history is being fetched; `status_url` answers it once it is there."""

    status: Literal["accepted"] = "accepted"
    status_url: str
    missing: list[MissingHistory]
    message: str


class CollectionJob(Model):
    """The history of one ad account that a report misses, at one level, for some of its campaigns."""

    tenant: str
    platform: Platform
    account: str
    level: ReportLevel
    campaign_ids: list[str]
    first_day: Day
    last_day: Day
