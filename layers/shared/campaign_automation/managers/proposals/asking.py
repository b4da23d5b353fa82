"""Requests that are proposed: each is planned as its dry run is, and its plan is stored."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from campaign_automation.managers.budgets.budget_manager import BudgetManager
from campaign_automation.managers.proposals import wording
from campaign_automation.managers.proposals.creating import ProposedCreations
from campaign_automation.managers.proposals.making import ProposalMaker, answer_of
from campaign_automation.managers.proposals.plans import planned_run
from campaign_automation.managers.updates.updating import CampaignUpdates
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.campaigns import CampaignCreated, CreateCampaign
from campaign_automation.models.changes import CampaignUpdated, UpdateCampaign
from campaign_automation.models.common import Context, Proposable
from campaign_automation.models.creation.duplicates import DuplicateCampaign
from campaign_automation.models.proposals import (
    ProposalMade,
    ProposedAction,
    ProposedCreation,
    ProposedPlan,
    ProposedRun,
)

_ACTS = {"mode": "act", "proposal_hours": Proposable.model_fields["proposal_hours"].default}


class ProposalRequests:
    def __init__(
        self,
        maker: ProposalMaker,
        budgets: BudgetManager,
        updates: CampaignUpdates,
        creations: ProposedCreations,
    ) -> None:
        self._maker = maker
        self._budgets = budgets
        self._updates = updates
        self._creations = creations

    async def budgets(self, request: OptimizeBudget, context: Context) -> BudgetOptimized | ProposalMade:
        """Propose what optimize_budget decides; where it changes nothing, its answer says so."""
        planned = await self._budgets.plan(request, context)
        runs = [
            planned_run(
                batch.campaign,
                batch.run,
                [planned.results[item.tag] for item in batch.changes],
                attribution_days=planned.answer.attribution.days,
                budgets=batch.budgets,
            )
            for batch in planned.batches
        ]
        # The digest of a dry run is that of figures which change by the hour; this plan has its own.
        answer = planned.answer.model_copy(update={"plan_digest": None, "expires_at": None})
        if not (runs := [run for run in runs if run.changes]):
            return answer
        plan = ProposedPlan(runs=runs, moves_budgets=True, room=planned.room)
        return await self._made("optimize_budget", plan, answer, answer.summary.text, request, context)

    async def update(self, request: UpdateCampaign, context: Context) -> CampaignUpdated | ProposalMade:
        """Propose what update_campaign changes; where it changes nothing, its answer says so."""
        planned = await self._updates.plan(request, context)
        run = planned_run(planned.campaign, planned.run, planned.items, targets=planned.targets)
        if not run.changes:
            return planned.answer
        plan, message = ProposedPlan(runs=[run]), _summary([run])
        return await self._made("update_campaign", plan, planned.answer, message, request, context)

    async def create(self, request: CreateCampaign, context: Context) -> ProposalMade:
        """Propose a campaign, planned on its platform."""
        planned = await self._creations.plan(request.model_copy(update=_ACTS), context)
        return await self._created("create_campaign", *planned, request, context)

    async def duplicate(self, request: DuplicateCampaign, context: Context) -> ProposalMade:
        """Propose the copy of a campaign as it is now."""
        planned = await self._creations.plan_copy(request.model_copy(update=_ACTS), context)
        return await self._created("duplicate_campaign", *planned, request, context)

    async def _created(
        self,
        action: ProposedAction,
        answer: CampaignCreated,
        creation: ProposedCreation,
        request: CreateCampaign | DuplicateCampaign,
        context: Context,
    ) -> ProposalMade:
        total = f"{creation.request['daily_budget']} {answer.currency}"
        message = wording.creation(answer.name, len(answer.adsets), len(answer.ads), total)
        return await self._made(action, ProposedPlan(creation=creation), answer, message, request, context)

    async def _made(
        self,
        action: ProposedAction,
        plan: ProposedPlan,
        answer: BaseModel,
        summary: str,
        request: Proposable,
        context: Context,
    ) -> ProposalMade:
        preview: dict[str, Any] = answer.model_dump(mode="json", by_alias=True)
        proposal = await self._maker.make(
            context.user_id,
            action,
            plan,
            preview=preview,
            summary=summary,
            reason=getattr(request, "reason", action),
            proposed_by=context.actor,
            hours=request.proposal_hours,
            language=context.language,
        )
        return answer_of(proposal)


def _summary(runs: list[ProposedRun]) -> str:
    return wording.changes(sum(len(run.changes) for run in runs), len(runs))
