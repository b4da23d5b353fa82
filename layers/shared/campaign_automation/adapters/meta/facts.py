"""Facts of Meta's Marketing API v26.0, read November 2026. Unverified ones say so."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from campaign_automation.adapters.common import accounts
from campaign_automation.adapters.common.fact import Fact
from campaign_automation.adapters.limits.limit import CallLimit
from campaign_automation.models.common import Objective, SpendEnvelope

PLATFORM, NAME = "meta", "Meta"
Params = dict[str, Any]

# Budgets are integers in units of the currency divided by its offset. Not ISO 4217: HUF, TWD, IDR, COP and
# CRC have no smaller unit here. Source: developers.facebook.com "Currency Codes".
WHOLE_UNIT_CURRENCIES = frozenset("CLP COP CRC HUF ISK IDR JPY KRW PYG TWD VND".split())
CENT_CURRENCIES = frozenset(
    "AED ARS AUD BDT BOB BRL CAD CHF CNY CZK DKK DZD EGP EUR GBP GTQ HKD HNL ILS INR KES MOP MXN MYR"
    " NGN NIO NOK NZD PEN PHP PKR PLN QAR RON RUB SAR SEK SGD THB TRY UAH USD UYU ZAR".split()
)


def budget_step(currency: str) -> Decimal | None:
    """The smallest budget amount in the major unit; None for a currency Meta does not list."""
    return accounts.budget_step(currency, WHOLE_UNIT_CURRENCIES, CENT_CURRENCIES)


class Goal(NamedTuple):
    """Meta's form of one of our objectives. Source: enums of the SDK; platforms.md section 1.2."""

    objective: str
    optimization_goal: str
    promoted: str | None  # the kind of promoted_object that it needs
    event: str | None
    destination_type: str | None
    call_to_action: str
    result_actions: tuple[str, ...]  # overlapping action types: the first one present is the conversion


_PURCHASES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")
GOALS: dict[Objective, Goal] = {
    Objective.SALES: Goal(
        "OUTCOME_SALES", "OFFSITE_CONVERSIONS", "pixel", "PURCHASE", "WEBSITE", "SHOP_NOW", _PURCHASES
    ),
    Objective.TRAFFIC: Goal(
        "OUTCOME_TRAFFIC", "LINK_CLICKS", None, None, "WEBSITE", "LEARN_MORE", _PURCHASES
    ),
    # That REACH wants the page as promoted object is unverified.
    Objective.AWARENESS: Goal("OUTCOME_AWARENESS", "REACH", "page", None, None, "LEARN_MORE", _PURCHASES),
    Objective.LEADS: Goal(
        "OUTCOME_LEADS",
        "OFFSITE_CONVERSIONS",
        "pixel",
        "LEAD",
        "WEBSITE",
        "SIGN_UP",
        ("lead", "offsite_conversion.fb_pixel_lead"),
    ),
    Objective.ENGAGEMENT: Goal(
        "OUTCOME_ENGAGEMENT", "POST_ENGAGEMENT", "page", None, "ON_POST", "LEARN_MORE", ("post_engagement",)
    ),
    Objective.APP_PROMOTION: Goal(
        "OUTCOME_APP_PROMOTION",
        "APP_INSTALLS",
        "app",
        None,
        "APP",
        "INSTALL_MOBILE_APP",
        ("omni_app_install", "mobile_app_install"),
    ),
}

SPECIAL_AD_CATEGORIES = frozenset(
    {
        "CREDIT",
        "EMPLOYMENT",
        "FINANCIAL_PRODUCTS_SERVICES",
        "HOUSING",
        "ISSUES_ELECTIONS_POLITICS",
        "ONLINE_GAMBLING_AND_GAMING",
    }
)
# In these ages are locked to 18 to 65+ (unverified: from third-party clients).
AGE_LOCKED_CATEGORIES = frozenset({"CREDIT", "EMPLOYMENT", "FINANCIAL_PRODUCTS_SERVICES", "HOUSING"})

# Ads shown in the EU must say who benefits and who pays. Source: developers.facebook.com blog "DSA".
EU_COUNTRIES = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)

# Under embargo: Meta shows no ads there (unverified: from its help pages about trade sanctions).
REFUSED_COUNTRIES = frozenset({"CU", "IR", "KP", "SY"})

# account_status values that cannot advertise: our code and what to do. 1 is active, 9 a grace period that
# still may be paid out. Source: reference page "Ad Account".
BLOCKED_ACCOUNTS: dict[int, tuple[str, str]] = {
    2: ("6005", "is disabled: ask for a review in Account Quality"),
    3: ("6002", "has an unsettled balance: settle it in Billing"),
    7: ("6005", "is under risk review: wait for Meta's decision"),
    8: ("6002", "has a settlement pending: settle it in Billing"),
    9: ("6002", "is in a grace period for an unpaid balance: settle it in Billing"),
    100: ("1004", "is about to be closed"),
    101: ("1004", "is closed"),
}

