"""What may change under us: platform facts with their source and, where there is one, their last day.

45 days before the last day of a fact that nothing succeeds yet, a test fails and answers carry a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from campaign_automation.adapters.google import facts as google_facts
from campaign_automation.adapters.tiktok import facts as tiktok_facts

WARNING_DAYS = 45
_READ = date(2026, 11, 22)


class Fact(NamedTuple):
    """`sunset` is the last day on which the fact holds. With a `successor` the code takes that road by
    itself afterwards. `unverified` facts rest on third parties or on how long earlier versions lived."""

    platform: str
    what: str
    value: str
    source: str
    read_on: date = _READ
    sunset: date | None = None
    successor: str | None = None
    unverified: bool = False


FACTS = (
    # Marketing API v24.0 lived from 8 October 2025 to 6 October 2026.
    Fact(
        "meta",
        "Marketing API version",
        "v26.0",
        "Graph API changelog",
        sunset=date(2027, 7, 29),
        unverified=True,
    ),
    Fact("meta", "budget units", "integers, offset 100 or 1 by currency", "Currency Codes"),
    Fact("meta", "minimum budget", "read from the account (min_daily_budget)", "Minimum Budget"),
    Fact("meta", "objectives", "six OUTCOME_ objectives", "enums of the vendor's SDK"),
    Fact("meta", "ad sets per campaign", "200", "enums of the vendor's SDK", unverified=True),
    Fact("tiktok", "Business API version", "v1.3", "API for Business documentation"),
    Fact(
        "tiktok",
        "manual creation of sales, leads and app campaigns",
        "until the sunset, then Upgraded Smart+",
        "two third-party pages",
        sunset=tiktok_facts.MANUAL_CREATION_ENDS,
        successor="Upgraded Smart+",
        unverified=True,
    ),
    Fact(
        "tiktok",
        "minimum budgets",
        f"{tiktok_facts.CAMPAIGN_BASE} a campaign, {tiktok_facts.ADSET_BASE} an ad group, times a ratio",
        "Budget; Currency - Daily budget value range",
    ),
    Fact("tiktok", "ads per ad group", str(tiktok_facts.ADS_PER_ADSET), "the vendor's SDK"),
    Fact(
        "google",
        "API version",
        google_facts.API_VERSION,
        "Announcing v26 of the Google Ads API",
        sunset=google_facts.API_VERSION_ENDS,
        unverified=True,
    ),
    Fact(
        "google", "EU political advertising", "declared on every campaign", "Announcing v26; blog 26 Feb 2026"
    ),
    Fact(
        "google", "budget units", "micros, multiples of the currency's smallest unit", "campaign_budget proto"
    ),
    Fact("google", "Demand Gen minimum", "5 USD a day", "blog 27 Feb 2026"),
)


def ending(day: date, facts: Iterable[Fact] = FACTS) -> list[Fact]:
    """The facts that end within 45 days of `day`, or have ended."""
    limit = day + timedelta(days=WARNING_DAYS)
    return [fact for fact in facts if fact.sunset is not None and fact.sunset <= limit]


def sunset_warnings(platform: str, day: date) -> list[str]:
    """What an answer says on `day`. Facts with a successor are the adapter's to tell: they do not concern
    every request."""
    return [
        f"{platform}: {fact.what} {fact.value} may end on {fact.sunset}; an update of this module is due"
        for fact in ending(day)
        if fact.platform == platform and fact.successor is None
    ]
