"""Kill switches and account caps at run time: rows beside the settings, read before each platform write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal

from campaign_automation.adapters.common.account_ids import bare_id
from campaign_automation.models.common import Context
from campaign_automation.models.switches import (
    AccountCap,
    AccountCapSet,
    CapShown,
    KillSwitchSet,
    LimitsShown,
    ListLimits,
    SetAccountCap,
    SetKillSwitch,
    StopAll,
    Switch,
    SwitchShown,
)
from campaign_automation.stores.operations.switches import SwitchStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import GuardRefusedError, StoreError
from campaign_automation.utils.observability import emit, logger

FRESH_SECONDS = 5.0  # a switch holds within ten seconds everywhere
KILL_SWITCH = "kill_switch"  # the code of the guard
_UNREADABLE = "the kill switches could not be read, so only what lowers spend is written"


class Switches:
    """The switches and caps of this deployment. The stricter of setting and row holds."""

    def __init__(
        self, store: SwitchStore, setting: bool | None, setting_caps: Mapping[str, Decimal] | None = None
    ) -> None:
        self._store = store
        self._setting = setting
        self._setting_caps = dict(setting_caps or {})
        self._on: frozenset[str] = frozenset()  # with bare ids of accounts, as in _caps
        self._caps: dict[str, Decimal] = {}
        self._read_at: float | None = None

    async def refusal(self, tenant: str, platform: str, account: str) -> str | None:
        """Return the reason why nothing that raises spend may be written for the account now, or None."""
        try:
            await self._refresh()
        except StoreError as error:
            logger.warning("kill switches not read", reason=error.message)
            return _UNREADABLE
        concerned = _scopes(tenant, platform, account)
        stopped = next((scope for scope in concerned if _bare(scope) in self._on), None)
        return stopped and f"the kill switch of {stopped} is on: only what lowers spend is written"

    async def check(self, tenant: str, platform: str, account: str) -> None:
        """Raise GuardRefusedError when nothing that raises spend may be written for the account now."""
        if reason := await self.refusal(tenant, platform, account):
            raise GuardRefusedError(reason, guard=KILL_SWITCH)

    async def note_stop(self, request: StopAll) -> None:
        """Note that nothing which began until now in the scope of the request is to start by itself."""
        await self._store.stop(_bare(request.key))

    async def was_stopped(self, tenant: str, platform: str, account: str, began_ms: int) -> bool:
        """Return whether all campaigns of a scope that has the account were stopped at a time or later.

        Read anew each time: a stop holds at once. Raises StoreError when the stops cannot be read.
        """
        stopped = await self._store.stopped_since(began_ms)
        return any(_bare(scope) in stopped for scope in _scopes(tenant, platform, account))

    async def cap(self, account: str, currency: str) -> Decimal | None:
        """Return the cap that operators set for the account, else for its currency, or None.

        Raises StoreError when the caps cannot be read.
        """
        await self._refresh()
        return self._caps.get(bare_id(account), self._caps.get(bare_id(currency)))

    async def _refresh(self) -> None:
        if self._read_at is None or time.monotonic() - self._read_at > FRESH_SECONDS:
            switches, caps = await asyncio.gather(self._store.all(), self._store.caps())
            self._on = frozenset(_bare(item.scope) for item in switches if item.is_on)
            self._caps = _strictest(caps)
            self._read_at = time.monotonic()

    async def set(self, request: SetKillSwitch, caller: Context) -> KillSwitchSet:
        """Turn a switch on or off; whoever writes finds it so within ten seconds."""
        # Those that were set in other spellings of the account are the same.
        standing = [item.scope for item in await self._store.all() if _bare(item.scope) == _bare(request.key)]
        told = {"is_on": request.is_on, "actor": caller.actor, "reason": request.reason}
        for scope in standing or [request.key]:
            switch = Switch(scope=scope, **told, at=clock.iso_now())
            await self._store.set(switch)
        self._read_at = None
        emit("kill_switch_changes_total", state="on" if request.is_on else "off")
        logger.warning("kill switch set", scope=switch.scope, is_on=switch.is_on, actor=switch.actor)
        return KillSwitchSet(scope=switch.scope, is_on=switch.is_on, message=_message(switch))

    async def set_cap(self, request: SetAccountCap, caller: Context) -> AccountCapSet:
        """Set or lift the cap of an account or of a currency's accounts."""
        name = bare_id(request.name)
        standing = [item.name for item in await self._store.caps() if bare_id(item.name) == name]
        told = {"daily_budget": request.daily_budget, "actor": caller.actor, "reason": request.reason}
        for name in standing or [request.name]:
            cap = AccountCap(name=name, **told, at=clock.iso_now())
            await self._store.set_cap(cap)
        self._read_at = None
        emit("account_cap_changes_total")
        logger.warning("account cap set", cap=cap.name, daily_budget=str(cap.daily_budget), actor=cap.actor)
        return AccountCapSet(name=cap.name, daily_budget=cap.daily_budget, message=_cap_message(cap))

    async def show(self, request: ListLimits, caller: Context) -> LimitsShown:
        """Return the switches and caps as they are, and their latest changes."""
        most = request.changes
        return LimitsShown(
            kill_switch=self._setting,
            account_caps=self._setting_caps,
            switches=[_shown(item) for item in await self._store.all()],
            caps=[_cap_shown(item) for item in await self._store.caps()],
            switch_changes=[_shown(item) for item in await self._store.changes(most)],
            cap_changes=[_cap_shown(item) for item in await self._store.cap_changes(most)],
        )


def _scopes(tenant: str, platform: str, account: str) -> tuple[str, ...]:
    """Return the keys of the scopes that an account of a tenant is in, the widest first."""
    return "deployment", f"platform:{platform}", f"account:{platform}:{account}", f"tenant:{tenant}"


def _bare(scope: str) -> str:
    """Return a scope with what is left of an account's id in all its spellings."""
    kind, *names = scope.split(":", 2)
    return ":".join((kind, names[0], bare_id(names[1]))) if kind == "account" else scope


def _strictest(caps: Iterable[AccountCap]) -> dict[str, Decimal]:
    """Return the caps by bare id; of several spellings of one account the lowest holds."""
    lowest: dict[str, Decimal] = {}
    for cap in caps:
        name = bare_id(cap.name)
        if cap.daily_budget is not None:
            lowest[name] = min(cap.daily_budget, lowest.get(name, cap.daily_budget))
    return lowest


def _shown(switch: Switch) -> SwitchShown:
    return SwitchShown.model_validate(switch.model_dump())


def _cap_shown(cap: AccountCap) -> CapShown:
    return CapShown.model_validate(cap.model_dump())


def _cap_message(cap: AccountCap) -> str:
    if cap.daily_budget is None:
        return f"for {cap.name} the setting alone holds again"
    return f"active campaigns of {cap.name} may commit {cap.daily_budget} a day; those that run are not cut"


def _message(switch: Switch) -> str:
    if not switch.is_on:
        return f"writes for {switch.scope} pass again, unless another switch or the setting stops them"
    return f"only what lowers spend is written for {switch.scope}; campaigns that run spend on until paused"
