"""The guards of every write. Pure: amounts in, a refusal or None out. A limit that is not set refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, Self

from campaign_automation.adapters.common.account_ids import bare_id
from campaign_automation.managers.changes import wording
from campaign_automation.managers.changes.items import DesiredChange, may_raise
from campaign_automation.managers.shared.view import Value
from campaign_automation.settings import Settings

LARGE_PERCENT = Decimal(20)  # a budget change beyond it is marked sensitive in the audit trail


class Limits(NamedTuple):
    """The limits of a deployment; None stands for a limit that is not set, and refuses.

    `step_percent` bounds one change of a budget, `day_percent` all changes within 24 hours, both in percent
    of the budget before. `account_caps` is the most that the active campaigns of an account may spend a day,
    in the major unit, by account id or by currency. `is_stopped` is the kill switch: with it on only what
    lowers spend is written.
    """

    step_percent: Decimal | None = None
    day_percent: Decimal | None = None
    account_caps: Mapping[str, Decimal] = {}
    is_stopped: bool | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            settings.max_budget_step_percent,
            settings.max_budget_day_percent,
            settings.account_daily_budget_caps,
            settings.kill_switch,
        )


class Refusal(NamedTuple):
    """A guard's refusal: `code` is for programs, `message` for people."""

    code: str
    message: str


def check_switch(limits: Limits) -> Refusal | None:
    if limits.is_stopped is None:
        return _missing("KILL_SWITCH")
    if limits.is_stopped:
        return Refusal("kill_switch", wording.KILL_SWITCH_ON)
    return None


def check_wanted(
    wanted: DesiredChange,
    live: Value,
    seen: Sequence[Value],
    day_ago: Decimal | None,
    limits: Limits,
) -> Refusal | None:
    """Check one change of an object against what is live there, as in check_change.

    A setting is not checked against what was last seen, since a person's request names the value that holds;
    an undo `expected` another one than it finds only where somebody changed it since.
    """
    if wanted.setting is None:
        takes_back = wanted.takes_back
        return check_change(wanted.value, live, seen, day_ago, limits, takes_back=takes_back)
    if may_raise(wanted.field, live, str(wanted.value)) and (refusal := check_switch(limits)):
        return refusal
    if wanted.expected not in (None, live):
        return Refusal("changed_by_other", wording.changed_by_other(live, wanted.expected))
    return None


def check_change(
    value: str | Decimal,
    live: str | Decimal | None,
    seen: Sequence[str | Decimal | None],
    day_ago: Decimal | None,
    limits: Limits,
    *,
    takes_back: bool,
) -> Refusal | None:
    """Check one change of a status or budget to `value`: the switch, ownership, the budget's caps.

    `live` is the value on the platform now, `seen` the values that we last saw or set there, `day_ago` the
    budget in force 24 hours ago where it was changed since. A pause or deletion is never refused, and the
    switch holds back no lower budget. Taking back a change of ours is no new decision: the caps on steps and
    days do not bind it, the account's cap does.
    """
    if value in ("paused", "deleted"):
        return None  # before all guards: spend can be stopped with no limit set and the switch on
    is_lower = isinstance(value, Decimal) and isinstance(live, Decimal) and value < live
    if not is_lower and (refusal := check_switch(limits)):
        return refusal
    if live not in seen:
        return Refusal("changed_by_other", wording.changed_by_other(live, seen[0]))
    if isinstance(value, Decimal) and isinstance(live, Decimal) and not takes_back:
        return check_budget(live, live if day_ago is None else day_ago, value, limits)
    return None


def check_budget(current: Decimal, day_ago: Decimal, new: Decimal, limits: Limits) -> Refusal | None:
    """Check one budget change against the budget now and against the one in force 24 hours ago."""
    if limits.step_percent is None:
        return _missing("MAX_BUDGET_STEP_PERCENT")
    if limits.day_percent is None:
        return _missing("MAX_BUDGET_DAY_PERCENT")
    if not _is_within(current, new, limits.step_percent):
        return Refusal("step_cap", wording.over_step_cap(current, new, limits.step_percent))
    if not _is_within(day_ago, new, limits.day_percent):
        return Refusal("day_cap", wording.over_day_cap(day_ago, new, limits.day_percent))
    return None


def cap_in(limits: Limits, account_id: str, currency: str) -> Decimal | None:
    """Return the cap of an account; that of its currency holds for all accounts without one of their own."""
    caps = {bare_id(name): cap for name, cap in limits.account_caps.items()}
    return caps.get(bare_id(account_id), limits.account_caps.get(currency))


def check_account(total: Decimal, account_id: str, currency: str, limits: Limits) -> Refusal | None:
    """Check `total`, the daily spend of all active campaigns of the account, against its cap."""
    cap = cap_in(limits, account_id, currency)
    if cap is None:
        return _missing("ACCOUNT_DAILY_BUDGET_CAPS", f" for {account_id} or {currency}")
    if total > cap:
        return Refusal("account_cap", wording.over_account_cap(total, cap, currency))
    return None


def is_large(before: Decimal, after: Decimal) -> bool:
    return not _is_within(before, after, LARGE_PERCENT)


def _is_within(base: Decimal, new: Decimal, percent: Decimal) -> bool:
    return abs(new - base) * 100 <= base * percent  # multiplied, not divided: a budget of 0 needs no case


def _missing(setting: str, scope: str = "") -> Refusal:
    return Refusal("limit_missing", wording.limit_missing(setting, scope))
