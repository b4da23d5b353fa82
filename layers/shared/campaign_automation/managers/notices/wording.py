"""The sentences of notices about states that a person has to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaign_automation.adapters.tree import AdNode
from campaign_automation.utils.plurals import counted

_MOST_NAMED = 10


def token_expired(platform: str, account: str, url: str | None) -> dict[str, Any]:
    """Return the arguments of create_notification for an account whose token the platform refuses."""
    return {
        "notification_type": "urgent",
        "category": "token_expired",
        "title": "An ad account has to be connected again",
        "message": f"{platform} refuses the token of the ad account {account}: rules, optimisation and pauses"
        " cannot reach its campaigns until it is connected again.",
        **({"action_url": url} if url else {}),
    }


def token_expires(platform: str, account: str, days: int, url: str | None) -> dict[str, Any]:
    """Return the arguments of create_notification for an account whose token ends soon."""
    # The Web Platform has one category for tokens.
    return {
        "notification_type": "important",
        "category": "token_expired",
        "title": f"The token of an ad account ends in {counted(days, 'day')}",
        "message": f"{platform}: connect the ad account {account} again before that. Afterwards rules,"
        " optimisation and pauses cannot reach its campaigns.",
        **({"action_url": url} if url else {}),
    }


def ads_refused(campaign_id: str, name: str, ads: Sequence[AdNode]) -> dict[str, Any]:
    """Return the arguments of create_notification for the refused ads of a campaign."""
    named = [f"{ad.name} ({'; '.join(ad.issues) or ad.platform_status})" for ad in ads[:_MOST_NAMED]]
    more = f" and {len(ads) - _MOST_NAMED} more" if len(ads) > _MOST_NAMED else ""
    were = "was" if len(ads) == 1 else "were"
    return {
        "notification_type": "important",
        "category": "ad_rejected",
        "title": f"{counted(len(ads), 'ad')} of {name} {were} refused",
        "message": f"{campaign_id}: {', '.join(named)}{more}",
    }


def cap_reached(campaign_id: str, account: str, reason: str) -> dict[str, Any]:
    """Return the arguments of create_notification for a decision that the account's cap held back."""
    return {
        "notification_type": "important",
        "category": "budget_exhausted",
        "title": f"The daily cap of the ad account {account} is reached",
        "message": f"{campaign_id}: an automatic increase was not made, since {reason}.",
    }