# The score of an ad account: for 300 seconds a read counts 1 and each written object 3. The development tier
# has 60. Source: "Rate Limiting" of the Marketing API, at second hand (unverified).
LIMIT = CallLimit("account", 9000, "points in 300 s for each ad account", 300, 10, block=60, write=3)

# Days even each other out within a week. Source: Meta's blog of 29 May 2025.
SPEND = SpendEnvelope(day=Decimal("1.75"), week=Decimal(7), month=Decimal(31))

# Campaigns of before 2022 have other objectives. Source: "Outcome-Driven Ads Experiences", the mapping there.
OBJECTIVES: dict[str, Objective] = {goal.objective: name for name, goal in GOALS.items()} | {
    "CONVERSIONS": Objective.SALES,
    "PRODUCT_CATALOG_SALES": Objective.SALES,
    "LINK_CLICKS": Objective.TRAFFIC,
    "REACH": Objective.AWARENESS,
    "BRAND_AWARENESS": Objective.AWARENESS,
    "LEAD_GENERATION": Objective.LEADS,
    "POST_ENGAGEMENT": Objective.ENGAGEMENT,
    "APP_INSTALLS": Objective.APP_PROMOTION,
}

NAME_LIMIT = 400  # unverified
ADSETS_PER_CAMPAIGN = 200
BATCH_LIMIT = 50
SHORT_ROWS = 500  # of a page, where each is a name, a status and a budget
ADS_PER_BATCH = 10  # as Meta advises. Source: "Batch Requests" of the Marketing API
FEWEST_CELLS, MOST_CELLS = 2, 5  # of a split test; the upper one is unverified, from third-party clients

CAMPAIGN_FIELDS = (
    "id,name,objective,status,effective_status,special_ad_categories,issues_info,daily_budget,"
    "lifetime_budget,bid_strategy,created_time"
)
FOUND_FIELDS = "id,name,objective,status,effective_status,daily_budget,lifetime_budget,created_time"
ADSET_FIELDS = (
    "id,name,status,effective_status,daily_budget,bid_strategy,targeting,issues_info,learning_stage_info,"
    "bid_amount,bid_constraints,start_time,end_time,attribution_spec"
)
AD_FIELDS = (
    "id,name,adset_id,status,effective_status,issues_info,ad_review_feedback,"
    "creative{id,name,object_story_spec,url_tags}"
)
ACCOUNT_FIELDS = (
    "id,name,currency,timezone_name,account_status,disable_reason,min_daily_budget,"
    "default_dsa_beneficiary,default_dsa_payor,promote_pages{id,name},adspixels{id,name}"
)

# The version that this module is written for. v27.0 came on 4 November 2026, but the vendor's SDK for it is
# not published yet; what it adds to objects by itself is read all the same.
API_VERSION = "v26.0"
# The ends of versions, as far as they are announced: none is for v26.0.
VERSION_ENDS = {"v24.0": date(2026, 11, 10), "v25.0": date(2027, 2, 23)}
_VERSIONS_PAGE, _READ = "developer blog 4 Nov 2026; versions page", date(2026, 11, 27)

FACTS = (
    Fact(PLATFORM, "Marketing API version", API_VERSION, _VERSIONS_PAGE, read_on=_READ),
    Fact(PLATFORM, "newest Marketing API version", "v27.0 since 2026-11-04", _VERSIONS_PAGE, read_on=_READ),
    *(
        Fact(
            PLATFORM,
            "older Marketing API version",
            version,
            _VERSIONS_PAGE,
            read_on=_READ,
            sunset=ends,
            successor=API_VERSION,
        )
        for version, ends in VERSION_ENDS.items()
    ),
    Fact(
        PLATFORM,
        "additions of Meta's own",
        "devices of sales ad sets widen, catalog sets join ads; all versions about 2027-02",
        "developer blog 4 Nov 2026; business SDK changelog 27.0.0",
        read_on=_READ,
    ),
    Fact(
        PLATFORM, "spend of one day", "up to 175 %, a week 7 daily budgets", "blog 29 May 2025", read_on=_READ
    ),
    Fact(PLATFORM, "budget units", "integers, offset 100 or 1 by currency", "Currency Codes"),
    Fact(PLATFORM, "minimum budget", "read from the account (min_daily_budget)", "Minimum Budget"),
    Fact(PLATFORM, "objectives", "six OUTCOME_ objectives", "enums of the vendor's SDK"),
    Fact(PLATFORM, "ad sets per campaign", "200", "enums of the vendor's SDK", unverified=True),
)
