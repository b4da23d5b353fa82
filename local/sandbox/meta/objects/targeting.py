"""Targeting: who an ad set may reach, and what the platform refuses."""

from typing import Any

from local.sandbox.meta.errors import invalid, wrong_param
from local.sandbox.meta.params import listed, section
from local.sandbox.meta.store import Account, Json, Node

MIN_AGE, MAX_AGE = 13, 65
MAX_LOCALES = 50
PUBLISHER_PLATFORMS = ("facebook", "instagram", "messenger", "audience_network", "threads")


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


COUNTRIES = _codes(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW "
    "BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI "
    "FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM "
    "IN IO IQ IS IT JE JM JO JP KE KG KH KI KM KN KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME "
    "MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE "
    "PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS "
    "ST SV SX SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF "
    "WS XK YE YT ZA ZM ZW"
)
EU_COUNTRIES = _codes(
    "AT BE BG CY CZ DE DK EE ES FI FR GF GP GR HR HU IE IT LT LU LV MF MQ MT NL PL PT RE RO SE SI SK YT"
)
LOCKED_CATEGORIES = frozenset(("CREDIT", "EMPLOYMENT", "FINANCIAL_PRODUCTS_SERVICES", "HOUSING"))
_OPTIONS = {
    "age_max",
    "age_min",
    "age_range",
    "custom_audiences",
    "device_platforms",
    "excluded_custom_audiences",
    "excluded_geo_locations",
    "exclusions",
    "facebook_positions",
    "flexible_spec",
    "genders",
    "geo_locations",
    "instagram_positions",
    "interests",
    "locales",
    "publisher_platforms",
    "targeting_automation",
    "user_os",
}
UNDER_EMBARGO = {"CU", "IR", "KP", "SY"}
_PLACES = {"countries", "regions", "cities", "zips", "country_groups"}
_GEO_OPTIONS = _PLACES | {"location_types"}


def read_targeting(targeting: Json, account: Account, campaign: Node) -> Json:
    """The targeting as stored, ages filled in. Raises GraphError 100 naming what is refused."""
    for option in sorted(targeting.keys() - _OPTIONS):
        raise wrong_param(f"Unsupported targeting option: {option}", "targeting")
    _check_places(targeting)
    stored = {"age_min": 18, "age_max": MAX_AGE} | targeting
    _check_ages(stored)
    _check_platforms(listed(targeting, "publisher_platforms"))
    _check_genders(listed(targeting, "genders"))
    _check_locales(listed(targeting, "locales"))
    _check_audiences(targeting, account)
    _check_advantage(targeting, stored["age_max"])
    _check_special_category(stored, campaign)
    return stored


def targets_eu(targeting: Json) -> bool:
    return bool(EU_COUNTRIES & set(listed(section(targeting, "geo_locations"), "countries")))


def _check_places(targeting: Json) -> None:
    places = section(targeting, "geo_locations")
    if not any(places.get(kind) for kind in _PLACES):
        if targeting.get("custom_audiences"):
            return
        raise invalid(
            1885364,
            "Missing location",
            "Your ad set needs at least one location to deliver to.",
            "targeting",
            "geo_locations",
        )
    for option in sorted(places.keys() - _GEO_OPTIONS):
        raise wrong_param(f"Unsupported geo location option: {option}", "targeting", "geo_locations")
    _check_countries(listed(places, "countries"))
    _check_keys(places)
    excluded = section(targeting, "excluded_geo_locations")
    for option in sorted(excluded.keys() - _GEO_OPTIONS):
        raise wrong_param(f"Unsupported geo location option: {option}", "targeting", "excluded_geo_locations")
    _check_countries(listed(excluded, "countries"))
    _check_keys(excluded)


def _check_keys(places: Json) -> None:
    """Regions and cities are objects with a key, as the search for adgeolocation tells it."""
    for kind in ("regions", "cities"):
        for place in listed(places, kind):
            key = place.get("key") if isinstance(place, dict) else None
            if not str(key).isdigit():
                raise wrong_param(f"Invalid key of {kind}: {key}", "targeting", "geo_locations", kind)


def _check_countries(countries: list[Any]) -> None:
    unknown = [
        code
        for code in countries
        if not isinstance(code, str) or code not in COUNTRIES or code in UNDER_EMBARGO
    ]
    if unknown:
        raise invalid(
            None,
            "Invalid Country",
            f"These country codes cannot be targeted: {', '.join(map(str, unknown))}.",
            "targeting",
            "geo_locations",
            "countries",
        )


def _check_ages(targeting: Json) -> None:
    low, high = targeting["age_min"], targeting["age_max"]
    if not _is_age(low) or not _is_age(high) or low > high:
        raise invalid(
            None,
            "Invalid Age Range",
            f"Ages must be whole numbers from {MIN_AGE} to {MAX_AGE}, the lower one first.",
            "targeting",
            "age_min",
        )


def _is_age(value: Any) -> bool:
    return isinstance(value, int) and MIN_AGE <= value <= MAX_AGE


def _check_genders(genders: list[Any]) -> None:
    if any(gender not in (1, 2) for gender in genders):
        raise wrong_param("Param targeting[genders] must hold 1 (men) or 2 (women)", "targeting", "genders")


def _check_platforms(names: list[Any]) -> None:
    if any(name not in PUBLISHER_PLATFORMS for name in names):
        raise wrong_param("Param targeting[publisher_platforms] is invalid", "targeting")


def _check_locales(locales: list[Any]) -> None:
    """Numbers, as the search for adlocale tells them; which ones exist is not known here."""
    if len(locales) > MAX_LOCALES or any(not isinstance(item, int) or item < 1 for item in locales):
        raise wrong_param("Param targeting[locales] must hold keys of locales", "targeting", "locales")


def _check_audiences(targeting: Json, account: Account) -> None:
    known = {audience["id"] for audience in account.audiences}
    named = listed(targeting, "custom_audiences") + listed(targeting, "excluded_custom_audiences")
    for audience in named:
        audience_id = audience.get("id") if isinstance(audience, dict) else audience
        if str(audience_id) not in known:
            raise wrong_param(f"Custom audience {audience_id} was not found", "targeting")


def _check_advantage(targeting: Json, age_max: int) -> None:
    advantage = section(targeting, "targeting_automation").get("advantage_audience")
    if advantage not in (0, 1):
        raise invalid(
            1870227,
            "Advantage Audience Flag Required",
            "To create your ad set, you need to enable or disable the Advantage audience feature: set "
            "advantage_audience to 1 or 0 in targeting_automation.",
            "targeting",
            "targeting_automation",
        )
    if advantage == 1 and age_max < MAX_AGE:
        raise invalid(
            1870189,
            "Maximum Age Is Below Threshold",
            "With Advantage audience the maximum age can't be set lower than 65.",
            "targeting",
            "age_max",
        )


def _check_special_category(targeting: Json, campaign: Node) -> None:
    locked = LOCKED_CATEGORIES & set(campaign.data["special_ad_categories"])
    narrowed = targeting["age_min"] != 18 or targeting["age_max"] != MAX_AGE or targeting.get("genders")
    if locked and narrowed:
        raise invalid(
            None,
            "Audience Not Allowed For Special Ad Category",
            "Ads in this special ad category must reach all genders and the ages 18 to 65+.",
            "targeting",
        )
