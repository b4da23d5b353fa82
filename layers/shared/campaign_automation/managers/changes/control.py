"""Pause, start and delete: the request becomes desired changes for the write gate, its results the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    changed_items,
    failed_items,
    new_run,
    skipped_item,
    skipped_items,
)
from campaign_automation.managers.changes.wording import CAMPAIGN_DELETED, already_message, managed_message
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.changes import (
    CampaignManaged,
    ManageCampaign,
)
from campaign_automation.models.common import Context, Level
from campaign_automation.utils.error_handler import (
    ConflictError,
    GuardRefusedError,
    NotFoundError,
)

_STATUS: dict[str, Literal["active", "paused", "deleted"]] = {
    "pause": "paused",
    "start": "active",
    "delete": "deleted",
}
# After a guard's refusal the caller must change something, so it is an error when nothing else was done.
_GUARDS = ("kill_switch", "limit_missing", "account_cap", "step_cap", "day_cap", "changed_by_other")


class CampaignControl:
    def __init__(self, campaigns: CampaignManager, gate: WriteGate) -> None:
        self._campaigns = campaigns
        self._gate = gate

    async def manage(self, request: ManageCampaign, context: Context) -> CampaignManaged:
        """Set the status of a campaign or of some of its ad sets or ads.

        Starting a campaign starts the ads and ad sets that were never started; what was paused on its own
        stays paused. Raises ConflictError for a deleted campaign, GuardRefusedError when a guard held back
        all of it, the platform's error when the campaign itself (or every object asked for) could not be
        changed.
        """
        campaign = await self._campaigns.load_created(context.user_id, request.campaign_id)
        status = _STATUS[request.action]
        if campaign.state == "deleted" and status != "deleted":
            raise ConflictError(CAMPAIGN_DELETED, field="campaign_id")
        wanted = list(_wanted(campaign, request, status))
        run = new_run(context.actor, request.reason)
        items = await self._gate.apply(campaign, wanted, run, dry_run=request.dry_run)
        _raise_failure(items)
        return CampaignManaged(
            campaign_id=campaign.campaign_id,
            new_status=status,
            run_id=None if request.dry_run else run.run_id,
            changed=changed_items(items),
            skipped=skipped_items(items),
            failed=failed_items(items),
            message=_message(items, request, status),
        )


def _wanted(campaign: Campaign, request: ManageCampaign, status: str) -> Iterator[DesiredChange]:
    level = Level(request.level)
    if request.entity_ids is not None:
        holds = status == "paused"  # paused on its own: a start of the campaign leaves it paused
        for entry in _entities(campaign, request):
            yield DesiredChange(level, entry.tag, "status", status, holds)
    elif status == "active":
        for entry in campaign.start_order():
            yield DesiredChange(entry.level, entry.tag, "status", status)
    else:
        # Pausing or deleting the campaign object stops all in it; its children keep their own status.
        yield DesiredChange(Level.CAMPAIGN, campaign.tag, "status", status)


def _entities(campaign: Campaign, request: ManageCampaign) -> list[ObjectEntry]:
    known = {
        name: entry
        for entry in campaign.made(Level(request.level))
        for name in (entry.tag, entry.platform_id)
    }
    # Callers may name an object by our tag or by the platform's id, and name it twice by both.
    unknown = [item for item in request.entity_ids or [] if item not in known]
    if unknown:
        raise NotFoundError(
            f"entity_ids: the campaign has no {request.level} {', '.join(unknown[:5])}", field="entity_ids"
        )
    return list({known[item].tag: known[item] for item in request.entity_ids or []}.values())


def _raise_failure(items: Sequence[ChangeResult]) -> None:
    """Raise the error of a request of which nothing was done; a success needs a change, or nothing to do."""
    # The campaign itself is always the last item, when the request is about it.
    last = items[-1]
    is_campaign = last.wanted.level is Level.CAMPAIGN
    if last.result == "failed" and (is_campaign or all(item.result == "failed" for item in items)):
        assert last.error is not None
        raise last.error
    decisive = [last] if is_campaign else items
    if all(item.result == "skipped" for item in decisive):
        code, _, message = last.reason.partition(": ")
        if code not in _GUARDS:
            raise ConflictError(last.reason, field="campaign_id")
        raise GuardRefusedError(
            message, guard=code, skipped=[skipped_item(item).model_dump() for item in items]
        )


def _message(items: Sequence[ChangeResult], request: ManageCampaign, status: str) -> str:
    if all(item.result == "already" for item in items):
        return already_message(status)
    levels = [Level(item.level) for item in changed_items(items)]
    return managed_message(levels, len(items) - len(levels), status, dry_run=request.dry_run)
