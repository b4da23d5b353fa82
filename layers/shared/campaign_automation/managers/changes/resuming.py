"""Pauses that end by themselves: what they stopped is started again by the reconciler's visits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Run, new_run
from campaign_automation.managers.changes.wording import pause_over
from campaign_automation.models.campaign import Campaign, Resume
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import GuardRefusedError, InvalidRequestError
from campaign_automation.utils.observability import logger

_LATER_SECONDS = 3600  # between two tries of a start that a switch or a cap holds back
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


class Resumes:
    def __init__(self, store: CampaignStore, audit: AuditStore, gate: WriteGate) -> None:
        self._store = store
        self._audit = audit
        self._gate = gate

    async def plan(
        self, campaign: Campaign, run: Run, items: Sequence[ChangeResult], until: datetime | None
    ) -> None:
        """Store when what a request paused starts again; any other request ends what was planned before."""
        paused = [item.wanted.tag for item in items if item.result in ("changed", "already")]
        if until is not None and paused:
            moment, now = int(until.timestamp() * 1000), clock.now_ms()
            resume = Resume(at_ms=moment, paused_ms=now, run_id=run.run_id, actor=run.actor, tags=paused)
            await self._store.plan_resume(campaign, resume)
        elif campaign.resume is not None:
            await self._store.plan_resume(campaign, None)

    async def carry_out(self, campaign: Campaign) -> Resume | None:
        """Start what was paused until now; return the pause that still goes on, if one does.

        What somebody touched since stays as it is. Raises the platform's error, and GuardRefusedError while a
        switch or cap holds it back: it is tried again.
        """
        resume = campaign.resume
        if resume is None or resume.at_ms > clock.now_ms():
            return resume
        if wanted := await self._untouched(campaign, resume):
            run = new_run(resume.actor, pause_over(clock.at_ms(resume.at_ms)))
            _raise_held_back(await self._gate.apply(campaign, wanted, run))
        await self._store.plan_resume(campaign, None)
        logger.info("pause over", campaign_id=campaign.campaign_id, started=len(wanted))
        return None

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
