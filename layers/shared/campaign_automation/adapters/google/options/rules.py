"""Optional settings that Google takes, by kind of campaign, in its own words."""

from __future__ import annotations

import re
from itertools import combinations

from campaign_automation.adapters.common.options.rules import KeywordRules, OptionRules, TextRules
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.facts import NAME, PLATFORM
from campaign_automation.models.common import Objective

# ValueTrack parameters that tell something of a click. Source: "About ValueTrack parameters".
MACROS = frozenset(
    "{adgroupid} {adposition} {campaignid} {creative} {device} {devicemodel} {gclid} {keyword}"
    " {loc_interest_ms} {loc_physical_ms} {matchtype} {network} {placement} {random} {target}"
    " {targetid}".split()
)
# Criterion ids of languages; Google's own code of Hebrew is iw. Source: "Language codes".
LANGUAGES = {
    code: f"languageConstants/{number}"
    for code, number in (
        pair.split(":")
        for pair in (
            "en:1000 de:1001 fr:1002 es:1003 it:1004 ja:1005 da:1009 nl:1010 fi:1011 ko:1012 no:1013 pt:1014"
            " sv:1015 zh-hans:1017 zh-hant:1018 ar:1019 bg:1020 cs:1021 el:1022 hi:1023 hu:1024 id:1025"
            " is:1026 he:1027 lv:1028 lt:1029 pl:1030 ru:1031 ro:1032 sk:1033 sl:1034 sr:1035 uk:1036 tr:1037"
            " ca:1038 hr:1039 vi:1040 ur:1041 tl:1042 et:1043 th:1044 bn:1056 fa:1064 gu:1072 kn:1086 ml:1098"
            " mr:1101 ms:1102 pa:1110 ta:1130 te:1131"
        ).split()
    )
}
LANGUAGES["zh"] = LANGUAGES["zh-hans"]
CODE_OF_LANGUAGE = {constant: code for code, constant in LANGUAGES.items() if code != "zh"}

# Networks of search campaigns; partners are not to be had without Google's own search.
GOOGLE_SEARCH, SEARCH_PARTNERS = "google_search", "search_partners"

GENDERS = {"male": "MALE", "female": "FEMALE"}
GENDER_UNKNOWN = "UNDETERMINED"

# Exclamation marks in headlines and repeated punctuation. Source: Advertising policies, "Editorial".
_REPEATED = re.compile(r"([!?.,;:])\1")


# Symbols that a keyword may not hold; quotes and brackets write match types. Source: "About keywords".
_KEYWORDS = KeywordRules(facts.KEYWORD_WORDS, re.compile(r"[!@%,*()^;~`<>?\\|={}\[\]\"]"))

# Targets stand inside the biddings that maximise conversions or their value.
BID_STRATEGIES = {
    Objective.SALES: ("target_cpa", "target_roas"),
    Objective.LEADS: ("target_cpa",),
    Objective.APP_PROMOTION: ("target_cpa",),
}


# The bidding is one field of the campaign, and any of those that its channel takes can be set.
_SWITCHES = tuple(frozenset(pair) for pair in combinations(("lowest_cost", "target_cpa", "target_roas"), 2))


def rules(objective: Objective) -> OptionRules:
    """Return the rules of an objective's campaigns."""
    channel = facts.GOALS[objective].channel
    headlines, descriptions = facts.HEADLINES[channel], facts.DESCRIPTIONS[channel]
    is_app = channel == facts.APP
    return OptionRules(
        platform=PLATFORM,
        name=NAME,
        texts=TextRules(
            primary_text=descriptions.width,
            headline=headlines.width,
            description=descriptions.width,
            headlines=headlines.most,
            descriptions=descriptions.most - 1,  # the primary text is one of them
            emoji=False,
            wide_counts_double=True,
            not_in_headlines="!！",
            nowhere=_REPEATED,
        ),
        macros=() if is_app else MACROS,  # app ads have no URL
        languages=LANGUAGES,
        bid_strategies=BID_STRATEGIES.get(objective, ()),
        bid_switches=_SWITCHES,
        genders=not is_app,
        placements={name: name for name in (GOOGLE_SEARCH, SEARCH_PARTNERS)}
        if channel == facts.SEARCH
        else {},
        audiences=channel == facts.SEARCH,
        keywords=_KEYWORDS if channel == facts.SEARCH else None,
    )
