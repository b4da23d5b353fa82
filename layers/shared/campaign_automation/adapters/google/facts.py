"""Facts of the Google Ads API v26, read November 2026. Unverified ones say so."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.adapters.common import accounts
from campaign_automation.adapters.common.ages import ADULTS
from campaign_automation.adapters.common.fact import Fact
from campaign_automation.adapters.limits.limit import CallLimit
from campaign_automation.models.common import Objective, SpendEnvelope

PLATFORM, NAME = "google", "Google"
API_VERSION = "v26"  # 14 October 2026; source: developers.google.com "Announcing v26 of the Google Ads API"
# Versions live about a year: v23 until February 2027, v24 May, v25 August, v26 November. The days are not
# announced yet (unverified), so each counts from the first of its month.
API_VERSION_ENDS = date(2027, 11, 1)

# Amounts are millionths of the major unit in every currency, and multiples of what the currency bills.
MICROS = Decimal(1_000_000)
# Documented for JPY (whole units) and USD (hundredths). The other whole-unit ones are unverified and safe: a
# whole unit is a multiple of any smaller one. The API tells it as currency_constant.billable_unit_micros.
WHOLE_UNIT_CURRENCIES = frozenset("CLP COP CRC HUF IDR ISK JPY KRW PYG TWD UGX VND XAF XOF XPF".split())
CENT_CURRENCIES = frozenset(
    "AED ARS AUD BDT BGN BHD BOB BRL CAD CHF CNY CZK DKK DOP DZD EGP EUR GBP GEL GHS GTQ HKD HNL ILS INR JOD"
    " KES KWD KZT LBP LKR MAD MOP MUR MXN MYR NGN NIO NOK NZD OMR PAB PEN PHP PKR PLN QAR RON RSD RUB SAR SEK"
    " SGD THB TND TRY TZS UAH USD UYU ZAR ZMW".split()
)


def budget_step(currency: str) -> Decimal | None:
    """The smallest budget amount in the major unit; None for a currency not listed here."""
    return accounts.budget_step(currency, WHOLE_UNIT_CURRENCIES, CENT_CURRENCIES)


def to_micros(amount: Decimal) -> int:
    """Convert an amount in the major unit to exact micros."""
    return int(amount * MICROS)


def from_micros(micros: int) -> Decimal:
    """Convert micros to an amount in the major unit."""
    return Decimal(micros) / MICROS


class Goal(NamedTuple):
    """Google's form of one of our objectives: a channel and a bidding, since Google has no objectives.

    Source: platforms.md section 1.2, a choice of ours. That Demand Gen takes target_spend is unverified.
    """

    channel: str
    bidding: str


SEARCH, DEMAND_GEN, APP = "SEARCH", "DEMAND_GEN", "MULTI_CHANNEL"
GOALS: dict[Objective, Goal] = {
    Objective.SALES: Goal(SEARCH, "maximize_conversion_value"),
    Objective.TRAFFIC: Goal(SEARCH, "target_spend"),
    Objective.LEADS: Goal(SEARCH, "maximize_conversions"),
    Objective.AWARENESS: Goal(DEMAND_GEN, "target_spend"),
    Objective.ENGAGEMENT: Goal(DEMAND_GEN, "target_spend"),
    Objective.APP_PROMOTION: Goal(APP, "maximize_conversions"),
}
# Biddings without a target of their own.
LOWEST_COST = frozenset({"MAXIMIZE_CONVERSIONS", "MAXIMIZE_CONVERSION_VALUE", "TARGET_SPEND"})
APP_STORES = ("APPLE_APP_STORE", "GOOGLE_APP_STORE")

# Basic access, in any 24 hours of the Cloud project; a query counts 1, each changed object 1. Standard access
# has no limit. Source: "Access levels" and "Rate sheet".
LIMIT = CallLimit("app", 15_000, "operations in 24 hours of the app", 86_400, 3_600, block=10)

# A day and a month are limited, a week is not. Source: "About average daily budgets".
SPEND = SpendEnvelope(day=Decimal(2), week=7 * Decimal(2), month=Decimal("30.4"))

# A day's least budget of Demand Gen since April 2026; other currencies answer with their own minimum.
DEMAND_GEN_MINIMUM = {"USD": Decimal(5)}

# The age ranges of AgeRangeType; nobody under 18 can be targeted. 65 means 65 and older.
AGE_BUCKETS: dict[str, tuple[int, int]] = {
    "AGE_RANGE_18_24": (18, 24),
    "AGE_RANGE_25_34": (25, 34),
    "AGE_RANGE_35_44": (35, 44),
    "AGE_RANGE_45_54": (45, 54),
    "AGE_RANGE_55_64": (55, 64),
    "AGE_RANGE_65_UP": (65, 65),
}
AGE_UNKNOWN = "AGE_RANGE_UNDETERMINED"
ALL_AGES = ADULTS

# Categories whose ads may not be targeted by age in some countries; Google takes no declaration by API.
# Source: Advertising policies "Personalized advertising"; that it means all countries is our caution.
AGE_LOCKED_CATEGORIES = frozenset({"CREDIT", "EMPLOYMENT", "FINANCIAL_PRODUCTS_SERVICES", "HOUSING"})

# CustomerStatus values that cannot advertise: our code and what to do.
BLOCKED_ACCOUNTS: dict[str, tuple[str, str]] = {
    "CANCELED": ("1004", "is cancelled: reactivate it in Google Ads"),
    "CLOSED": ("1004", "is closed"),
    "SUSPENDED": ("6005", "is suspended: see the notice in Google Ads and appeal or fix it"),
}


class LineLimits(NamedTuple):
    """The count of lines that an ad takes, and the width of each; East Asian characters count two."""

    fewest: int
    most: int
    width: int


# Source: "Create responsive search ads"; comments of DemandGenMultiAssetAdInfo and AppAdInfo; for the latter
# the counts are unverified. The proto says 30 for Demand Gen headlines where the guide says 40.
HEADLINES = {SEARCH: LineLimits(3, 15, 30), DEMAND_GEN: LineLimits(1, 5, 30), APP: LineLimits(2, 5, 30)}
DESCRIPTIONS = {SEARCH: LineLimits(2, 4, 90), DEMAND_GEN: LineLimits(1, 5, 90), APP: LineLimits(1, 5, 90)}
BUSINESS_NAME_WIDTH = 25
ENABLED_SEARCH_ADS = 3  # per ad group; unverified

KEYWORD_CHARACTERS = 80
KEYWORD_WORDS = 10
KEYWORDS_PER_AD_GROUP = 100  # ours: enough for 50 creatives, far under 10,000 operations

IMAGE_BYTES = 5 * 1024 * 1024
UPLOAD_BYTES = 32 * 1024 * 1024  # per request; messages may hold 64 MB


class Frame(NamedTuple):
    """A field for pictures with its least size; the shape is width by height, within one in a hundred."""

    field: str
    width: int
    height: int


# Source: comments of DemandGenMultiAssetAdInfo.
FRAMES = (
    Frame("marketing_images", 600, 314),
    Frame("square_marketing_images", 300, 300),
    Frame("portrait_marketing_images", 480, 600),
    Frame("tall_portrait_marketing_images", 600, 1067),
)
LOGO = Frame("logo_images", 128, 128)

# ISO 3166-1 numeric codes. Google's country constants are 2000 plus these (2840 is the United States); that
# it holds for every place is unverified. Cuba, Iran, North Korea and Syria cannot be targeted.
_NUMERIC = dict(
    entry.split(":")
    for entry in (
        "AD:20 AE:784 AF:4 AG:28 AI:660 AL:8 AM:51 AO:24 AQ:10 AR:32 AS:16 AT:40 AU:36 AW:533 AX:248 AZ:31"
        " BA:70 BB:52 BD:50 BE:56 BF:854 BG:100 BH:48 BI:108 BJ:204 BL:652 BM:60 BN:96 BO:68 BQ:535 BR:76"
        " BS:44 BT:64 BV:74 BW:72 BY:112 BZ:84 CA:124 CC:166 CD:180 CF:140 CG:178 CH:756 CI:384 CK:184 CL:152"
        " CM:120 CN:156 CO:170 CR:188 CV:132 CW:531 CX:162 CY:196 CZ:203 DE:276 DJ:262 DK:208 DM:212 DO:214"
        " DZ:12 EC:218 EE:233 EG:818 EH:732 ER:232 ES:724 ET:231 FI:246 FJ:242 FK:238 FM:583 FO:234 FR:250"
        " GA:266 GB:826 GD:308 GE:268 GF:254 GG:831 GH:288 GI:292 GL:304 GM:270 GN:324 GP:312 GQ:226 GR:300"
        " GS:239 GT:320 GU:316 GW:624 GY:328 HK:344 HM:334 HN:340 HR:191 HT:332 HU:348 ID:360 IE:372 IL:376"
        " IM:833 IN:356 IO:86 IQ:368 IS:352 IT:380 JE:832 JM:388 JO:400 JP:392 KE:404 KG:417 KH:116 KI:296"
        " KM:174 KN:659 KR:410 KW:414 KY:136 KZ:398 LA:418 LB:422 LC:662 LI:438 LK:144 LR:430 LS:426 LT:440"
        " LU:442 LV:428 LY:434 MA:504 MC:492 MD:498 ME:499 MF:663 MG:450 MH:584 MK:807 ML:466 MM:104 MN:496"
        " MO:446 MP:580 MQ:474 MR:478 MS:500 MT:470 MU:480 MV:462 MW:454 MX:484 MY:458 MZ:508 NA:516 NC:540"
        " NE:562 NF:574 NG:566 NI:558 NL:528 NO:578 NP:524 NR:520 NU:570 NZ:554 OM:512 PA:591 PE:604 PF:258"
        " PG:598 PH:608 PK:586 PL:616 PM:666 PN:612 PR:630 PS:275 PT:620 PW:585 PY:600 QA:634 RE:638 RO:642"
        " RS:688 RU:643 RW:646 SA:682 SB:90 SC:690 SD:729 SE:752 SG:702 SH:654 SI:705 SJ:744 SK:703 SL:694"
        " SM:674 SN:686 SO:706 SR:740 SS:728 ST:678 SV:222 SX:534 SZ:748 TC:796 TD:148 TF:260 TG:768 TH:764"
        " TJ:762 TK:772 TL:626 TM:795 TN:788 TO:776 TR:792 TT:780 TV:798 TW:158 TZ:834 UA:804 UG:800 UM:581"
        " US:840 UY:858 UZ:860 VA:336 VC:670 VE:862 VG:92 VI:850 VN:704 VU:548 WF:876 WS:882 YE:887 YT:175"
        " ZA:710 ZM:894 ZW:716"
    ).split()
)
GEO_TARGETS = {country: f"geoTargetConstants/{2000 + int(code)}" for country, code in _NUMERIC.items()}
COUNTRY_OF_GEO_TARGET = {constant: country for country, constant in GEO_TARGETS.items()}

# The URL parameter that carries our tag: search ads have no name of their own.
TAG_PARAMETER = "catag"

_BLOG, _READ = "Google Ads developer blog; deprecations page", date(2026, 11, 27)

FACTS = (
    Fact(
        PLATFORM,
        "API version",
        API_VERSION,
        "Announcing v26 of the Google Ads API",
        sunset=API_VERSION_ENDS,
        unverified=True,
    ),
    Fact(
        PLATFORM,
        "EU political advertising",
        "declared on every campaign",
        "Announcing v26; blog 26 Feb 2026",
    ),
    Fact(
        PLATFORM, "budget units", "micros, multiples of the currency's smallest unit", "campaign_budget proto"
    ),
    Fact(PLATFORM, "Demand Gen minimum", "5 USD a day", "blog 27 Feb 2026"),
    Fact(
        PLATFORM,
        "spend of one day",
        "up to 200 %, a month 30.4 daily budgets",
        "About average daily budgets",
        read_on=_READ,
    ),
    Fact(
        PLATFORM,
        "campaigns that Google changes by itself",
        "Demand Gen display targeting from 2026-12-01, Dynamic Search Ads to AI Max 2027-02",
        _BLOG,
        read_on=_READ,
    ),
    Fact(PLATFORM, "call ads", "stop serving 2027-02", _BLOG, read_on=_READ),
    Fact(PLATFORM, "daily figures", "kept for 37 months", _BLOG, read_on=_READ),
    Fact(
        PLATFORM,
        "invitations to an account",
        "need a second approval from 2026-12-07",
        _BLOG,
        read_on=_READ,
    ),
)
