"""One module with a table of its own against a platform, and the time that passes for both."""

from __future__ import annotations

import asyncio
import logging
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
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
from tests.chaos.live import Live, live_objects
from tests.support.memory_table import MemoryTable
from tests.support.sandbox import Sandbox

USER = "user_123"
WEB_PLATFORM = "web_platform"
OPERATOR_ROLES = ["viewer", "buyer", "approver", "operator"]
# The reconciler visits within minutes, again after an hour, and once more for what was stopped by force.
HOURS = (0, 1, 2, 1)
HELD_SECONDS = 5  # how long a platform leaves the call of a worker open that is to be stopped or ended
ODD_ANSWER = "answer not read"

Json = dict[str, Any]
Perform = Callable[["House"], Awaitable[Json]]


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

    async def _get_many(self, keys: Sequence[Key], names: Sequence[str]) -> list[Row]:
        self._check()
        return await super()._get_many(keys, names)

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


class House(ABC):
    """The parts of one case. `campaign_id` is the campaign that its action is about."""

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.table = MemoryTable()
        self.campaign_id = ""
        self.known: Json = {}
        self._modules: list[CampaignAutomation] = []
        self.restart()

    @abstractmethod
    def make_module(self, table: Table) -> CampaignAutomation:
        """Return the module of a new process."""

    @abstractmethod
    def fault(self, platform: str, operation: str, **description: Any) -> None: ...

    @abstractmethod
    def end_faults(self) -> bool:
        """Take the faults away; return whether every one of them met a call."""

    @abstractmethod
    def act_late(self) -> None:
        """Let the platforms carry out what they never answered."""

    @abstractmethod
    def calls(self) -> Counter[tuple[str, str]]:
        """Return how often each operation of platform and Web Platform was called."""

    @abstractmethod
    def live(self) -> list[Live]:
        """Return the objects on the platform that are not deleted, nor is their campaign."""

    @abstractmethod
    def records(self) -> list[Json]:
        """Return the Web Platform's records of campaigns, without deleted ones."""

    @abstractmethod
    async def advance(self, *, days: int = 0, hours: int = 0) -> None: ...

    async def abort(self, perform: Perform, nth: int, then: str) -> tuple[Json, bool]:
        """Stop the execution of a creation at a point, after which its caller does something else.

        Raises ValueError for a house in which no execution runs apart from its caller.
        """
        raise ValueError(f"{type(self).__name__}: no execution runs here that could be stopped")

    async def kill(self, perform: Perform, action: str) -> tuple[Json, bool]:
        """End the worker that carries the action out while the platform leaves its call without an answer.

        Raises ValueError for a house that has no workers.
        """
        raise ValueError(f"{type(self).__name__}: no worker runs here that could be ended")

    def restart(self, table: Table | None = None) -> None:
        """Go on in a new process, which knows what the table says."""
        self._modules.append(self.make_module(table or self.table))

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
            await self.advance(hours=hours)
            await self.sweep()

    async def sweep(self) -> None:
        await self.parts.reconciler.sweep()
        await self.parts.orphans.sweep()
        await self.parts.outbox.sweep()

    async def creations(self) -> list[Creation]:
        """All that the table knows."""
        ids = [pk.split("#campaign#")[1] for pk in self.table._partitions if "#campaign#" in pk]
        return [await self.parts.creation.load(USER, item) for item in ids]


class SandboxHouse(House):
    """Against the sandbox, over the network."""

    def __init__(self, sandbox: Sandbox, platform: str) -> None:
        sandbox.reset()
        if platform == "tiktok":  # a hundred calls in a minute are more than the basic tier allows
            sandbox.patch_account(platform, "7000000000000000123", calls_per_minute=1_000_000)
        self.sandbox = sandbox
        super().__init__(platform)

    def make_module(self, table: Table) -> CampaignAutomation:
        return CampaignAutomation(table=table)

    def fault(self, platform: str, operation: str, **description: Any) -> None:
        self.sandbox.fault(platform, operation, **description)

    def end_faults(self) -> bool:
        met = [item["seen"] >= item["nth"] for item in self.sandbox.faults()]
        self.sandbox.reset_faults()
        return all(met)

    def act_late(self) -> None:
        self.sandbox.act_late()

    def calls(self) -> Counter[tuple[str, str]]:
        names = (self.platform, WEB_PLATFORM)
        return Counter((name, call["operation"]) for name in names for call in self.sandbox.calls(name))

    def live(self) -> list[Live]:
        return list(live_objects(self.platform, self.sandbox.state(self.platform)))

    def records(self) -> list[Json]:
        records = self.sandbox.state(WEB_PLATFORM)["campaigns"].values()
        return [record for record in records if not record["deleted"]]

    async def advance(self, *, days: int = 0, hours: int = 0) -> None:
        self.sandbox.advance(advance_days=days, advance_hours=hours)
        await clock.synchronise(self.parts.settings.clock_url)


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
