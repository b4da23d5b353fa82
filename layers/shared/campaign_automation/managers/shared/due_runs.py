"""The runs of schedules that a process without a scheduler carries out itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from campaign_automation.clients.scheduler import Retries, Schedule
from campaign_automation.stores.operations.schedules import DueRun, DueRuns, TableScheduler
from campaign_automation.stores.table import Key
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, envelope
from campaign_automation.utils.observability import emit, internal_error, logger

RULES, AB_TESTS, PAUSES, SWEEPS = "rules", "ab_tests", "pauses", "sweeps"
# A sweep that fails is simply due again after its interval.
_NO_RETRIES = Retries(attempts=0, seconds=0)

Handler = Callable[[dict[str, str]], Awaitable[Any]]


class Ran(NamedTuple):
    """One run: its schedule, the time it was for, and its answer or the error envelope."""

    schedule: str
    scheduled_time: str
    status: str
    answer: dict[str, Any]


class DueRunner:
    """Carries out what is due: ticks of rules and tests by group, and the sweeps at their intervals."""

    def __init__(
        self, runs: DueRuns, sweeps: TableScheduler, handlers: Mapping[str, Handler], rates: Mapping[str, str]
    ) -> None:
        """Take a handler for each group of schedules; `rates` are the sweeps with their rate expressions."""
        self._runs = runs
        self._sweeps = sweeps
        self._handlers = handlers
        self._rates = rates
        self._has_sweeps = False

    async def run(self) -> list[Ran]:
        """Carry out all runs that are due now, each by one process only, and return them."""
        await self._make_sweeps()
        await self._runs.note_driver()
        ran: list[Ran] = []
        seen: set[Key] = set()
        while (run := await self._runs.claim(seen)) is not None:
            ran.append(await self._carry_out(run))
        return ran

    async def seconds_to_next(self, longest: float) -> float:
        """Return the seconds until something is due, at most `longest`."""
        due = await self._runs.next_due()
        return longest if due is None else min(max((due - clock.now()).total_seconds(), 0), longest)

    async def _make_sweeps(self) -> None:
        if self._has_sweeps:
            return
        for name, rate in self._rates.items():
            await self._sweeps.put(Schedule(name, rate, {"sweep": name}, _NO_RETRIES), replace=False)
        self._has_sweeps = True

    async def _carry_out(self, run: DueRun) -> Ran:
        try:
            answer = await self._handlers[run.group](run.tick)
        except Exception as error:  # of any kind: the others are still to be run
            return await self._failed(run, error)
        except BaseException:  # the program ends: another process is to carry it out at once
            await self._runs.release(run)
            raise
        await self._runs.done(run)
        return _ran(run, "success", answer)

    async def _failed(self, run: DueRun, error: Exception) -> Ran:
        final = isinstance(error, CampaignAutomationError) and not error.retryable
        again = not final and await self._runs.failed(run)
        if not again:
            await self._runs.done(run)
            emit("ticks_given_up_total")
        if isinstance(error, CampaignAutomationError):
            logger.warning("tick failed", schedule=run.schedule.name, again=again, reason=error.message)
        else:
            internal_error("tick failed", schedule=run.schedule.name, again=again)
        return _ran(run, "error", envelope(error, run.holder))


def _ran(run: DueRun, status: str, answer: dict[str, Any]) -> Ran:
    return Ran(run.schedule.name, clock.iso(run.scheduled_time), status, answer)
