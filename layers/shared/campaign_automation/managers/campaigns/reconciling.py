"""The reconciler: it ends creations that nothing carries on, and looks again at what nobody answered for.

A campaign is visited at the time in its row: a minute after its creation began, two after every change,
minutes and an hour after a create that was never answered, and until an undo has succeeded. Each visit holds
a lease, and all that it does passes the journal and the gate.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.clients.step_functions import Executions
from campaign_automation.managers.campaigns import wording
from campaign_automation.managers.campaigns.creation import CampaignCreation
from campaign_automation.managers.campaigns.planning import is_tag
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import DesiredChange, Run, new_run
from campaign_automation.managers.changes.resuming import Resumes
from campaign_automation.managers.notices.events import person_needed
from campaign_automation.managers.shared.accounts import AccountDirectory, with_access
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.common import Level
from campaign_automation.stores.campaign_rows import Pending
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.tags import DAY_MS, SearchedAccount, TagStore
from campaign_automation.stores.operations.visits import VisitStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    PlatformError,
    error_body,
)
from campaign_automation.utils.observability import emit, internal_error, logger

_ACTOR = "system:reconciler"
_MOST_VISITS = 500  # of one sweep
_CONCURRENT = 5
_VISIT_SECONDS = 120  # longer than a function lives that visits
_SWEEP_SECONDS = 60  # after that no visit begins, so that the last one ends in the function's time
_RUNNING = ("RUNNING", "PENDING_REDRIVE")
# A process without state machine writes to the row at each level; one that was silent for so long is dead.
_SILENT_MS = 15 * 60_000
_SOON_MS = 60_000
_RETRY_MS = 5 * 60_000
_LATER_MS = 60 * 60_000
_LOOKS = 2
_UNKNOWN = "5000"  # the platform does not show the campaign, and takes no change of it
_MOST_SEARCHES = 20  # of one sweep; an account that waits is searched by the next


class Reconciler:
    """The visits to campaigns; without `executions` creations run in processes like this one."""

    def __init__(
        self,
        store: CampaignStore,
        visits: VisitStore,
        creation: CampaignCreation,
        gate: WriteGate,
        resumes: Resumes,
        notices: Notices,
        executions: Executions | None = None,
    ) -> None:
        self._notices = notices
        self._store = store
        self._visits = visits
        self._creation = creation
        self._gate = gate
        self._resumes = resumes
        self._executions = executions

    async def sweep(self) -> dict[str, int]:
        """Visit the campaigns that are due, the longest due first, and count the outcomes.

        How many wait and for how long are metrics: a campaign that no visit can end shows there.
        """
        due = await self._visits.due(_MOST_VISITS)
        emit("reconcile_depth", len(due))
        oldest = min((item.since for item in due), default=clock.now_ms())
        emit("reconcile_age_seconds", (clock.now_ms() - oldest) / 1000)
        limit, deadline = asyncio.Semaphore(_CONCURRENT), time.monotonic() + _SWEEP_SECONDS

        async def visit(item: Pending) -> str:
            async with limit:
                if time.monotonic() > deadline:
                    return "left"
                try:
                    return await self.visit(item.tenant, item.item_id)
                except CampaignAutomationError as error:
                    logger.warning("not visited", campaign_id=item.item_id, reason=error.message)
                except Exception:  # its row cannot be read: the others are still to be visited
                    internal_error("not visited", campaign_id=item.item_id)
                return "failed"

        outcomes = Counter(await asyncio.gather(*map(visit, due)))
        for outcome, count in outcomes.items():
            emit("reconciliations_total", count, outcome=outcome)
        return dict(outcomes)

    async def visit(self, tenant: str, campaign_id: str) -> str:
        """Do what one campaign needs. Return busy, failed, waiting, or the state in which it is now."""
        token = await self._visits.begin(tenant, campaign_id, _VISIT_SECONDS)
        if token is None:
            return "busy"
        outcome, retry_ms = "failed", _RETRY_MS
        looks: dict[str, Any] = {}
        try:
            outcome, looks = await self._reconcile(await self._known(tenant, campaign_id))
        except CampaignAutomationError as error:
            logger.warning("not reconciled", campaign_id=campaign_id, code=error.code, reason=error.message)
            retry_ms = max(retry_ms, int(1000 * error.details.get("retry_after", 0)))
        except Exception:  # of one campaign: the others are still to be visited
            internal_error("not reconciled", campaign_id=campaign_id)
        after = await self._known(tenant, campaign_id)
        due = _next_visit(after, outcome, looks, clock.now_ms() + retry_ms)
        await self._visits.end(after, token, due, **looks)
        return outcome

    async def _known(self, tenant: str, campaign_id: str) -> Creation | Campaign:
        """Return the creation, or the campaign that was made elsewhere."""
        known = await self._store.known(tenant, campaign_id)
        return await self._creation.load(tenant, campaign_id) if known is None else known

    async def _reconcile(self, creation: Creation | Campaign) -> tuple[str, dict[str, Any]]:
        """Return the outcome, and what the row then says of further searches."""
        if isinstance(creation, Campaign):
            await self._carry_on(creation)
            return creation.state, {}
        if creation.is_open:
            if creation.state == "creating" and await self._goes_on(creation):
                return "waiting", {}
            await self._end(creation)
            creation = await self._creation.load(creation.tenant, creation.campaign_id)
        elif (campaign := creation.campaign()) and creation.state == "created":
            await self._carry_on(campaign)
        looks: dict[str, Any] = {}
        if creation.look_at is not None and creation.look_at <= clock.now_ms():
            await self._creation.look_again(creation)
            is_last = creation.looks + 1 >= _LOOKS
            look_at = None if is_last else clock.now_ms() + _LATER_MS
            looks = {"looks": creation.looks + 1, "look_at": look_at}
        return creation.state, looks

    async def _goes_on(self, creation: Creation) -> bool:
        """Return whether a process still carries the creation out."""
        status = await self._executions.status(creation.campaign_id) if self._executions else None
        if status is None:  # it was never started, or runs in a process of its own
            return clock.now_ms() - creation.updated_at < _SILENT_MS
        return status in _RUNNING

    async def _end(self, creation: Creation) -> None:
        """Keep, paused, what a stopped creation completed, or undo it; raise what stands against it.

        A step of it that is still alive finds that the creation was stopped before it sends anything more.
        """
        key = creation.tenant, creation.campaign_id
        if creation.state == "creating":
            await self._store.request_stop(creation, "interrupted")
            creation = await self._creation.load(*key)
        failure = creation.failure or error_body(_reason(creation))
        try:
            await self._creation.run_step("undo", *key, failure=failure)
        except CampaignAutomationError:
            await self._creation.run_step("give_up", *key, failure=failure)
            raise

    async def _carry_on(self, campaign: Campaign) -> None:
        """Make sure of a stop that stands, conclude what earlier changes left open, end a pause that is over.

        A start that the platform refuses, as it no longer knows the campaign, is given up like a stop.
        """
        run = new_run(_ACTOR, wording.SETTLE_REASON)
        if not await self._stop(campaign, run):
            return
        await self._gate.settle(campaign, run)
        try:
            await self._resumes.carry_out(campaign)
        except PlatformError as error:
            if error.code != _UNKNOWN or await self._is_first_told(campaign):
                raise
            await self._resumes.drop(campaign)

    async def _stop(self, campaign: Campaign, run: Run) -> bool:
        """Stop again what was stopped by force. Return False when a person was now told that the platform
        does not know the campaign; the next visit, if it hears the same, gives the stop up.
        """
        if campaign.stop_requested not in _STOPPED:
            return True
        stop = DesiredChange(Level.CAMPAIGN, campaign.tag, "status", _STOPPED[campaign.stop_requested])
        (item,) = await self._gate.apply(campaign, [stop], run)
        if item.error is None:
            return True
        if item.error.code != _UNKNOWN:
            raise item.error
        if await self._is_first_told(campaign):
            return False
        await self._gate.apply(campaign, [], run)  # a run that stops nothing lifts the stop
        return True

    async def _is_first_told(self, campaign: Campaign) -> bool:
        """Tell a person once of a campaign that the platform no longer knows; return whether that is new."""
        notice_id = f"{campaign.campaign_id}-unknown"
        notice = wording.unknown_campaign_notice(campaign.campaign_id, campaign.platform)
        needed = person_needed(campaign.tenant, notice_id, notice, campaign.campaign_id)
        is_new = await self._notices.leave(campaign.tenant, notice_id, notice, events=[needed])
        if is_new:
            await self._notices.deliver(campaign.tenant, notice_id)
        return is_new


_STOPPED = {"pause": "paused", "delete": "deleted"}


def _reason(creation: Creation) -> CampaignAutomationError:
    """Return the error of a creation that was stopped, for the callers that wait for it."""
    if creation.stop_requested == "interrupted":
        return CampaignAutomationError(wording.INTERRUPTED, code="4000")
    return ConflictError(wording.STOPPED, retryable=False)


def _next_visit(
    creation: Creation | Campaign, outcome: str, looks: dict[str, Any], retry_at: int
) -> int | None:
    """Return the time of the next visit, or None for a campaign that needs no more."""
    resume_at = creation.resume.at_ms if creation.resume else None
    if isinstance(creation, Campaign):
        return retry_at if outcome == "failed" or creation.stop_requested else resume_at
    if outcome == "failed":
        return max(retry_at, creation.undo_at or 0)
    if outcome == "waiting":
        return clock.now_ms() + _SOON_MS
    if creation.state == "needs_reconciliation":
        return max(retry_at, creation.undo_at or 0)
    look_at: int | None = looks.get("look_at", creation.look_at)
    # A stop that still stands was by force: it is made sure of once more.
    if creation.stop_requested:
        return retry_at
    return min(filter(None, (look_at, resume_at)), default=None)


class OrphanSearch:
    """The daily search of each account for campaigns under our tags that no campaign of ours has.

    Only what this table's own journal intended is touched. A tag that it does not know (of another stage or
    table, or on a person's copy) is told to a person and left as it is.
    """

    def __init__(
        self,
        store: CampaignStore,
        tags: TagStore,
        creation: CampaignCreation,
        accounts: AccountDirectory,
        adapters: Mapping[str, PlatformAdapter],
        notices: Notices,
    ) -> None:
        self._store = store
        self._tags = tags
        self._creation = creation
        self._accounts = accounts
        self._adapters = adapters
        self._notices = notices

    async def sweep(self) -> int:
        """Search the accounts that are due, the longest due first; return how many were."""
        due = await self._tags.due(_MOST_SEARCHES)
        for account in due:
            pause_ms = DAY_MS
            try:
                await self._search(account)
            except CampaignAutomationError as error:
                logger.warning("account not searched", account=account.pk, reason=error.message)
                pause_ms = _LATER_MS
            except Exception:  # of one account: the others are still to be searched
                internal_error("account not searched", account=account.pk)
                pause_ms = _LATER_MS
            if pause_ms == _LATER_MS:
                emit("orphan_searches_failed_total", platform=account.platform)
            await self._tags.searched(account, clock.now_ms() + pause_ms)
        return len(due)

    async def _search(self, account: SearchedAccount) -> None:
        read = self._adapters[account.platform].campaign_names
        who = account.tenant, account.platform, account.ad_account_id
        names = await with_access(self._accounts, *who, read)
        tags = await self._tags.of(account)
        errors: list[CampaignAutomationError] = []
        for platform_id, name in names.items():
            tag = name.rpartition(" ")[2]
            try:
                if is_tag(tag) and not await self._is_ours(account, tags.get(tag), tag, platform_id):
                    await self._report(account, platform_id, name)
            except CampaignAutomationError as error:
                errors.append(error)
            except Exception:  # its row cannot be read: the others are still to be compared
                internal_error("campaign not compared", account=account.pk, platform_id=platform_id)
        if errors:
            raise errors[0]

    async def _is_ours(
        self, account: SearchedAccount, owner: tuple[str, str] | None, tag: str, platform_id: str
    ) -> bool:
        """Return whether the journal intended the campaign; one that it does not have is then cleared."""
        if owner is None:  # made before tags were kept
            return await self._store.resolve(account.tenant, platform_id) is not None
        creation = await self._store.load(*owner)
        entry = None if creation is None else creation.objects.get(tag)
        if creation is None or entry is None:
            return False
        # One whose creation has still to end is its visits' concern.
        if creation.is_open or creation.platform_id(tag) == platform_id:
            return True
        if not entry.unanswered and entry.platform_id != platform_id:
            return False  # we sent it once and know what became of it: this is somebody's copy
        await self._creation.clear_copy(creation, platform_id)
        return True

    async def _report(self, account: SearchedAccount, platform_id: str, name: str) -> None:
        logger.warning("unknown tag", account=account.pk, platform_id=platform_id, campaign_name=name)
        emit("unknown_tags_total", platform=account.platform)
        notice = wording.unknown_tag_notice(account.platform, platform_id, name)
        notice_id = f"unknown-{account.platform}-{platform_id}"
        needed = person_needed(account.tenant, notice_id, notice)
        await self._notices.tell(account.tenant, notice_id, notice, [needed])
