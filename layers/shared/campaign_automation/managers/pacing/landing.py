"""Proposals that land a month on its budget: other daily budgets, or a pause once it is used up."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import DesiredChange, new_run
from campaign_automation.managers.pacing import wording
from campaign_automation.managers.proposals.making import ProposalMaker, new_id
from campaign_automation.managers.proposals.plans import planned_run
from campaign_automation.managers.updates.updating import CampaignUpdates
from campaign_automation.models.changes import UpdateCampaign
from campaign_automation.models.common import Context, Level
from campaign_automation.models.proposals import ProposedPlan, ProposedRun
from campaign_automation.models.reports.pacing import CampaignPacing, Pacing
from campaign_automation.stores.proposal_store import ProposalStore
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import logger

ACTOR = "monthly_budget:"
_HOURS = 24  # a day later the figures are others
_WORTH = Decimal("0.05")  # a change of all daily budgets together by less is not proposed


class Landing:
    def __init__(
        self,
        campaigns: CampaignManager,
        gate: WriteGate,
        updates: CampaignUpdates,
        maker: ProposalMaker,
        proposals: ProposalStore,
    ) -> None:
        self._campaigns = campaigns
        self._gate = gate
        self._updates = updates
        self._maker = maker
        self._proposals = proposals

    async def propose(
        self, tenant: str, pacing: Pacing, today: date, mark: str, latest: str | None
    ) -> str | None:
        """Propose what lands the month on its budget; return the proposal's id.

        None where nothing would change, while the latest one waits, and when the day has had its own.
        """
        if latest is not None and await self._waits(tenant, latest):
            return None
        stops = pacing.state == "used_up"
        runs = [
            await self._run(tenant, pacing, item, stops=stops) for item in _to_change(pacing, stops=stops)
        ]
        plan = ProposedPlan(runs=[run for run in runs if run is not None and run.changes])
        if not plan.runs:
            return None
        # Named after its day: a sweep that is repeated proposes the same once.
        day_ms = int(datetime.combine(today, time.min, UTC).timestamp() * 1000)
        proposal = await self._maker.make(
            tenant,
            "update_campaign",
            plan,
            preview=pacing.model_dump(mode="json"),
            summary=wording.summary(pacing, stops=stops),
            reason=wording.reason(pacing),
            proposed_by=f"{ACTOR}{pacing.name}",
            hours=_HOURS,
            proposal_id=new_id(day_ms, mark),
        )
        return proposal.proposal_id

    async def _waits(self, tenant: str, proposal_id: str) -> bool:
        proposal = await self._proposals.load(tenant, proposal_id)
        return proposal is not None and not proposal.is_ended

    async def _run(
        self, tenant: str, pacing: Pacing, item: CampaignPacing, *, stops: bool
    ) -> ProposedRun | None:
        """Return the planned changes of one campaign; None where it takes none, as below its least budget."""
        try:
            return await (self._stop if stops else self._budget)(tenant, pacing, item)
        except CampaignAutomationError as error:
            logger.warning("budget not planned", campaign_id=item.campaign_id, reason=error.message)
            return None

    async def _budget(self, tenant: str, pacing: Pacing, item: CampaignPacing) -> ProposedRun:
        wanted = {"campaign_id": item.campaign_id, "daily_budget": item.landing_daily_budget}
        request = UpdateCampaign.model_validate({**wanted, "reason": wording.reason(pacing)})
        planned = await self._updates.plan(request, Context(user_id=tenant))
        return planned_run(planned.campaign, planned.run, planned.items)

    async def _stop(self, tenant: str, pacing: Pacing, item: CampaignPacing) -> ProposedRun:
        campaign = await self._campaigns.load_created(tenant, item.campaign_id)
        run = new_run(f"{ACTOR}{pacing.name}", wording.reason(pacing))
        wanted = [DesiredChange(Level.CAMPAIGN, campaign.tag, "status", "paused")]
        return planned_run(campaign, run, await self._gate.apply(campaign, wanted, run, dry_run=True))


def _to_change(pacing: Pacing, *, stops: bool) -> list[CampaignPacing]:
    running = [item for item in pacing.campaigns if item.daily_budget > 0]
    if stops:
        return running
    wanted = [item for item in running if item.landing_daily_budget is not None]
    before = sum((item.daily_budget for item in wanted), Decimal(0))
    after = sum((item.landing_daily_budget or Decimal(0) for item in wanted), Decimal(0))
    return wanted if abs(after - before) >= before * _WORTH else []
