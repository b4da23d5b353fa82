"""The settings, the store and the accounts of a process that embeds the module, without AWS too."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from campaign_automation.adapters.common.account_ids import bare_id
from campaign_automation.adapters.registry import PLATFORMS
from campaign_automation.adapters.renewal import AccountRenewal
from campaign_automation.managers.shared.accounts import AccountDirectory, GivenAccounts, GivenAccountSource
from campaign_automation.settings import Settings, SettingsError, parse_settings
from campaign_automation.stores.engines.dynamodb import DynamoTable
from campaign_automation.stores.engines.sqlite import MEMORY, SqliteTable
from campaign_automation.stores.table import Table
from campaign_automation.utils.error_handler import ConfigurationError

_FILE = "store.db"
_STORES = (
    'should be "memory", "sqlite:///path/from/here.db", "sqlite:////absolute/path.db" or "dynamodb://table"'
)
_ACCOUNTS = (
    "accounts: should be a mapping of users to mappings of platforms to accounts, each with"
    " platform_account_id and access_token, or a coroutine function (user_id, platform)"
)
_NO_ACCOUNTS = "accounts: there is no source of ad accounts; pass mcp_client= or accounts="
_DECLARATIONS = ("special_ad_categories", "eu_political_advertising")
_IS_CAPPED = re.compile(r"[A-Z]{3}|.*[0-9].*")
# Where nothing is said: what cannot hurt.
_SAFE = {"max_budget_step_percent": 50, "max_budget_day_percent": 50, "kill_switch": False}


@dataclass(frozen=True)
class Limits:
    """The limits on what the module may spend and move; None is what the settings say.

    `account_daily_budget` is the most that all active campaigns of an account may spend a day, in the
    major unit, by currency or by account id; without an entry nothing is started or raised. A single change
    of a budget, and all of a day, are bounded in percent. `stopped`: nothing but what lowers spend is
    written. Of these and the settings the stricter holds.
    """

    account_daily_budget: Mapping[str, Decimal | int | float | str] = field(default_factory=dict)
    step_percent: Decimal | int | float | None = None
    day_percent: Decimal | int | float | None = None
    stopped: bool | None = None

    def as_settings(self) -> dict[str, Any]:
        """Return what is stated, named like the settings. Raises SettingsError for a cap of nothing."""
        if not isinstance(self.account_daily_budget, Mapping):
            raise SettingsError('account_daily_budget should be a mapping as {"USD": 500}')
        if wrong := [name for name in self.account_daily_budget if not _IS_CAPPED.fullmatch(str(name))]:
            raise SettingsError(
                f"account_daily_budget: {wrong[0]} is no currency such as USD and no account id"
            )
        stated = {
            "account_daily_budget_caps": {name: str(cap) for name, cap in self.account_daily_budget.items()},
            "max_budget_step_percent": self.step_percent,
            "max_budget_day_percent": self.day_percent,
            "kill_switch": self.stopped,
        }
        return {name: value for name, value in stated.items() if value is not None}


@dataclass(frozen=True)
class Embedding:
    """The arguments of CampaignAutomation besides its three clients; None is what the settings say."""

    store: str | None = None
    table: Table | None = None
    limits: Limits | None = None
    accounts: GivenAccountSource | None = field(default=None, repr=False)  # they hold tokens
    apps: Mapping[str, Mapping[str, Any]] | None = field(default=None, repr=False)
    declarations: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None
    has_web_platform: bool = False


class Embedded(NamedTuple):
    """The parts that an embedding process gives to the wiring.

    `notice` tells the first caller where everything is kept.
    """

    settings: Settings
    table: Table | None
    accounts: AccountDirectory | None
    notice: str | None


def embed(embedding: Embedding) -> Embedded:
    """Work out settings, table and accounts. Raises ConfigurationError with all that is missing or wrong."""
    gaps = [*_wrong_types(embedding), *_wrong_accounts(embedding.accounts), *_wrong_apps(embedding.apps)]
    settings = table = None
    if not gaps:  # what follows reads the arguments
        settings = _attempt(gaps, "settings", lambda: _settings(embedding, os.environ))
        table = _attempt(gaps, "store", lambda: _table(embedding, settings))
    has_aws = settings is not None and settings.table_name is not None
    has_tools = embedding.has_web_platform or (settings is not None and settings.mcp_url is not None)
    if embedding.accounts is None and not has_tools and not has_aws:
        gaps.append(_NO_ACCOUNTS)
    if gaps or settings is None:
        raise ConfigurationError(f"the module is not set up yet: {'; '.join(gaps)}", gaps=gaps)
    source = embedding.accounts
    accounts = None
    if source is not None:
        renewal = AccountRenewal(settings, embedding.apps or {})
        accounts = GivenAccounts(source, renewal, has_web_platform=has_tools)
    return Embedded(settings, table, accounts, _notice(table))


def _wrong_types(embedding: Embedding) -> Iterator[str]:
    if embedding.limits is not None and not isinstance(embedding.limits, Limits):
        yield 'limits: should be Limits(account_daily_budget={"USD": 500})'
    if embedding.store is not None and not isinstance(embedding.store, str):
        yield f"store: {_STORES}"
    for name in ("settings", "declarations"):
        if not isinstance(getattr(embedding, name), Mapping | None):
            yield f"{name}: should be a mapping of names and values"
    if isinstance(embedding.declarations, Mapping):
        for name in embedding.declarations.keys() - set(_DECLARATIONS):
            yield f"declarations: {name} is none; there are {', '.join(_DECLARATIONS)}"


def _wrong_accounts(accounts: Any) -> Iterator[str]:
    if accounts is None or inspect.iscoroutinefunction(accounts):
        return
    if not isinstance(accounts, Mapping):
        # An object may be a coroutine by its __call__.
        if not inspect.iscoroutinefunction(getattr(accounts, "__call__", None)):  # noqa: B004
            yield _ACCOUNTS
        return
    for user in accounts.values():
        of_user = user.items() if isinstance(user, Mapping) else [("", None)]
        if any(name not in PLATFORMS or not isinstance(account, Mapping) for name, account in of_user):
            yield _ACCOUNTS
            return


def _wrong_apps(apps: Any) -> Iterator[str]:
    of_platforms = apps.items() if isinstance(apps, Mapping) else [] if apps is None else [("", None)]
    if any(name not in PLATFORMS or not isinstance(app, Mapping) for name, app in of_platforms):
        yield f"apps: should be a mapping of platforms ({', '.join(PLATFORMS)}) to mappings"


def _settings(embedding: Embedding, environment: Mapping[str, str]) -> Settings:
    """Return the settings: safe limits, over them the environment, over that the arguments."""
    has_table = environment.get("TABLE_NAME") or "AWS_LAMBDA_FUNCTION_NAME" in environment
    given = {**(embedding.declarations or {}), **(embedding.settings or {})}
    settings = parse_settings(environment, under={} if has_table else _SAFE, over=given)
    if embedding.limits is not None:
        asked, stated = _parsed(embedding.limits)
        settings = settings.model_copy(update=_stricter(settings, asked, stated))
    return settings.in_process


def _parsed(limits: Limits) -> tuple[Settings, Collection[str]]:
    """Return the limits as settings, and the names of those that are stated."""
    try:
        stated = limits.as_settings()
        return parse_settings({"TABLE_NAME": "-"}, over=stated), stated
    except SettingsError as error:
        raise SettingsError(f"limits: {str(error).removeprefix('settings: ')}") from None


def _stricter(settings: Settings, asked: Settings, stated: Collection[str]) -> dict[str, Any]:
    """Return the stricter of the settings and of the limits that were stated."""
    caps: dict[str, Decimal] = {}
    # One account has several spellings: the stricter cap is that of all of them.
    for name, cap in (*settings.account_daily_budget_caps.items(), *asked.account_daily_budget_caps.items()):
        key = name if name.isalpha() else bare_id(name)
        caps[key] = min(cap, caps.get(key, cap))
    limits: dict[str, Any] = {"account_daily_budget_caps": caps}
    for name in {"max_budget_step_percent", "max_budget_day_percent"} & set(stated):
        values = [value for value in (getattr(settings, name), getattr(asked, name)) if value is not None]
        limits[name] = min(values)
    if "kill_switch" in stated:
        limits["kill_switch"] = bool(asked.kill_switch or settings.kill_switch)
    return limits


def _table(embedding: Embedding, settings: Settings | None) -> Table | None:
    """Return the table of the arguments or the embedded one; None for the settings' own in DynamoDB."""
    if embedding.table is not None:
        return embedding.table
    if embedding.store is not None:
        return table_at(embedding.store)
    if settings is None or settings.table_name is not None:
        return None
    home = settings.campaign_automation_home or str(Path.home() / ".campaign_automation")
    return SqliteTable(Path(home) / _FILE)


