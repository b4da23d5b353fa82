"""Pauses that end by themselves: a schedule has what they stopped started again.

The reconciler, which visits a campaign when its pause is over, is the net under a schedule that is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaign_automation.clients.scheduler import Retries, Schedule, Scheduler
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Run, new_run
from campaign_automation.managers.changes.wording import pause_over
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.models.campaign import Campaign, Resume
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    GuardRefusedError,
    InvalidRequestError,
)
from campaign_automation.utils.observability import logger

_LATER_SECONDS = 3600  # between two tries of a start that a switch or a cap holds back
_RETRIES = Retries(attempts=185, seconds=24 * 3600)
_SOON = timedelta(seconds=30)
_MAY_PASS_LATER = ("kill_switch", "limit_missing", "account_cap")


def moment_of(until: datetime | date, campaign: Campaign) -> datetime:
    """Return the moment at which a pause ends; a date begins at midnight of the account's zone.

    Raises InvalidRequestError for one that is over.
    """
    if not isinstance(until, datetime):
        until = datetime.combine(until, time(0), ZoneInfo(campaign.account.time_zone))
    if until <= clock.now():
        raise InvalidRequestError("until: is over; give a moment that is to come", field="until")
    return until


class PauseSchedules:
    """The schedules at the ends of pauses, one for each campaign, named after it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def put(self, campaign: Campaign, resume: Resume) -> None:
        """Schedule the end of a pause, in the place of an earlier one."""
        # Whole seconds, rounded up: a tick before the end would start nothing. The scheduler takes no past.
        end = max(clock.at_ms(resume.at_ms) + timedelta(seconds=1), clock.now() + _SOON)
        moment = end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        tick = {"tenant": campaign.tenant, "campaign_id": campaign.campaign_id}
        schedule = Schedule(_name(campaign), f"at({moment})", tick, _RETRIES, deletes_itself=True)
        await self._scheduler.put(schedule, replace=True)

    async def delete(self, campaign: Campaign) -> None:
        await self._scheduler.delete(_name(campaign))


def _name(campaign: Campaign) -> str:
    return f"{campaign.campaign_id}-resume"


class Resumes:
    """The ends of pauses; without `schedules` the reconciler's visits alone carry them out."""

    def __init__(
        self,
        store: CampaignStore,
        audit: AuditStore,
        gate: WriteGate,
        switches: Switches,
        schedules: PauseSchedules | None = None,
    ) -> None:
        self._schedules = schedules
        self._store = store
        self._audit = audit
        self._gate = gate
        self._switches = switches

    async def paused_by(self, campaign: Campaign, items: Sequence[ChangeResult]) -> list[str]:
        """Return the objects that a pause with an end stopped, those of one that still goes on among them.

        What did not run before it is not started by its end.
        """
        waiting = await self._untouched(campaign, campaign.resume) if campaign.resume else []
        before = {item.tag for item in waiting}
        stopped = [item.wanted.tag for item in items if item.result in ("changed", "planned")]
        left = [item.wanted.tag for item in items if item.result == "already"]
        return [*stopped, *(tag for tag in left if tag in before)]

    async def plan(self, campaign: Campaign, run: Run, paused: list[str], until: datetime | None) -> bool:
        """Store when what a request paused starts again, and return whether it does.

        After a stop of all campaigns meanwhile it does not. Any other request ends what was planned before.
        """
        now = clock.now_ms()  # first: a stop that is not found here came later
        if until is None or not paused or await self._was_stopped(campaign, run.began_ms):
            if campaign.resume is not None:
                await self._store.plan_resume(campaign, None)
                await self._schedule(campaign, None)
            return False
        moment = int(until.timestamp() * 1000)
        resume = Resume(at_ms=moment, paused_ms=now, run_id=run.run_id, actor=run.actor, tags=paused)
        await self._store.plan_resume(campaign, resume)
        await self._schedule(campaign, resume)
        return True

    async def _schedule(self, campaign: Campaign, resume: Resume | None) -> None:
        """Make or delete the schedule; a pause stands without it, and one too many starts nothing."""
        if self._schedules is None:
            return
        try:
            if resume is None:
                await self._schedules.delete(campaign)
            else:
                await self._schedules.put(campaign, resume)
        except CampaignAutomationError as error:
            logger.warning("pause not scheduled", campaign_id=campaign.campaign_id, reason=error.message)

    async def carry_out(self, campaign: Campaign) -> Resume | None:
        """Start what was paused until now; return the pause that still goes on, if one does.

        What somebody touched since stays as it is, and all of it after a stop of all campaigns. Raises the
        platform's error, and GuardRefusedError while a switch or cap holds it back: it is tried again.
        """
        resume = campaign.resume
        if resume is None or resume.at_ms > clock.now_ms():
            return resume
        if await self._was_stopped(campaign, resume.paused_ms):
            await self.drop(campaign)
            return None
        if wanted := await self._untouched(campaign, resume):
            reason = pause_over(clock.at_ms(resume.at_ms))
            run = new_run(resume.actor, reason, began_ms=resume.paused_ms)
            _raise_held_back(await self._gate.apply(campaign, wanted, run))
        await self._store.plan_resume(campaign, None)
        logger.info("pause over", campaign_id=campaign.campaign_id, started=len(wanted))
        return None

    async def _was_stopped(self, campaign: Campaign, since_ms: int) -> bool:
        account = campaign.account.platform_account_id
        return await self._switches.was_stopped(campaign.tenant, campaign.platform, account, since_ms)

    async def drop(self, campaign: Campaign) -> None:
        """Give up the end of a pause, which then lasts until somebody starts the campaign."""
        await self._store.plan_resume(campaign, None)

    async def _untouched(self, campaign: Campaign, resume: Resume) -> list[DesiredChange]:
        trail = await self._audit.since(campaign.tenant, campaign.campaign_id, resume.paused_ms)
        touched = {
            record.entity_id
            for record in trail
            if record.operation in ("set_status", "remove")
            and record.run_id != resume.run_id
            and record.outcome != "failed"
        }
        tags = [tag for tag in resume.tags if tag in campaign.objects and tag not in touched]
        return [DesiredChange(campaign.objects[tag].level, tag, "status", "active") for tag in tags]


def _raise_held_back(items: Sequence[ChangeResult]) -> None:
    for item in items:
        if item.error is not None:
            raise item.error
        code, _, message = item.reason.partition(": ")
        if item.result == "skipped" and code in _MAY_PASS_LATER:
            raise GuardRefusedError(message, guard=code, retry_after=_LATER_SECONDS)
