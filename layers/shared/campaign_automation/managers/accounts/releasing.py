"""The share of an account's cap which a campaign holds that its platform never shows again, given back."""

from __future__ import annotations

from decimal import Decimal

from campaign_automation.managers.accounts import wording
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes import records
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import new_run
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context
from campaign_automation.models.switches import CommitmentReleased, ReleaseCommitment
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.table import UnreadableRowError
from campaign_automation.utils.error_handler import ConflictError, ForbiddenError
from campaign_automation.utils.observability import emit, logger


class CommitmentReleases:
    def __init__(
        self, campaigns: CampaignManager, gate: WriteGate, audit: AuditStore, commitments: Commitments
    ) -> None:
        self._campaigns = campaigns
        self._gate = gate
        self._audit = audit
        self._commitments = commitments

    async def release(self, request: ReleaseCommitment, caller: Context) -> CommitmentReleased:
        """Stop counting the campaign, which an operator knows to spend nothing, for its account's cap.

        Raises ConflictError for one that its platform shows: its share follows what it may spend. One that is
        shown again counts from its next change on. A share that cannot be read, which holds back whatever
        raises the spend of the account, is given back too.
        """
        tenant = request.tenant or caller.user_id
        if tenant != caller.user_id and not caller.is_named_operator:
            raise ForbiddenError(wording.OTHER_TENANT, field="tenant")
        campaign = await self._campaigns.load_created(tenant, request.campaign_id)
        if (await self._gate.look(campaign)).unseen is None:
            raise ConflictError(wording.SHOWN, field="campaign_id")
        amount = await self._standing(campaign)
        is_done = amount != 0 and not request.dry_run
        run_id = await self._forget(campaign, amount, caller, request.reason) if is_done else None
        account = campaign.account
        return CommitmentReleased(
            campaign_id=campaign.campaign_id,
            platform_account_id=account.platform_account_id,
            released=amount or Decimal(0),
            was_unreadable=amount is None,
            currency=account.currency,
            run_id=run_id,
            message=wording.commitment_released(
                amount, account.currency, account.platform_account_id, dry_run=request.dry_run
            ),
        )

    async def _standing(self, campaign: Campaign) -> Decimal | None:
        """Return what the campaign commits, or None where its row is there and holds no amount."""
        try:
            return await self._commitments.standing(campaign)
        except UnreadableRowError:
            return None

    async def _forget(self, campaign: Campaign, amount: Decimal | None, caller: Context, reason: str) -> str:
        run = new_run(caller.actor, reason)
        # On record first: a share that is gone without a trace could not be explained.
        await self._audit.conclude([records.commitment_released(campaign, run, amount)])
        await self._commitments.release(campaign.tenant, campaign.account, campaign.campaign_id)
        emit("commitments_released_total", platform=campaign.platform)
        logger.warning(
            "commitment released", campaign_id=campaign.campaign_id, amount=str(amount), actor=run.actor
        )
        return run.run_id
