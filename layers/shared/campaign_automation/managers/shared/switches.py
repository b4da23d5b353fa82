"""The kill switches at run time: rows beside the setting, read before each write to a platform."""

from __future__ import annotations

import time

from campaign_automation.models.common import Context
from campaign_automation.models.switches import (
    KillSwitches,
    KillSwitchSet,
    ListKillSwitches,
    SetKillSwitch,
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
    """The switches of this deployment. Writes are stopped when the setting or a row says so."""

    def __init__(self, store: SwitchStore, setting: bool | None) -> None:
        self._store = store
        self._setting = setting
        self._on: frozenset[str] = frozenset()
        self._read_at: float | None = None

    async def refusal(self, tenant: str, platform: str, account: str) -> str | None:
        """Return the reason why nothing that raises spend may be written for the account now, or None."""
        try:
            on = await self._scopes_on()
        except StoreError as error:
            logger.warning("kill switches not read", reason=error.message)
            return _UNREADABLE
        concerned = (
            "deployment",
            f"platform:{platform}",
            f"account:{platform}:{account}",
            f"tenant:{tenant}",
        )
        stopped = next((scope for scope in concerned if scope in on), None)
        return stopped and f"the kill switch of {stopped} is on: only what lowers spend is written"

    async def check(self, tenant: str, platform: str, account: str) -> None:
        """Raise GuardRefusedError when nothing that raises spend may be written for the account now."""
        if reason := await self.refusal(tenant, platform, account):
            raise GuardRefusedError(reason, guard=KILL_SWITCH)

    async def _scopes_on(self) -> frozenset[str]:
        if self._read_at is None or time.monotonic() - self._read_at > FRESH_SECONDS:
            self._on = frozenset(item.scope for item in await self._store.all() if item.is_on)
            self._read_at = time.monotonic()
        return self._on

    async def set(self, request: SetKillSwitch, caller: Context) -> KillSwitchSet:
        """Turn a switch on or off; whoever writes finds it so within ten seconds."""
        switch = Switch(
            scope=request.key,
            is_on=request.is_on,
            actor=caller.actor,
            reason=request.reason,
            at=clock.iso_now(),
        )
        await self._store.set(switch)
        self._read_at = None
        emit("kill_switch_changes_total", state="on" if request.is_on else "off")
        logger.warning("kill switch set", scope=switch.scope, is_on=switch.is_on, actor=switch.actor)
        return KillSwitchSet(scope=switch.scope, is_on=switch.is_on, message=_message(switch))

    async def show(self, request: ListKillSwitches, caller: Context) -> KillSwitches:
        """Return the switches as they are, and their latest changes."""
        changes = await self._store.changes(request.changes) if request.changes else []
        return KillSwitches(
            setting=self._setting,
            switches=[_shown(item) for item in await self._store.all()],
            changes=[_shown(item) for item in changes],
        )


def _shown(switch: Switch) -> SwitchShown:
    return SwitchShown.model_validate(switch.model_dump())


def _message(switch: Switch) -> str:
    if not switch.is_on:
        return f"writes for {switch.scope} pass again, unless another switch or the setting stops them"
    return f"only what lowers spend is written for {switch.scope}; campaigns that run spend on until paused"
