"""The data that rules are evaluated on: objects with their daily records, and their past actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.models.common import Level, Platform, SpendEnvelope


class Day(NamedTuple):
    """One full or running day of the account's time zone; money in the currency's major unit.

    None is unknown. A day without delivery is a record of zeros; a day without a record is unknown too.
    """

    day: date
    spend: float | None
    impressions: float | None
    clicks: float | None
    conversions: float | None
    revenue: float | None


@dataclass(frozen=True, slots=True)
class Entity:
    """A campaign, ad set or ad. `days` in any order; history begins with `first_day` or the first record.

    `paused_by_us`: a rule or the optimiser paused it, no person. `pause_until`: the end of that pause.
    `evidence_from`: the first day whose figures are about the object as it is, after the last change of
    creative, audience or target, or the last start; a new budget does not matter. `envelope`: the most that
    its platform may spend of its daily budget, where that is known.
    """

    entity_id: str
    level: Level
    campaign_id: str
    platform: Platform
    name: str
    active: bool
    days: Sequence[Day]
    adset_id: str | None = None
    daily_budget: Decimal | None = None
    target_roas: float | None = None
    target_cpa: float | None = None
    last_action_at: datetime | None = None
    pause_until: datetime | None = None
    paused_by_us: bool = False
    first_day: date | None = None
    evidence_from: date | None = None
    envelope: SpendEnvelope | None = None


@dataclass(frozen=True)
class Snapshot:
    """One ad account, in one currency, at `now` (aware).

    `maturity[age]` is the share of a day's final conversions that is known `age` days after it ended, and 1
    beyond the list; measured as science.md section 3 says, or assumed while nothing was measured.
    """

    entities: Sequence[Entity]
    now: datetime
    time_zone: str = "UTC"
    maturity: Sequence[float] = (1.0,)
    maturity_assumed: bool = False

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("now: a time needs its zone")
        if not all(0 < share <= 1 for share in self.maturity):
            raise ValueError("maturity: each share is above 0 and at most 1")

    @cached_property
    def today(self) -> date:
        return self.day_of(self.now)

    def day_of(self, moment: datetime) -> date:
        """Return the account's calendar day of `moment`."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()


class PastAction(NamedTuple):
    """A change that was carried out by a rule or by us. `direction`: 1 more spend, -1 less, 0 neither."""

    entity_id: str
    field: str
    direction: int
    at: datetime
    rule_id: str | None = None


@dataclass(frozen=True)
class Memory:
    """The actions before `now`; a week of them is enough, or the longest cooldown when that is longer."""

    actions: Sequence[PastAction] = ()
    _by_entity: dict[str, list[PastAction]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_entity: dict[str, list[PastAction]] = {}
        for action in sorted(self.actions, key=lambda action: action.at):
            by_entity.setdefault(action.entity_id, []).append(action)
        object.__setattr__(self, "_by_entity", by_entity)  # the class is frozen

    def of(self, entity_id: str) -> list[PastAction]:
        """Return the actions on one object, oldest first."""
        return self._by_entity.get(entity_id, [])

    def with_actions(self, actions: Iterable[PastAction]) -> Memory:
        return Memory((*self.actions, *actions))
