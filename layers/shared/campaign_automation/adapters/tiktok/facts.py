"""Facts of TikTok's Business API v1.3, read November 2026. Unverified ones say so."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from campaign_automation.adapters.common import accounts
from campaign_automation.adapters.common.fact import Fact
from campaign_automation.adapters.limits.limit import CallLimit
from campaign_automation.models.common import Level, Objective, SpendEnvelope

PLATFORM, NAME = "tiktok", "TikTok"
Params = dict[str, Any]
Family = Literal["manual", "smart_plus"]

# Manual campaigns, ad groups and ads of these objectives can be created until this day; what exists can be
# read, changed and reported afterwards. Unverified: two third-party pages, not the official change log.
MANUAL_CREATION_ENDS = date(2026, 12, 31)
SMART_PLUS_OBJECTIVES = frozenset({Objective.SALES, Objective.LEADS, Objective.APP_PROMOTION})


def family_of(objective: Objective, day: date, manual_ends: date = MANUAL_CREATION_ENDS) -> Family:
    """Return the family of endpoints for a campaign created on `day`: manual as long as TikTok takes it."""
    is_over = day > manual_ends
    return "smart_plus" if is_over and objective in SMART_PLUS_OBJECTIVES else "manual"


# A budget's floor is its base times the currency's ratio; amounts are decimals in major units.
# Source: "Budget verification ratio and value range for each currency".
CAMPAIGN_BASE = Decimal(50)
ADSET_BASE = Decimal(20)
MAXIMUM_BASE = Decimal(10_000_000)
_RATIOS: dict[int, str] = {
    1: "AED ARS AUD BRL CAD CHF EUR GBP HUF ILS MYR NZD PEN QAR RON SAR SGD USD",
    4: "PLN",
    10: "BOB CNY CZK DKK EGP GTQ HKD HNL MOP MXN NIO NOK SEK THB TRY TWD UAH UYU ZAR",
    50: "PHP",
    100: "BDT DZD INR ISK JPY KES NGN PKR RUB",
    1000: "CLP COP CRC KRW",
    10_000: "IDR PYG VND",
}
CURRENCY_RATIO = {
    currency: Decimal(ratio) for ratio, currencies in _RATIOS.items() for currency in currencies.split()
}
WHOLE_UNIT_CURRENCIES = frozenset("CLP HUF IDR ISK JPY KRW PYG TWD VND".split())


def budget_step(currency: str) -> Decimal | None:
    """The smallest budget amount in the major unit; None for a currency TikTok does not list."""
    return accounts.budget_step(currency, WHOLE_UNIT_CURRENCIES, frozenset(CURRENCY_RATIO))


class Goal(NamedTuple):
    """TikTok's form of one of our objectives. Source: platforms.md sections 1.2 and 3.5.

    `counts` and `values` are metrics of the report: the number of results, and their value.
    """

    objective: str
    promotion_type: str | None  # not given for reach and video views
    optimization_goal: str
    billing_event: str
    event: str | None
    needs: Literal["pixel", "app"] | None
    call_to_action: str
    counts: str = "complete_payment"
    values: str | None = "total_complete_payment_rate"  # a value despite its name


GOALS: dict[Objective, Goal] = {
    Objective.SALES: Goal("WEB_CONVERSIONS", "WEBSITE", "CONVERT", "OCPM", "SHOPPING", "pixel", "SHOP_NOW"),
    Objective.TRAFFIC: Goal("TRAFFIC", "WEBSITE", "CLICK", "CPC", None, None, "LEARN_MORE"),
    Objective.AWARENESS: Goal("REACH", None, "REACH", "CPM", None, None, "LEARN_MORE"),
    # Leads are collected on the product page, as on the other platforms. That this is asked as a conversion
    # with the event FORM is unverified; the goal LEAD_GENERATION needs an instant form.
    Objective.LEADS: Goal(
        "LEAD_GENERATION",
        "LEAD_GENERATION",
        "CONVERT",
        "OCPM",
        "FORM",
        "pixel",
        "SIGN_UP",
        "conversion",
        None,
    ),
    # Followers and page visits need a TikTok account as identity; views of 6 seconds and more do not.
    Objective.ENGAGEMENT: Goal(
        "VIDEO_VIEWS", None, "ENGAGED_VIEW", "CPV", None, None, "LEARN_MORE", "conversion", None
    ),
    Objective.APP_PROMOTION: Goal(
        "APP_PROMOTION",
        "APP_ANDROID",
        "INSTALL",
        "OCPM",
        None,
        "app",
        "DOWNLOAD_NOW",
        "conversion",
        "total_purchase_value",
    ),
}
# Campaigns of before have other objectives; that these took their place is unverified.
OBJECTIVES: dict[str, Objective] = {goal.objective: name for name, goal in GOALS.items()} | {
    "LANDING_PAGE": Objective.TRAFFIC,  # the name under which traffic campaigns are read back
    "CONVERSIONS": Objective.SALES,
    "PRODUCT_SALES": Objective.SALES,
    "APP_INSTALL": Objective.APP_PROMOTION,
    "ENGAGEMENT": Objective.ENGAGEMENT,
}
APP_PROMOTION_TYPES = {"android": "APP_ANDROID", "ios": "APP_IOS"}

# The first and last age of each bucket; the last one is open. Source: "Enumeration - Targeting Age Group".
AGE_BUCKETS: dict[str, tuple[int, int]] = {
    "AGE_13_17": (13, 17),
    "AGE_18_24": (18, 24),
    "AGE_25_34": (25, 34),
    "AGE_35_44": (35, 44),
    "AGE_45_54": (45, 54),
    "AGE_55_100": (55, 65),
}
# Where minors cannot be targeted for most objectives: US, UK, EEA, Switzerland. "And others" are unnamed.
ADULTS_ONLY_COUNTRIES = frozenset(
    "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
    " US".split()
)

# The Business Center that lends an identity of the type BC_AUTH_TT; its ads must name it.
LENDER = "identity_authorized_bc_id"

SPECIAL_INDUSTRIES = frozenset({"HOUSING", "EMPLOYMENT", "CREDIT"})

# Location ids are those of geonames.org. TikTok's own list (tool/region/) depends on account and objective.
LOCATION_IDS: dict[str, str] = {
    "AE": "290557",
    "AR": "3865483",
    "AT": "2782113",
    "AU": "2077456",
    "BD": "1210997",
    "BE": "2802361",
    "BG": "732800",
    "BH": "290291",
    "BO": "3923057",
    "BR": "3469034",
    "CA": "6251999",
    "CH": "2658434",
    "CL": "3895114",
    "CO": "3686110",
    "CR": "3624060",
    "CY": "146669",
    "CZ": "3077311",
    "DE": "2921044",
    "DK": "2623032",
    "DO": "3508796",
    "DZ": "2589581",
    "EC": "3658394",
    "EE": "453733",
    "EG": "357994",
    "ES": "2510769",
    "FI": "660013",
    "FR": "3017382",
    "GB": "2635167",
    "GH": "2300660",
    "GR": "390903",
    "GT": "3595528",
    "HK": "1819730",
    "HR": "3202326",
    "HU": "719819",
    "ID": "1643084",
    "IE": "2963597",
    "IL": "294640",
    "IQ": "99237",
    "IS": "2629691",
    "IT": "3175395",
    "JO": "248816",
    "JP": "1861060",
    "KE": "192950",
    "KH": "1831722",
    "KR": "1835841",
    "KW": "285570",
    "KZ": "1522867",
    "LB": "272103",
    "LK": "1227603",
    "LT": "597427",
    "LU": "2960313",
    "LV": "458258",
    "MA": "2542007",
    "MO": "1821275",
    "MT": "2562770",
    "MX": "3996063",
    "MY": "1733045",
    "NG": "2328926",
    "NL": "2750405",
    "NO": "3144096",
    "NZ": "2186224",
    "OM": "286963",
    "PA": "3703430",
    "PE": "3932488",
    "PH": "1694008",
    "PK": "1168579",
    "PL": "798544",
    "PT": "2264397",
    "PY": "3437598",
    "QA": "289688",
    "RO": "798549",
    "RS": "6290252",
    "RU": "2017370",
    "SA": "102358",
    "SE": "2661886",
    "SG": "1880251",
    "SI": "3190538",
    "SK": "3057568",
    "TH": "1605651",
    "TN": "2464461",
    "TR": "298795",
    "TW": "1668284",
    "UA": "690791",
    "US": "6252001",
    "UY": "3439705",
    "VN": "1562822",
    "ZA": "953987",
}

# Account statuses that cannot advertise: our code and what to do. STATUS_ENABLE is active; the others are
# a pending or refused check of the account, and are told by name. Source: "Enumeration - Advertiser Status".
BLOCKED_ACCOUNTS: dict[str, tuple[str, str]] = {
    "STATUS_LIMIT": ("6005", "is limited by TikTok: appeal in Ads Manager"),
    "STATUS_DISABLE": ("6005", "is disabled: ask for a review in Ads Manager"),
    "STATUS_CONTRACT_PENDING": ("1004", "waits for its contract to be accepted in Ads Manager"),
}
# Effective states that are a problem of money, of review or of the account.
ISSUE_MARKS = (
    "BALANCE_EXCEED",
    "AUDIT_DENY",
    "ADVERTISER_AUDIT",
    "CONTRACT_PENDING",
    "FROZEN",
    "PIXEL_UNBIND",
    "PUNISH",
    "QUALIFICATION",
    "QUOTA_LIMIT",
    "TRANSCODING_FAIL",
)
# Settings by which an ad group reaches fewer people or places than its ages and countries tell, and the words
# of those that reach everybody. Source: "Create an ad group".
NARROWING = (
    "actions",
    "carrier_ids",
    "device_model_ids",
    "device_price_ranges",
    "excluded_location_ids",
    "household_income",
    "interest_category_ids",
    "interest_keyword_ids",
    "isp_ids",
    "network_types",
    "operating_systems",
    "purchase_intention_keyword_ids",
    "spending_power",
    "zipcode_ids",
)
EVERYBODY = ("GENDER_UNLIMITED", "ALL")

# The basic tier; its 600 calls a minute and 864,000 a day are the same. Source: "Rate limits".
# `late`: recorded on a busy machine, calls arrived 3 to 380 ms after they were sent, 19 of 20 within 190 ms.
LIMIT = CallLimit("app", 10, "calls a second of the app", 1, 0.1, late=0.2)

# Documented for budgets that are an average over a week; of others no excess is named. Source: "Budget".
SPEND = SpendEnvelope(day=Decimal("1.25"), week=Decimal(7), month=Decimal(31))

NAME_LIMIT = 512  # Chinese and Japanese characters count twice
# The planner may add to a name: " | ", five countries and ages, " | creative " and an id, a tag.
NAME_ADDITION = 180
TIME = "%Y-%m-%d %H:%M:%S"  # in UTC
IDS_PER_FILTER = 100
IDS_PER_CHANGE = 20
CREATIVES_PER_CALL = 20
ADS_PER_ADSET = 20  # "Each ad group can have up to 20 ads": the vendor's SDK, "Ad create"
SMART_PLUS_ADSETS = 30
PAGE_SIZE = 1000

# The name of an object's id and of the list of ids, by level. Smart+ ads have ids of their own.
NOUNS: dict[Level, str] = {Level.CAMPAIGN: "campaign", Level.ADSET: "adgroup", Level.AD: "ad"}

FACTS = (
    Fact(PLATFORM, "Business API version", "v1.3", "API for Business documentation"),
    Fact(
        PLATFORM,
        "manual creation of sales, leads and app campaigns",
        "until the sunset, then Upgraded Smart+",
        "two third-party pages",
        sunset=MANUAL_CREATION_ENDS,
        successor="Upgraded Smart+",
        unverified=True,
    ),
    Fact(
        PLATFORM,
        "minimum budgets",
        f"{CAMPAIGN_BASE} a campaign, {ADSET_BASE} an ad group, times a ratio",
        "Budget; Currency - Daily budget value range",
    ),
    Fact(
        PLATFORM,
        "Smart+ through the API",
        "may need an allow-listed account and three scopes of the app",
        "two third-party pages",
        read_on=date(2026, 11, 27),
        unverified=True,
    ),
    Fact(PLATFORM, "ads per ad group", str(ADS_PER_ADSET), "the vendor's SDK"),
)

# The words of click_attribution_window and view_attribution_window; the last three are of some accounts only.
WINDOW_DAYS = {
    "ONE_DAY": 1,
    "SEVEN_DAYS": 7,
    "FOURTEEN_DAYS": 14,
    "TWENTY_EIGHT_DAYS": 28,
    "THIRTY_DAYS": 30,
    "THIRTY_TWO_DAYS": 32,
    "ONE_HUNDRED_EIGHTY_DAYS": 180,
}
