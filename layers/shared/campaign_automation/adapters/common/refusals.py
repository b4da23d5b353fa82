"""Refusals that several adapters word alike, and the error of an unknown outcome."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.common.ages import ADULTS
from campaign_automation.models.common import AdAccount
from campaign_automation.utils.error_handler import (
    AccountError,
    InvalidRequestError,
    PlatformRejectedError,
    PlatformUnavailableError,
)


def outcome_unknown(platform: str, message: str, **facts: Any) -> PlatformUnavailableError:
    """The error for a call without a usable answer: the platform may have acted on it."""
    return PlatformUnavailableError(message, platform=platform, outcome_unknown=True, **facts)


def gone(platform: str, problem: str) -> PlatformRejectedError:
    """The refusal of an object that does not exist."""
    return PlatformRejectedError(f"{platform}: {problem}", platform=platform, code="5000")


def another_campaign(platform: str) -> PlatformUnavailableError:
    """The refusal of an answer about another campaign than the one that was asked for."""
    return outcome_unknown(platform, f"{platform}: another campaign was shown than the one asked for")


def fixed_budget(platform: str, reason: str) -> PlatformRejectedError:
    """The refusal of a change of a budget that is not changed from here."""
    return PlatformRejectedError(
        f"{platform}: {reason}", platform=platform, code="4005", field="daily_budget"
    )


# --- the account -------------------------------------------------------------------------------------------


def blocked_account(platform: str, code: str, problem: str, status: str | int) -> AccountError:
    """The refusal of an account that cannot advertise; `problem` says what its owner has to do."""
    return AccountError(
        f"{platform}: the ad account {problem}", code=code, platform=platform, account_status=status
    )


def unknown_currency(platform: str, currency: str) -> AccountError:
    """The refusal of an account whose currency has no known budget step."""
    return AccountError(
        f"{platform}: the account's currency {currency} is not known here", code="4005", platform=platform
    )


def require_asset(platform: str, secret: str, account: AdAccount, kind: str, plural: str) -> None:
    """Raise AccountError when the account has no `<kind>_id`: none exists, or several and none is chosen."""
    name = f"{kind}_id"
    if account.facts.get(name):
        return
    found = account.facts.get(f"{name}s", [])
    problem = f"several {plural} ({', '.join(found)})" if found else f"no {kind}"
    account_id = account.platform_account_id
    raise AccountError(
        f"{platform}: the account {account_id} has {problem}: set {name} under accounts.{account_id} in the"
        f" {secret} secret",
        code="4005",
        platform=platform,
        field=name,
        allowed=found or None,
    )


def require_setting(platform: str, secret: str, account: AdAccount, name: str, objective: str) -> None:
    """Raise AccountError when the platform's secret does not give the account what the objective needs."""
    if account.facts.get(name):
        return
    raise AccountError(
        f"{platform}: {objective} needs {name}: set it under accounts.{account.platform_account_id} in the"
        f" {secret} secret",
        code="4005",
        platform=platform,
        field=name,
    )


# --- the request -------------------------------------------------------------------------------------------


def unknown_categories(
    unknown: Collection[str], platform_name: str, known: Collection[str]
) -> InvalidRequestError:
    """The refusal of special ad categories that the platform does not have."""
    return InvalidRequestError(
        f"special_ad_categories: {', '.join(sorted(unknown))} is not a category of {platform_name}",
        field="special_ad_categories",
        allowed=["NONE", *sorted(known)],
    )


def untargetable(countries: Collection[str], platform_name: str) -> InvalidRequestError:
    """The refusal of countries in which the platform shows no ads."""
    return InvalidRequestError(
        f"target_countries: {', '.join(countries)} cannot be targeted on {platform_name}; leave out what it"
        " does not serve",
        field="target_countries",
    )


def adults_only(categories: Collection[str]) -> InvalidRequestError:
    """The refusal of ages for ads whose categories may not be targeted by age."""
    return InvalidRequestError(
        f"age_groups: {', '.join(sorted(categories))} ads reach all adults; only {list(ADULTS)} is allowed",
        field="age_groups",
        allowed=[list(ADULTS)],
    )


def all_genders(categories: Collection[str]) -> InvalidRequestError:
    """The refusal of genders for ads whose categories must reach everybody."""
    return InvalidRequestError(
        f"genders: {', '.join(sorted(categories))} ads reach all genders; leave it out", field="genders"
    )


def budget_out_of_range(problem: str, allowed: str, minimum: Decimal, currency: str) -> InvalidRequestError:
    """The refusal of a daily budget outside of the platform's range, in the account's currency."""
    return InvalidRequestError(
        f"daily_budget: {problem}",
        field="daily_budget",
        allowed=allowed,
        minimum=str(minimum),
        currency=currency,
    )
