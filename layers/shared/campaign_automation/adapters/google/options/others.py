"""Criteria that no creation asks for, as people set them in Google's own interface."""

from __future__ import annotations

from typing import Any

from campaign_automation.adapters.google.messages import enum_name

# Of these kinds everybody is reached who is not left out, whether or not there is a criterion for them.
_PEOPLE = ("AGE_RANGE", "GENDER", "PARENTAL_STATUS", "INCOME_RANGE")
_AUDIENCES = (
    "USER_LIST",
    "USER_INTEREST",
    "CUSTOM_AFFINITY",
    "CUSTOM_INTENT",
    "CUSTOM_AUDIENCE",
    "COMBINED_AUDIENCE",
    "AUDIENCE",
    "EXTENDED_DEMOGRAPHIC",
    "LIFE_EVENT",
)
_PLACEMENTS = (
    "PLACEMENT",
    "MOBILE_APP_CATEGORY",
    "MOBILE_APPLICATION",
    "YOUTUBE_CHANNEL",
    "YOUTUBE_VIDEO",
)
# The targeting dimension of a kind: criteria of one that only bids do not limit the reach ("observation").
_DIMENSIONS = (
    dict.fromkeys(_AUDIENCES, "AUDIENCE") | dict.fromkeys(_PLACEMENTS, "PLACEMENT") | {"TOPIC": "TOPIC"}
)
_UNCHANGED = 1.0


def kind_of(criterion: Any) -> str:
    return enum_name(criterion, "type_")


def is_observed(criterion: Any, setting: Any) -> bool:
    """Return whether `setting`, that of the criterion's parent, lets criteria of its kind bid only."""
    dimension = _DIMENSIONS.get(kind_of(criterion))
    return not criterion.negative and any(
        item.bid_only and enum_name(item, "targeting_dimension") == dimension
        for item in setting.target_restrictions
    )


def limit_of(criterion: Any, setting: Any) -> str | None:
    """Return the kind of a criterion that limits whom the ads of its parent reach, in a word; else None."""
    kind = kind_of(criterion)
    if kind == "DEVICE" and not criterion.negative:
        # Every campaign has its devices; Google's way to leave one out is a bid of nothing.
        is_left_out = criterion.HasField("bid_modifier") and criterion.bid_modifier == 0
        return "device" if is_left_out else None
    is_limit = criterion.negative or (kind not in _PEOPLE and not is_observed(criterion, setting))
    return _word(kind) if is_limit else None


def adjustment_of(criterion: Any, setting: Any) -> str | None:
    """Return what a criterion that limits nothing is for, in words; None for one without effect."""
    word = _word(kind_of(criterion))
    if is_observed(criterion, setting):
        return f"{word} (observed)"
    is_adjusted = criterion.HasField("bid_modifier") and criterion.bid_modifier != _UNCHANGED
    return f"bids by {word}" if is_adjusted else None


def _word(kind: str) -> str:
    return "criteria of an unknown kind" if kind in ("UNKNOWN", "UNSPECIFIED") else kind.lower()
