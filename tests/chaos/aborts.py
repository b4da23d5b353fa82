"""Executions of the state machine that somebody stops: the step that runs goes on, and no other begins."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.chaos.house import House, Json, MortalTable, Perform
from tests.chaos.invariants import ORPHAN, WRONG, View, Violation
from tests.support.memory_table import MemoryTable


class Abort(NamedTuple):
    """The execution is stopped after its `nth` write to the table; its caller may then pause or delete."""

    nth: int
    then: str


class _Stopped(BaseException):
    """No further step of an execution begins."""


class SignallingTable(MortalTable):
    """A view of a table that tells of its `nth` write."""

    def __init__(self, kept: MemoryTable, nth: int) -> None:
        super().__init__(kept)
        self._told = nth
        self.reached = asyncio.Event()

    async def _write(self, operations: Sequence[Any]) -> None:
        await super()._write(operations)
        if self.writes == self._told:
            self.reached.set()


class Machine:
    """Executions in this process, with the methods of the client of Step Functions."""

    def __init__(self, house: House, table: MemoryTable) -> None:
        self._parts = house.make_module(table)._parts()
        self._creation = self._parts.creation
        self._step = self._creation.run_step
        self._creation.run_step = self._guarded  # type: ignore[method-assign]
        self._aborted = False
        self.runs: dict[str, asyncio.Task[None]] = {}

    async def start(self, name: str, payload: Mapping[str, Any]) -> None:
        if name not in self.runs:
            self.runs[name] = asyncio.create_task(self._run(payload["tenant"], payload["campaign_id"]))

    async def status(self, name: str) -> str | None:
        if name not in self.runs:
            return None
        return "ABORTED" if self._aborted else "SUCCEEDED" if self.runs[name].done() else "RUNNING"

    async def stop(self, name: str) -> None:
        self._aborted = True

    async def _run(self, tenant: str, campaign_id: str) -> None:
        try:
            await self._creation.run(tenant, campaign_id)
        except _Stopped:
            return

    async def _guarded(self, step: str, tenant: str, campaign_id: str, **arguments: Any) -> Any:
        if self._aborted:
            raise _Stopped
        return await self._step(step, tenant, campaign_id, **arguments)


async def stop_at_write(house: House, perform: Perform, nth: int, then: str) -> tuple[Json, bool]:
    """Return the answer to the action whose execution was stopped, and whether it was."""
    table = SignallingTable(house.table, nth)
    machine = Machine(house, table)
    house.parts.__dict__["_executions"] = machine
    asked = asyncio.ensure_future(perform(house))
    reached = asyncio.create_task(table.reached.wait())
    await asyncio.wait([asked, reached], return_when=asyncio.FIRST_COMPLETED)
    is_met = reached.done()
    reached.cancel()
    for name in machine.runs:
        await machine.stop(name)
        house.campaign_id = name
        if then:
            await house.ask("manage_campaign", campaign_id=name, action=then, confirm=True)
    answer = await asked
    await asyncio.gather(*machine.runs.values())
    return answer, is_met


def broken_stops(view: View, abort: Abort) -> list[Violation]:
    """Return where the campaign is active that its caller stopped, or there though its caller deleted it.

    Of an execution that is stopped in its last step the campaign may run: the step goes on to its end.
    """
    if abort.then and any(item.status == "active" and item.level == "campaign" for item in view.live):
        return [Violation(WRONG, "the creation was stopped and its campaign is active")]
    if abort.then == "delete" and view.live:
        return [Violation(ORPHAN, "the creation was deleted and left objects")]
    return []
