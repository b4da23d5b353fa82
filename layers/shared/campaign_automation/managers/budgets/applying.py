"""Carries out a budget plan through the write gate: pauses and lowers everywhere before any raise.

So the total never overshoots in between, and money that was not freed is not spent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Run
from campaign_automation.models.budget_problem import BudgetPlan, Decision
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.money import to_major

_FREEING = ("pause", "decrease_budget")  # in this order
_WAITS = "waits_for_lowers: the money for it is not free yet; run again when it is"


class Job(NamedTuple):
    """The decisions on one campaign that change something, and the run they are carried out in."""

    campaign: Campaign
    level: Level
    decisions: list[Decision]
    run: Run


class Done(NamedTuple):
    """What became of one decision: the gate's item, or why the gate never had it."""

    item: ChangeResult | None = None
    error: CampaignAutomationError | None = None
    reason: str = ""


class BudgetApplier:
    def __init__(self, gate: WriteGate) -> None:
        self._gate = gate

    async def apply(
        self, jobs: Sequence[Job], exponent: int, *, room: int | None, dry_run: bool
    ) -> dict[str, Done]:
        """What became of each decision, by unit. `room` is by how much (minor units) raises may exceed the
        money that pauses and lowers free, below 0 where the total is to fall; None where raises do not wait.

        Raises the error of a campaign only when nothing at all could even be tried.
        """
        done: dict[str, Done] = {}
        freeing = [job._replace(decisions=_ordered(job.decisions)) for job in jobs]
        done |= await self._phase(freeing, exponent, dry_run)
        raises = [job._replace(decisions=_raises(job.decisions)) for job in jobs]
        if room is not None:
            raises, held = _within(raises, room + _freed(freeing, done))
            done |= dict.fromkeys(held, Done(reason=_WAITS))
        done |= await self._phase(raises, exponent, dry_run)
        errors = [item.error for item in done.values() if item.error]
        if errors and len(errors) == len(done):
            raise errors[0]
        return done

    async def _phase(self, jobs: Sequence[Job], exponent: int, dry_run: bool) -> dict[str, Done]:
        """Campaigns side by side: the gate lets one run at a time into each."""
        results = await asyncio.gather(
            *(self._campaign(job, exponent, dry_run) for job in jobs if job.decisions)
        )
        return {unit: done for result in results for unit, done in result.items()}

    async def _campaign(self, job: Job, exponent: int, dry_run: bool) -> dict[str, Done]:
        wanted = [_wanted(job.level, decision, exponent) for decision in job.decisions]
        try:
            items = await self._gate.apply(job.campaign, wanted, job.run, dry_run=dry_run)
        except CampaignAutomationError as error:
            return {decision.unit_id: Done(error=error) for decision in job.decisions}
        return {item.wanted.tag: Done(item) for item in items}


def room_of(plan: BudgetPlan) -> int:
    """A plan that moves money may use what it frees, and what a higher total adds."""
    return max(plan.total_after_minor - plan.total_before_minor, 0)


def _ordered(decisions: Sequence[Decision]) -> list[Decision]:
    return [item for action in _FREEING for item in decisions if item.action == action]


def _raises(decisions: Sequence[Decision]) -> list[Decision]:
    return [item for item in decisions if item.action == "increase_budget"]


def _wanted(level: Level, decision: Decision, exponent: int) -> DesiredChange:
    if decision.action == "pause":
        return DesiredChange(level, decision.unit_id, "status", "paused", holds=True)
    budget = to_major(decision.new_budget_minor, exponent)
    return DesiredChange(level, decision.unit_id, "daily_budget", budget)


def _freed(jobs: Sequence[Job], done: Mapping[str, Done]) -> int:
    """What waits for midnight is still spent today."""
    return sum(
        decision.old_budget_minor - decision.new_budget_minor
        for job in jobs
        for decision in job.decisions
        if (item := done[decision.unit_id].item)
        and item.result in ("changed", "planned", "already")
        and item.effective == "now"
    )


def _within(jobs: Sequence[Job], money: int) -> tuple[list[Job], list[str]]:
    """As many of the raises, in order, as the money pays for, and the units that wait."""
    kept: list[Job] = []
    held: list[str] = []
    for job in jobs:
        decisions = []
        for decision in job.decisions:
            more = decision.new_budget_minor - decision.old_budget_minor
            if more <= money:
                money -= more
                decisions.append(decision)
            else:
                held.append(decision.unit_id)
        kept.append(job._replace(decisions=decisions))
    return kept, held
