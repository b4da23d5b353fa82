"""The settings, the store and the accounts of a process that embeds the module, without AWS too."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from campaign_automation.managers.shared.accounts import AccountDirectory, GivenAccounts, GivenAccountSource
from campaign_automation.settings import Settings, SettingsError, parse_settings
from campaign_automation.stores.engines.dynamodb import DynamoTable
from campaign_automation.stores.engines.sqlite import MEMORY, SqliteTable
from campaign_automation.stores.table import Table
from campaign_automation.utils.error_handler import ConfigurationError

_FILE = "store.db"
_STORES = 'should be "memory", "sqlite:///path/of/the/file" or "dynamodb://table"'
_NO_ACCOUNTS = (
    "accounts: there is no source of ad accounts; pass mcp_client=, or"
    ' accounts={"user_123": {"meta": {"platform_account_id": "...", "access_token": "..."}}}'
)


@dataclass(frozen=True)
class Limits:
    """The limits on what the module may spend and move.

    `account_daily_budget` is the most that all active campaigns of an account may spend a day, in the
    major unit, by currency or by account id; without an entry nothing is started or raised. A single change
    of a budget, and all of a day, are bounded in percent. `stopped`: nothing but pauses is written.
    """

    account_daily_budget: Mapping[str, Decimal | int | float | str] = field(default_factory=dict)
    step_percent: Decimal | int | float = 50
    day_percent: Decimal | int | float = 50
    stopped: bool = False

    def as_settings(self) -> dict[str, Any]:
        return {
            "account_daily_budget_caps": {name: str(cap) for name, cap in self.account_daily_budget.items()},
            "max_budget_step_percent": str(self.step_percent),
            "max_budget_day_percent": str(self.day_percent),
            "kill_switch": self.stopped,
        }


@dataclass(frozen=True)
class Embedding:
    """The arguments of CampaignAutomation besides its three clients; None is what the settings say."""

    store: str | None = None
    table: Table | None = None
    limits: Limits | None = None
    accounts: GivenAccountSource | None = None
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
    gaps: list[str] = []
    environment = os.environ
    settings = _attempt(gaps, lambda: _settings(embedding, environment))
    table = _attempt(gaps, lambda: _table(embedding, settings))
    has_aws = settings is not None and settings.table_name is not None
    has_tools = embedding.has_web_platform or (settings is not None and settings.mcp_url is not None)
    if embedding.accounts is None and not has_tools and not has_aws:
        gaps.append(_NO_ACCOUNTS)
    if gaps or settings is None:
        raise ConfigurationError(f"the module is not set up yet: {'; '.join(gaps)}", gaps=gaps)
    source = embedding.accounts
    accounts = None if source is None else GivenAccounts(source, has_web_platform=has_tools)
    return Embedded(settings, table, accounts, _notice(table))


def _settings(embedding: Embedding, environment: Mapping[str, str]) -> Settings:
    """Return the settings: safe limits, over them the environment, over that the arguments."""
    has_table = environment.get("TABLE_NAME") or "AWS_LAMBDA_FUNCTION_NAME" in environment
    base = {} if has_table else Limits().as_settings()
    given = {**(embedding.declarations or {}), **(embedding.settings or {})}
    if embedding.limits is not None:
        given |= embedding.limits.as_settings()
    return parse_settings(environment, under=base, over=given).in_process


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
    if separator and place:
        match scheme:
            case "sqlite":
                # As in SQLAlchemy: three slashes and a relative path, or four and an absolute one.
                return SqliteTable(place.removeprefix("/"))
            case "dynamodb":
                return DynamoTable(place, _dynamodb_client())
    raise SettingsError(f"store: {store} is no store; it {_STORES}")


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


def _attempt(gaps: list[str], make: Callable[[], Any]) -> Any:
    try:
        return make()
    except SettingsError as error:
        gaps.append(str(error).removeprefix("settings: "))
        return None
