"""Optional settings that TikTok takes, in its own words."""

from __future__ import annotations

from campaign_automation.adapters.common.options.rules import OptionRules, TextRules
from campaign_automation.adapters.tiktok.facts import NAME, NAME_LIMIT, PLATFORM
from campaign_automation.models.common import Objective

# Source: "Enumeration - Call-to-action", without those of live, hashtag and message ads.
CALLS_TO_ACTION = frozenset(
    "APPLY_NOW BOOK_NOW CALL_NOW CONTACT_US DOWNLOAD_NOW EXPERIENCE_NOW GET_QUOTE GET_SHOWTIMES"
    " GET_TICKETS_NOW INSTALL_NOW INTERESTED LEARN_MORE LISTEN_NOW ORDER_NOW PLAY_GAME PREORDER_NOW READ_MORE"
    " SHOP_NOW SIGN_UP SUBSCRIBE VIEW_NOW VISIT_STORE WATCH_NOW".split()
)
# Source: Business Help Center, "Third Party Tracking".
MACROS = frozenset(
    "__AID__ __AID_NAME__ __CALLBACK_PARAM__ __CAMPAIGN_ID__ __CAMPAIGN_NAME__ __CID__ __CID_NAME__"
    " __CLICKID__ __CTYPE__ __OS__ __PLACEMENT__".split()
)
# Two-letter codes; an account's own list (tool/language/) may be shorter. Source: "Enumeration - Language".
LANGUAGES = {
    code: code
    for code in (
        "ar bn cs da de el en es fi fr he hi hu id it ja ko ms nl no pl pt ro ru sv th tr uk vi zh"
    ).split()
}
PLACEMENTS = {
    "tiktok": "PLACEMENT_TIKTOK",
    "pangle": "PLACEMENT_PANGLE",
    "global_app_bundle": "PLACEMENT_GLOBAL_APP_BUNDLE",
}
GENDERS = {"male": "GENDER_MALE", "female": "GENDER_FEMALE"}

RULES = OptionRules(
    platform=PLATFORM,
    name=NAME,
    # "1-100 characters", Chinese and Japanese ones count two. Source: the vendor's SDK.
    texts=TextRules(primary_text=100, emoji=False, wide_counts_double=True),
    calls_to_action=CALLS_TO_ACTION,
    macros=MACROS,
    languages=LANGUAGES,
    placements=PLACEMENTS,
    excluded_countries=False,  # "Create an ad group" has no such field
    # Bids change, their types do not: third-party clients of "Update an ad group" disagree on those.
    bid_switches=(),
    name_width=NAME_LIMIT,
    name_emoji=False,
)
# Targets where a result is paid for; a target return only for eligible (allow-listed) value campaigns.
BID_STRATEGIES = {
    Objective.SALES: ("target_cpa", "target_roas"),
    Objective.LEADS: ("target_cpa",),
    Objective.APP_PROMOTION: ("target_cpa",),
}


def rules(objective: Objective) -> OptionRules:
    """Return the rules of an objective's campaigns; ads for an app lead to its store and take no URL."""
    known = RULES._replace(bid_strategies=BID_STRATEGIES.get(objective, ()))
    return known._replace(macros=()) if objective is Objective.APP_PROMOTION else known
