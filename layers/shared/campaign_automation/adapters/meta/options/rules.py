"""Optional settings that Meta takes, in its own words."""

from __future__ import annotations

from campaign_automation.adapters.base import CopyLimits
from campaign_automation.adapters.common.options.rules import OptionRules, TextRules
from campaign_automation.adapters.meta.facts import NAME, NAME_LIMIT, PLATFORM
from campaign_automation.models.common import Objective

# Longer text is cut, and past this refused (unverified: from third-party pages of ad formats).
TEXT_LIMIT = 2200
# Buttons of ads that lead to a page or an app. Source: enum of the vendor's SDK.
CALLS_TO_ACTION = frozenset(
    "APPLY_NOW BOOK_NOW BOOK_TRAVEL BUY_NOW CONTACT_US DOWNLOAD GET_OFFER GET_QUOTE GET_SHOWTIMES INSTALL_APP"
    " INSTALL_MOBILE_APP LEARN_MORE LISTEN_NOW ORDER_NOW PLAY_GAME SEE_MORE SHOP_NOW SIGN_UP SUBSCRIBE"
    " WATCH_MORE".split()
)
# Source: "URL parameters" of the Business Help Center.
MACROS = frozenset(
    "{{ad.id}} {{ad.name}} {{adset.id}} {{adset.name}} {{campaign.id}} {{campaign.name}} {{placement}}"
    " {{site_source_name}}".split()
)
# Meta's languages are numbers that only its search (type=adlocale) tells; sources agree on English alone (US
# and UK), so every other one is given by its number.
LOCALES: dict[str, list[int]] = {"en": [6, 24]}
# Source: "Placement targeting"; positions within them are left to Meta.
PLACEMENTS = {name: name for name in ("facebook", "instagram", "messenger", "audience_network")}
GENDERS = {"male": 1, "female": 2}


# Cost caps where a result is paid for; a floor of the return needs the goal VALUE. Source: platforms.md 2.2.
BID_STRATEGIES = {
    Objective.SALES: ("target_cpa", "target_roas"),
    Objective.LEADS: ("target_cpa",),
    Objective.APP_PROMOTION: ("target_cpa",),
}


def rules(shown: CopyLimits, objective: Objective) -> OptionRules:
    """Return the rules; `shown` are the lengths past which Meta cuts a text."""
    return OptionRules(
        platform=PLATFORM,
        name=NAME,
        texts=TextRules(TEXT_LIMIT, TEXT_LIMIT, TEXT_LIMIT, shown=shown),
        calls_to_action=CALLS_TO_ACTION,
        macros=MACROS,
        languages=LOCALES,
        own_languages=True,
        placements=PLACEMENTS,
        bid_strategies=BID_STRATEGIES.get(objective, ()),
        # A floor of the return needs another goal, which an ad set keeps as it was made (unverified).
        bid_switches=(frozenset({"lowest_cost", "target_cpa"}),),
        name_width=NAME_LIMIT,
    )
