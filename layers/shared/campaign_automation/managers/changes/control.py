"""Pause, start and delete: the request becomes desired changes for the write gate, its results the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from campaign_automation.clients.step_functions import Executions
from campaign_automation.managers.campaign_manager import CampaignManager, created
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    GUARDS,
    ChangeResult,
    DesiredChange,
    changed_items,
    failed_items,
    is_confirmed,
    new_run,
    skipped_item,
    skipped_items,
    status_of,
)
from campaign_automation.managers.changes.resuming import Resumes, moment_of
from campaign_automation.managers.changes.wording import (
    CAMPAIGN_DELETED,
    NOTHING_MADE,
    PAUSED_ALONE,
    already_message,
    creation_stopped_message,
    lasting,
    managed_message,
    other_now,
    paused_alone,
)
from campaign_automation.managers.shared.idempotency import Now
from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry, Stop
from campaign_automation.models.changes import (
    CampaignManaged,
    ManageCampaign,
    SkippedItem,
)
from campaign_automation.models.common import Context, Level
from campaign_automation.utils.error_handler import (
    ConflictError,
    GuardRefusedError,
    InvalidRequestError,
    NotFoundError,
)

_STATUS: dict[str, Literal["active", "paused", "deleted"]] = {
    "pause": "paused",
    "start": "active",
    "delete": "deleted",
}


class CampaignControl:
    def __init__(
        self,
        campaigns: CampaignManager,
        gate: WriteGate,
        resumes: Resumes,
        executions: Executions | None = None,
        categories: Sequence[str] | None = None,
    ) -> None:
        """Take the special ad categories that the deployment declares for campaigns without a declaration."""
        self._campaigns = campaigns
        self._gate = gate
        self._resumes = resumes
        self._executions = executions
        self._categories = categories

    async def manage(self, request: ManageCampaign, context: Context) -> CampaignManaged:
        """Set the status of a campaign or of some of its ad sets or ads.

        Starting a campaign starts the ads and ad sets that were never started; what was paused on its own
        stays paused. Raises ConflictError for a deleted campaign and for a start during which all campaigns
        were stopped, GuardRefusedError when a guard held back all of it, the platform's error when the
        campaign itself (or every object asked for) could not be changed. A creation that goes on can be
        paused and deleted: it is stopped first.
        """
        status = _STATUS[request.action]
        known = await self._campaigns.known(context.user_id, request.campaign_id)
        if request.stop and isinstance(known, Creation) and known.state == "creating":
            if stopped := await self._stop(known, request, request.stop, context):
                return stopped
            known = await self._campaigns.known(context.user_id, request.campaign_id)
        campaign = created(known)
        if campaign.state == "deleted" and status != "deleted":
            raise ConflictError(CAMPAIGN_DELETED, field="campaign_id")
        if request.action == "start" and campaign.lacks_declaration:
            campaign = await self._declared(campaign, request)
        return await self._change(campaign, request, context)

    async def as_it_is_now(self, answer: CampaignManaged, context: Context) -> Now:
        """Return an earlier answer with the status of now, and a warning of what has another one since.

        While the platform is away the answer stays as it was.
        """
        campaign = await self._campaigns.load_created(context.user_id, answer.campaign_id)
        if (view := await self._gate.look_again(campaign)) is None:
            return Now(answer, is_over=False)
        known = [item.id for item in answer.changed if item.id in campaign.objects]
        statuses = {tag: view.live(tag, "status") for tag in known}
        others = {tag: status for tag, status in statuses.items() if status != answer.new_status}
        # A status that the platform does not tell is no other one.
        others = {tag: status for tag, status in others.items() if status in _STATUS.values()}
        if not others:
            return Now(answer, is_over=False)
        # Of a change of the whole campaign its own status counts, of parts the one that all of them have.
        told = {statuses[campaign.tag]} if campaign.tag in statuses else set(statuses.values())
        new_status = told.pop() if len(told) == 1 and told <= set(_STATUS.values()) else answer.new_status
        warnings = [*answer.warnings, other_now(others)]
        return Now(answer.model_copy(update={"new_status": new_status, "warnings": warnings}), is_over=False)

    async def _declared(self, campaign: Campaign, request: ManageCampaign) -> Campaign:
        """Return the campaign with the declaration that the request or the deployment makes, if any.

        Raises InvalidRequestError for categories that the campaign was not created with.
        """
        declared = request.special_ad_categories or self._categories
        if declared is None:
            return campaign
        if wrong := sorted(set(declared) - {"NONE"}):
            raise InvalidRequestError(
                f"special_ad_categories: the campaign was created without {', '.join(wrong)}; create it anew"
                " with the categories that apply",
                field="special_ad_categories",
                allowed=["NONE"],
            )
        if not request.dry_run:
            await self._campaigns.declare(campaign)
        return campaign.model_copy(update={"lacks_declaration": False})

    async def _change(self, campaign: Campaign, request: ManageCampaign, context: Context) -> CampaignManaged:
        status = _STATUS[request.action]
        if campaign.is_adopted and not _knows(campaign, request.entity_ids or []):
            await self._gate.look(campaign)
        until = None if request.until is None else moment_of(request.until, campaign)
        wanted = list(_wanted(campaign, request, status))
        run = new_run(context.actor, request.reason, began_ms=context.asked_ms)
        items = await self._gate.apply(campaign, wanted, run, dry_run=request.dry_run)
        raise_failure(items)
        left = _left_out(campaign, wanted) if status == "active" and request.entity_ids is None else []
        paused = await self._resumes.paused_by(campaign, items) if until else []
        does_end = bool(paused)
        if not request.dry_run:
            does_end = await self._resumes.plan(campaign, run, paused, until)
        return CampaignManaged(
            status=status_of(items),
            confirmed=is_confirmed(items),
            campaign_id=campaign.campaign_id,
            new_status=status,
            resumes_at=until if does_end else None,
            run_id=None if request.dry_run else run.run_id,
            changed=changed_items(items),
            skipped=[*skipped_items(items), *(SkippedItem(id=tag, reason=PAUSED_ALONE) for tag in left)],
            failed=failed_items(items),
            warnings=[*([] if until is None or does_end else [lasting(paused)]), *paused_alone(left)],
            message=_message(items, request, status),
        )

    async def _stop(
        self, creation: Creation, request: ManageCampaign, stop: Stop, context: Context
    ) -> CampaignManaged | None:
        """Stop a creation that goes on, and what it has started; None when it ended in between.

        First nothing new is sent, then the execution ends, then the platform is told. What the creation made
        is removed, or kept paused, by the reconciler: a request of a dead step may still be on its way.
        """
        if not request.dry_run:
            if not await self._campaigns.request_stop(creation, stop):
                return None
            if self._executions is not None:
                await self._executions.stop(creation.campaign_id)
            creation = await self._campaigns.load(context.user_id, request.campaign_id)
        if campaign := creation.campaign():
            managed = await self._change(campaign, request, context)
            return managed.model_copy(update={"message": creation_stopped_message(managed.message)})
        return CampaignManaged(
            campaign_id=creation.campaign_id,
            new_status=_STATUS[request.action],
            changed=[],
            message=creation_stopped_message(NOTHING_MADE),
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


def _left_out(campaign: Campaign, wanted: Sequence[DesiredChange]) -> list[str]:
    """Return what a start of a campaign that was made elsewhere leaves out: what is paused on its own."""
    asked = {item.tag for item in wanted}
    made = [item for level in (Level.ADSET, Level.AD) for item in campaign.made(level)]
    entries = made if campaign.is_adopted else ()
    return [item.tag for item in entries if item.tag not in asked and item.status == "paused"]


def _knows(campaign: Campaign, names: Sequence[str]) -> bool:
    made = [entry for entry in campaign.objects.values() if entry.state == "created"]
    known = {name for entry in made for name in (entry.tag, entry.platform_id)}
    return known.issuperset(names)


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


def raise_failure(items: Sequence[ChangeResult], decisive: Sequence[ChangeResult] = ()) -> None:
    """Raise the error of a request of which nothing was done; a success needs a change, or nothing to do.

    `decisive` are the items that count; left out, the campaign itself where the request is about it.
    """
    # The campaign itself is then always the last item.
    last = items[-1]
    decisive = decisive or ([last] if last.wanted.level is Level.CAMPAIGN else items)
    if last.error is not None and all(item.result == "failed" for item in decisive):
        raise last.error
    if all(item.result == "skipped" for item in decisive):
        code, _, message = last.reason.partition(": ")
        if code not in GUARDS:
            raise ConflictError(last.reason, field="campaign_id")
        raise GuardRefusedError(
            message, guard=code, skipped=[skipped_item(item).model_dump() for item in items]
        )


def _message(items: Sequence[ChangeResult], request: ManageCampaign, status: str) -> str:
    if all(item.result == "already" for item in items):
        return already_message(status)
    levels = [Level(item.level) for item in changed_items(items)]
    return managed_message(levels, len(items) - len(levels), status, dry_run=request.dry_run)
