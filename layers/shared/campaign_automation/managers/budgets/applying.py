"""Carries out a budget plan through the write gate: pauses and lowers everywhere before any raise.

So the total never overshoots in between, and money that was not freed is not spent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.managers.budgets.evidence import audit_evidence
from campaign_automation.managers.budgets.problem import BudgetProposal
from campaign_automation.managers.budgets.wording import WAITS_FOR_LOWERS
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Run, new_run
from campaign_automation.managers.shared.insights import CampaignInsights
from campaign_automation.models.budget_problem import Decision
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.money import to_major

Results = dict[str, ChangeResult]  # by unit


class Batch(NamedTuple):
    """The changes of one campaign and the run that makes them; `budgets` are today's, by unit."""

    campaign: Campaign
    changes: list[DesiredChange]
    run: Run
    budgets: Mapping[str, Decimal]

    def rise(self, change: DesiredChange) -> Decimal:
        """Return the money a day that a change adds, below 0 where it frees some."""
        after = change.value if isinstance(change.value, Decimal) else Decimal(0)
        return after - self.budgets[change.tag]

    @property
    def freeing(self) -> Batch:
        """The pauses, then the lowers."""
        freeing = [item for item in self.changes if self.rise(item) <= 0]
        return self._replace(changes=sorted(freeing, key=lambda item: item.field != "status"))

    @property
    def raising(self) -> Batch:
        return self._replace(changes=[item for item in self.changes if self.rise(item) > 0])


def batches_of(proposal: BudgetProposal, actor: str, reason: str) -> list[Batch]:
    """Return one batch for each campaign in which something changes."""
    changing = {item.unit_id: item for item in proposal.plan.decisions if item.action != "keep"}
    batches = []
    for insights in (item.insights for item in proposal.facts):
        decisions = [changing[tag] for tag in sorted(insights.tags) if tag in changing]
        if decisions:
            batches.append(_batch(insights, decisions, proposal, actor, reason))
    return batches


def _batch(
    insights: CampaignInsights,
    decisions: Sequence[Decision],
    proposal: BudgetProposal,
    actor: str,
    reason: str,
) -> Batch:
    problem, exponent = proposal.problem, proposal.problem.currency_exponent
    evidence = {item.unit_id: audit_evidence(item, problem, proposal.plan) for item in decisions}
    return Batch(
        insights.campaign,
        [_change(insights.level, item, exponent) for item in decisions],
        new_run(actor, reason, evidence),
        {item.unit_id: to_major(item.old_budget_minor, exponent) for item in decisions},
    )


def _change(level: Level, decision: Decision, exponent: int) -> DesiredChange:
    if decision.action == "pause":
        return DesiredChange(level, decision.unit_id, "status", "paused", holds=True)
    budget = to_major(decision.new_budget_minor, exponent)
    return DesiredChange(level, decision.unit_id, "daily_budget", budget)


class BudgetApplier:
    def __init__(self, gate: WriteGate) -> None:
        self._gate = gate

    async def apply(self, batches: Sequence[Batch], *, room: Decimal | None, dry_run: bool) -> Results:
        """Return the result of each change, by unit.

        `room` is the money by which raises may exceed what pauses and lowers free, below 0 where the total is
        to fall; None where raises do not wait. Raises the error of a campaign only when the gate let none be
        tried.
        """
        refused: dict[str, CampaignAutomationError] = {}
        # Both phases belong to one run: undo takes back the whole decision.
        freeing = [batch.freeing for batch in batches]
        results = await self._send(freeing, refused, dry_run=dry_run)
        raising = [batch.raising for batch in batches]
        if room is not None:
            raising, waiting = _within(raising, room + _freed(freeing, results))
            results |= waiting
        results |= await self._send(raising, refused, dry_run=dry_run)
        if refused and len(refused) == len(results):
            raise next(iter(refused.values()))
        return results

    async def _send(
        self, batches: Sequence[Batch], refused: dict[str, CampaignAutomationError], *, dry_run: bool
    ) -> Results:
        """Send campaigns side by side: the gate lets one run at a time into each."""
        sent = await asyncio.gather(
            *(self._campaign(batch, refused, dry_run) for batch in batches if batch.changes)
        )
        return {item.wanted.tag: item for results in sent for item in results}

    async def _campaign(
        self, batch: Batch, refused: dict[str, CampaignAutomationError], dry_run: bool
    ) -> list[ChangeResult]:
        try:
            return await self._gate.apply(batch.campaign, batch.changes, batch.run, dry_run=dry_run)
        except CampaignAutomationError as error:
            # One campaign may be locked or gone; the others are still changed.
            refused.update(dict.fromkeys((item.tag for item in batch.changes), error))
            return [_untried(batch, item)._replace(result="failed", error=error) for item in batch.changes]


def _untried(batch: Batch, change: DesiredChange) -> ChangeResult:
    return ChangeResult(change, batch.campaign.objects[change.tag], batch.budgets[change.tag], "skipped")


def _freed(batches: Sequence[Batch], results: Results) -> Decimal:
    """Return the money that is free now: a lowering that waits for midnight is still spent today."""
    return sum(
        (
            -batch.rise(change)
            for batch in batches
            for change in batch.changes
            if (result := results[change.tag]).result in ("changed", "planned", "already")
            and result.effective == "now"
        ),
        Decimal(0),
    )


def _within(batches: Sequence[Batch], money: Decimal) -> tuple[list[Batch], Results]:
    """Return as many of the raises, in order, as the money pays for, and results for those that wait."""
    paid: list[Batch] = []
    waiting: Results = {}
    for batch in batches:
        changes = []
        for change in batch.changes:
            if batch.rise(change) <= money:
                money -= batch.rise(change)
                changes.append(change)
            else:
                waiting[change.tag] = _untried(batch, change)._replace(reason=WAITS_FOR_LOWERS)
        paid.append(batch._replace(changes=changes))
    return paid, waiting