def table_at(store: str) -> Table:
    """Return the table at `store`. Raises SettingsError for what is no store."""
    if store == "memory":
        return SqliteTable(MEMORY)
    scheme, separator, place = store.partition("://")
    if separator and scheme == "dynamodb" and place:
        return DynamoTable(place, _dynamodb_client())
    # As in SQLAlchemy: three slashes and a path from here, or four and an absolute one.
    path = place.removeprefix("/")
    if scheme == "sqlite" and place.startswith("/") and path and not {"?", "\0"} & set(path):
        return SqliteTable(path)
    raise SettingsError(f"{store} is no store; it {_STORES}")


def _dynamodb_client() -> Callable[[], Any]:
    from campaign_automation.clients.aws import Aws

    aws = Aws()
    return lambda: aws.client("dynamodb")


def _notice(table: Table | None) -> str | None:
    if not isinstance(table, SqliteTable):
        return None
    if table.path == MEMORY:
        return "everything is kept in memory and lost with this process; name a store to keep it"
    return f"everything is kept in {table.path}: one host, on a durable volume"


def _attempt(gaps: list[str], argument: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (SettingsError, TypeError, ValueError, RuntimeError, OSError) as error:
        gaps.append(f"{argument}: {str(error).removeprefix('settings: ')}")
        return None
