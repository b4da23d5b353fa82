"""The stop of all campaigns of an account, a platform, a tenant or the deployment: each is paused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Literal, NamedTuple, TypeVar, get_args

from campaign_automation.adapters.common.account_ids import bare_id
from campaign_automation.managers.changes.control import CampaignControl
from campaign_automation.managers.changes.wording import stopped_message
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.changes import FailedItem, ManageCampaign
from campaign_automation.models.common import Context
from campaign_automation.models.switches import AllStopped, StopAll
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body
from campaign_automation.utils.observability import emit, internal_error

_SECONDS = 12.0  # after that no pause begins, so that the last one ends before the gateway gives up
_CONCURRENT = 5
_MAY_SPEND = ("creating", "created", "needs_reconciliation")


T = TypeVar("T")
Kind = Literal["paused", "already", "failed", "left"]


class Stopped(NamedTuple):
    """The outcome for one campaign, or for the scope where the stop could not be noted."""

    kind: Kind
    id: str
    error: CampaignAutomationError | None = None


class CampaignStops:
    def __init__(
        self, store: CampaignStore, switches: Switches, tags: TagStore, control: CampaignControl
    ) -> None:
        self._store = store
        self._switches = switches
        self._tags = tags
        self._control = control

    async def stop(self, request: StopAll, caller: Context) -> AllStopped:
        """Pause every campaign of the scope, those first that are known to run.

        A switch stops writes, not spend; this stops spend. What could not be reached is in the answer.
        """
        # First: a creation that is not found below, as its account is not known yet, finds this before its
        # start.
        noted = None if request.dry_run else await _of_one(request.key, self._switches.note_stop(request))
        unnoted = [noted] if isinstance(noted, Stopped) else []
        campaigns, unread = await self._campaigns(request)
        limit, deadline = asyncio.Semaphore(_CONCURRENT), time.monotonic() + _SECONDS

        async def one(creation: Creation | Campaign) -> Stopped:
            async with limit:
                if time.monotonic() > deadline:
                    return Stopped("left", creation.campaign_id)
                return await self._pause(creation, request, caller)

        return _answer(request, [*await asyncio.gather(*map(one, campaigns)), *unread, *unnoted])

    async def _pause(self, creation: Creation | Campaign, request: StopAll, caller: Context) -> Stopped:
        campaign_id = creation.campaign_id
        pause = ManageCampaign(
            campaign_id=campaign_id, action="pause", reason=request.reason, dry_run=request.dry_run
        )
        actor = Context(user_id=creation.tenant, person=caller.person or caller.user_id)
        managed = await _of_one(campaign_id, self._control.manage(pause, actor))
        if isinstance(managed, Stopped):
            return managed
        return Stopped("paused" if managed.changed else "already", campaign_id)

    async def _campaigns(self, request: StopAll) -> tuple[list[Creation | Campaign], list[Stopped]]:
        """Return the campaigns of the scope that may spend, those known to run first, and those that cannot
        be read, which may be of the scope.
        """
        owners: set[tuple[str, str]] = set()
        for account in await self._tags.accounts():
            owners |= await self._tags.owners(account)
        # Campaigns that were made before tags were kept are in their tenants' lists.
        for tenant in {tenant for tenant, _ in owners} | ({request.tenant} if request.tenant else set()):
            owners |= {(tenant, item.campaign_id) for item in await self._store.campaigns(tenant)}
        owners = {owner for owner in owners if request.tenant in (None, owner[0])}
        loaded = await asyncio.gather(
            *(_of_one(owner[1], self._store.known(*owner)) for owner in sorted(owners))
        )
        unread = [item for item in loaded if isinstance(item, Stopped)]
        known = (item for item in loaded if item is not None and not isinstance(item, Stopped))
        concerned = [creation for creation in known if _concerns(request, creation)]
        return sorted(concerned, key=lambda creation: not _is_running(creation)), unread


async def _of_one(name: str, work: Awaitable[T]) -> T | Stopped:
    """Return what the work on a campaign, or on the scope, gives; its error hinders no stop of the others."""
    try:
        return await work
    except CampaignAutomationError as error:
        return Stopped("failed", name, error)
    except Exception:
        internal_error("not stopped", campaign_id=name)
        return Stopped("failed", name, CampaignAutomationError("an internal error"))


def _answer(request: StopAll, stopped: Sequence[Stopped]) -> AllStopped:
    ids = {kind: [item.id for item in stopped if item.kind == kind] for kind in get_args(Kind)}
    failed = [FailedItem(id=item.id, error=error_body(item.error)) for item in stopped if item.error]
    emit("campaigns_stopped_total", len(ids["paused"]), scope=request.scope)
    return AllStopped(
        status="partial" if failed or ids["left"] else "success",
        scope=request.key,
        paused=ids["paused"],
        already_paused=ids["already"],
        failed=failed,
        left=len(ids["left"]),
        message=stopped_message({kind: len(found) for kind, found in ids.items()}),
    )


def _concerns(request: StopAll, creation: Creation | Campaign) -> bool:
    """Return whether the campaign is in the scope of the request, and may spend."""
    account = creation.account.platform_account_id if creation.account else None
    asked = None if request.account is None else bare_id(request.account)
    given = (request.platform, asked, request.tenant)
    platform = creation.spec.platform if isinstance(creation, Creation) else creation.platform
    own = (platform, account and bare_id(account), creation.tenant)
    in_scope = all(wanted in (None, found) for wanted, found in zip(given, own, strict=True))
    return in_scope and creation.state in _MAY_SPEND


def _is_running(creation: Creation | Campaign) -> bool:
    if isinstance(creation, Campaign):
        return creation.root.status == "active"
    root = creation.objects.get(creation.plan.tag) if creation.plan else None
    return (
        creation.state == "creating" or creation.activated or (root is not None and root.status == "active")
    )
