"""The applied decisions with their forecasts, their outcomes, and the calibration of each account.

| pk                             | sk                | holds                                                 |
|--------------------------------|-------------------|-------------------------------------------------------|
| <tenant>#forecasts#<campaign>  | <time>-<run>      | the forecast; the verdict, once it is looked at again |
| <tenant>#calibration           | <account>         | how many forecasts were judged, and how many held     |

A decision that is still to be looked at again is found by its time, under a key of its own in the outbox's
index.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from campaign_automation.models.budget_problem import Estimate
from campaign_automation.models.budgets import DecisionKind, EarlierDecision, ForecastMetric
from campaign_automation.models.common import Amount, Level, Record
from campaign_automation.stores.table import Absent, Key, Put, Row, Table, Update, Value
from campaign_automation.utils.clock import now_ms

_TO_LOOK_AT = "decision"  # under this key the outbox's index holds decisions whose days will be over
_COUNTS = ("judged", "held", "held_unwidened")


class ForecastUnit(Record):
    """One budget: its curve (result = ceiling * budget / (half + budget)) and the budget it was left with.

    Of a test's winner there is only the ad set.
    """

    tag: str
    ceiling: float = 0.0
    half: float = 1.0
    daily_budget: Amount = Decimal(0)


class Forecast(Record):
    """A decision on one campaign, and the forecast of its result a day from `first_day` to `last_day`.

    Amounts are in the major unit, rates in percent of `rate_of`. Nothing is `predicted` without curves; the
    figures are then those of the whole campaign. `level` is that of the figures, None for the level that has
    the budgets. `widening` is the account's factor at the time. `counts`: no earlier forecast that counts has
    days in common with it, so that a calibration does not take the same luck for several misses. `due_at`:
    the attribution window of the last day is over.
    """

    kind: DecisionKind = "optimization"
    tenant: str
    campaign_id: str
    account: str
    run_id: str = ""
    decided_at: int
    metric: ForecastMetric
    currency: str
    first_day: date
    last_day: date
    units: list[ForecastUnit] = []
    level: Level | None = None
    rate_of: Literal["impressions", "clicks"] | None = None
    predicted: Estimate | None = None
    unchanged: Estimate | None = None
    widening: float = 1.0
    counts: bool = True
    attribution_days: int = 7
    due_at: int = 0

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    @property
    def daily_budget(self) -> Decimal | None:
        """The budgets together; None where they are not part of the forecast."""
        has_budgets = self.units and self.kind == "optimization"
        return sum((unit.daily_budget for unit in self.units), Decimal(0)) if has_budgets else None


class StoredForecast(NamedTuple):
    """A forecast, its verdict where it has one, and whether the audit trail holds that verdict."""

    forecast: Forecast
    verdict: EarlierDecision | None
    in_trail: bool


class DueDecision(NamedTuple):
    """A decision that is due to be looked at again, by its campaign and key."""

    tenant: str
    campaign_id: str
    pk: str
    sk: str


class Calibration(NamedTuple):
    """Forecasts of an account: those judged, those whose range held the truth, and those whose range would
    have held it without having been widened."""

    judged: int = 0
    held: int = 0
    held_unwidened: int = 0


class ForecastStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def put(self, forecast: Forecast) -> None:
        """Store a decision, unless the same run has stored it."""
        row = {**_key(forecast)._asdict(), "forecast": forecast.model_dump_json()}
        await self._table.try_write(Put({**row, **_look_at(forecast.due_at)}, when=Absent()))

    async def due(self, limit: int) -> list[DueDecision]:
        """Return the decisions whose days are over, of all tenants, the longest due first."""
        rows = await self._table.indexed(_TO_LOOK_AT, limit=limit)
        return [_due(row) for row in rows if row["due"] <= now_ms()]

    async def postpone(self, due: DueDecision, until: int) -> None:
        """Have a decision looked at later, unless it has been looked at meanwhile."""
        later = Update(Key(due.pk, due.sk), set=_look_at(until), when=Absent("in_trail"))
        await self._table.try_write(later)

    async def since(self, tenant: str, campaign_id: str, at_ms: int) -> list[StoredForecast]:
        """Return the forecasts of a campaign since `at_ms`, the oldest first."""
        rows = await self._table.query(_pk(tenant, campaign_id), since=f"{at_ms:013d}")
        return [_stored(row) for row in rows]

    async def judge(self, forecast: Forecast, verdict: EarlierDecision, *, held_unwidened: bool) -> bool:
        """Store the verdict and count it for the account, both or neither. Return False if one stands."""
        operations = [
            Update(_key(forecast), set={"verdict": verdict.model_dump_json()}, when=Absent("verdict"))
        ]
        if forecast.counts and verdict.verdict in ("held", "above", "below"):
            row = {
                **_calibration_key(forecast.tenant, forecast.account)._asdict(),
                **dict.fromkeys(_COUNTS, 0),
            }
            await self._table.try_write(Put(row, when=Absent()))
            counts = {
                "judged": 1,
                "held": int(verdict.verdict == "held"),
                "held_unwidened": int(held_unwidened),
            }
            operations.append(Update(_calibration_key(forecast.tenant, forecast.account), add=counts))
        return await self._table.try_write(*operations)

    async def recorded(self, forecast: Forecast) -> None:
        """Store that the audit trail holds the verdict. The curves, most of the row, have served."""
        rest = forecast.model_copy(update={"units": []}).model_dump_json()
        done = {"in_trail": 1, "forecast": rest, **_look_at(None)}
        await self._table.write(Update(_key(forecast), set=done))

    async def calibration(self, tenant: str, account: str) -> Calibration:
        row = await self._table.get(_calibration_key(tenant, account))
        return Calibration() if row is None else Calibration(*(int(row[name]) for name in _COUNTS))


def _look_at(due: int | None) -> dict[str, Value]:
    return {"outbox": None if due is None else _TO_LOOK_AT, "due": due}


def _due(row: Row) -> DueDecision:
    tenant, _, campaign_id = row["pk"].partition("#forecasts#")
    return DueDecision(tenant, campaign_id, row["pk"], row["sk"])


def _stored(row: Row) -> StoredForecast:
    verdict = row.get("verdict")
    return StoredForecast(
        Forecast.model_validate_json(row["forecast"]),
        None if verdict is None else EarlierDecision.model_validate_json(verdict),
        "in_trail" in row,
    )


def _key(forecast: Forecast) -> Key:
    pk = _pk(forecast.tenant, forecast.campaign_id)
    return Key(pk, f"{forecast.decided_at:013d}-{forecast.run_id}")


def _pk(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#forecasts#{campaign_id}"


def _calibration_key(tenant: str, account: str) -> Key:
    return Key(f"{tenant}#calibration", account)
