"""The part of an ad account's description that comes from the deployment's secret."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.common.account_ids import bare_id
from campaign_automation.adapters.common.refusals import unknown_currency
from campaign_automation.utils.error_handler import ConfigurationError


def configured(app: Callable[[], Mapping[str, Any]], account_id: str) -> dict[str, Any]:
    """Return the entry of one ad account in the platform's secret, empty when it has none.

    Raises ConfigurationError when the secret holds something else there: people write it.
    """
    accounts = app().get("accounts") or {}
    if not isinstance(accounts, Mapping) or not all(isinstance(own, Mapping) for own in accounts.values()):
        message = "accounts in the platform's secret should hold an object for each ad account's id"
        raise ConfigurationError(message, setting="accounts")
    # Ids are written by people too.
    return next((dict(own) for name, own in accounts.items() if bare_id(name) == bare_id(account_id)), {})


def with_only_assets(
    settings: Mapping[str, Any], found: Mapping[str, Any], kinds: Iterable[str]
) -> dict[str, Any]:
    """Add the id of each kind of asset of which the account has exactly one.

    `found` holds the ids as `<kind>_ids`. An id in `settings` wins: it is the only way to choose among
    several, and a deliberate choice where there is one.
    """
    only = {f"{kind}_id": found[f"{kind}_ids"][0] for kind in kinds if len(found[f"{kind}_ids"]) == 1}
    return {**only, **settings}


def known_step(platform: str, currency: str, step: Decimal | None) -> Decimal:
    """Return `step`, the currency's budget step. Raises AccountError when the platform lists none."""
    if step is None:
        raise unknown_currency(platform, currency)
    return step


def budget_step(currency: str, whole: frozenset[str], known: frozenset[str]) -> Decimal | None:
    """The smallest budget amount in the major unit; None for a currency that is in neither set.

    Each platform has its own sets, and none of them follows the exponents of ISO 4217.
    """
    if currency in whole:
        return Decimal(1)
    return Decimal("0.01") if currency in known else None
