"""One module with a table of its own against the sandbox, and the time that passes for both."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from campaign_automation import CampaignAutomation
from campaign_automation.capability import run_action
from campaign_automation.models.campaign import Creation
from campaign_automation.stores import lease
from campaign_automation.stores.table import Key, Operation, Row, Table
from campaign_automation.utils import clock, retry_strategy
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring
from tests.support.memory_table import MemoryTable
from tests.support.sandbox import Sandbox

USER = "user_123"
OPERATOR_ROLES = ["viewer", "buyer", "approver", "operator"]
# The reconciler visits within minutes, again after an hour, and once more for what was stopped by force.
HOURS = (0, 1, 2, 1)
ODD_ANSWER = "answer not read"

Json = dict[str, Any]


class Killed(BaseException):
    """The end of a process, which nothing in it can catch."""


class MortalTable(MemoryTable):
    """A view of a table whose process dies before or after its `nth` write: nothing it does later counts."""

    def __init__(self, kept: MemoryTable, nth: int = 0, *, after: bool = False) -> None:
        self._partitions = kept._partitions
        self.writes = 0
        self._nth = nth
        self._after = after
        self.is_dead = False

    async def _get(self, key: Key) -> Row | None:
        self._check()
        return await super()._get(key)

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        self._check()
        return await super()._query(pk, since, prefix, limit)

    async def _write(self, operations: Sequence[Operation]) -> None:
        self._check()
        self.writes += 1
        if self.writes != self._nth:
            return await super()._write(operations)
        if self._after:
            await super()._write(operations)
        self.is_dead = True
        raise Killed

    def _check(self) -> None:
        if self.is_dead:
            raise Killed


class House:
    """The parts of one case. `campaign_id` is the campaign that its action is about."""

    def __init__(self, sandbox: Sandbox, platform: str) -> None:
        sandbox.reset()
        if platform == "tiktok":  # a hundred calls in a minute are more than the basic tier allows
            sandbox.patch_account(platform, "7000000000000000123", calls_per_minute=1_000_000)
        self.sandbox = sandbox
        self.platform = platform
        self.table = MemoryTable()
        self.campaign_id = ""
        self.known: Json = {}
        self._modules: list[CampaignAutomation] = []
        self.restart()

    def restart(self, table: Table | None = None) -> None:
        """Go on in a new process, which knows what the table says."""
        self._modules.append(CampaignAutomation(table=table or self.table))

    async def die(self) -> None:
        """End all that the process still does, and go on in another one."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self.restart()

    @property
    def parts(self) -> Wiring:
        return self._modules[-1]._parts()

    async def close(self) -> None:
        for module in self._modules:
            await module.aclose()

    async def ask(self, name: str, /, **parameters: Any) -> Json:
        caller = {"user_id": USER, "idempotency_key": uuid.uuid4().hex, "roles": OPERATOR_ROLES}
        return await run_action(self.parts, name, parameters, caller)

    async def pass_time(self) -> None:
        """Let hours pass, in which reconciler, search and outbox do their work."""
        for hours in HOURS:
            await self.advance(advance_hours=hours)
            await self.parts.reconciler.sweep()
            await self.parts.orphans.sweep()
            await self.parts.outbox.sweep()

    async def advance(self, **step: int) -> None:
        self.sandbox.advance(**step)
        await clock.synchronise(self.parts.settings.clock_url)

    async def creations(self) -> list[Creation]:
        """All that the table knows."""
        ids = [pk.split("#campaign#")[1] for pk in self.table._partitions if "#campaign#" in pk]
        return [await self.parts.creation.load(USER, item) for item in ids]


class _Crashes(logging.Handler):
    """Keeps the unexpected errors that the module logged and outlived."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # An odd answer of a platform is logged with its trace and answered with a code of its own.
        if record.exc_info and record.exc_info[1] is not None and record.getMessage() != ODD_ANSWER:
            self.found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@contextmanager
def crashes() -> Iterator[list[str]]:
    """The unexpected errors that the module logs meanwhile."""
    handler = _Crashes()
    logger.addHandler(handler)
    try:
        yield handler.found
    finally:
        logger.removeHandler(handler)


@contextmanager
def virtual_time() -> Iterator[None]:
    """Time passes by command alone: retries come at once, and the leases of the dead end with the hours."""
    usual = retry_strategy._sleep, lease.machine_now

    async def at_once(seconds: float) -> None:
        # The next action takes the platforms' time again.
        clock._offset += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    retry_strategy._sleep = at_once
    lease.machine_now = lambda: clock.now_ms() // 1000
    try:
        yield
    finally:
        retry_strategy._sleep, lease.machine_now = usual
