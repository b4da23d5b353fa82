"""The sentences of notices about states that a person has to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.tree import AdNode
from campaign_automation.models.notices import NotificationSettings
from campaign_automation.models.reports import CurrencyTotal
from campaign_automation.utils.languages.plurals import counted

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


def notifications_set(settings: NotificationSettings, *, is_new_secret: bool) -> str:
    """Return the message of changed settings."""
    parts = [f"notices go to {', '.join(settings.channels) or 'nobody'}"]
    if settings.has_webhook:
        parts.append("the webhook gets each of them, in order")
    if is_new_secret:
        parts.append("keep the secret, it is not shown again; one before it signs for another day")
    if settings.digest is not None:
        parts.append(f"a digest is sent from {settings.digest.at} {settings.digest.time_zone} on, every day")
    return "; ".join(parts)


def webhook_tried(error: str | None) -> str:
    """Return the message of a test."""
    return "the webhook took the event" if error is None else f"the webhook did not take the event: {error}"


def not_read(platform: str, account: str, problem: str) -> str:
    """Return the line on an account that could not be read."""
    return f"{platform} account {account} could not be read: {problem}"


def to_review(rule_name: str) -> str:
    """Return the line on a rule that stopped until somebody looks at it."""
    return f"the rule {rule_name} waits to be reviewed"


def proposal_waits(summary: str, expires_at: str) -> str:
    """Return the line on a proposal that nobody has decided on."""
    return f"a proposal waits until {expires_at}: {summary}"


def webhook_failing(error: str) -> str:
    """Return the line on a webhook that takes nothing."""
    return f"the webhook takes no events: {error}"


def digest(
    day: date, totals: Sequence[CurrencyTotal], changes: Mapping[str, int], problems: Sequence[str]
) -> dict[str, Any]:
    """Return the arguments of create_notification for the digest of a day."""
    lines = [_spent(total) for total in totals] or ["No campaign spent anything."]
    done = ", ".join(f"{count} by {who}" for who, count in sorted(changes.items()))
    lines.append(f"Changes: {done}." if done else "Nothing was changed.")
    lines += [f"Open: {problem}." for problem in problems]
    return {
        "notification_type": "general",
        "category": "report_ready",
        "title": f"Your campaigns on {day}",
        "message": "\n".join(lines),
        "extra_data": {"day": str(day), "problems": len(problems)},
    }


def _spent(total: CurrencyTotal) -> str:
    """Return the line of a currency; an unknown sum is said to be one."""
    parts = [f"{claim.platform} {_known(claim.spend)}" for claim in total.claimed_by]
    return (
        f"Spent {_known(total.spend)} {total.currency} ({', '.join(parts)});"
        f" claimed: {_known(total.claimed_conversions)} conversions, revenue {_known(total.claimed_revenue)}."
    )


def _known(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:f}"
