"""The actions of those who operate the deployment: kill switches, caps, the stop of all campaigns, and the
search for what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.models.changes import AuditFound, FindRequest, RequestFound, SearchAudit
from campaign_automation.models.common import Context, Role
from campaign_automation.models.switches import (
    AccountCapSet,
    AllStopped,
    CommitmentReleased,
    KillSwitchSet,
    LimitsShown,
    ListLimits,
    ReleaseCommitment,
    SetAccountCap,
    SetKillSwitch,
    StopAll,
)

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("POST", "/v1/kill-switches", key=Key.GIVEN, role=Role.OPERATOR)
async def set_kill_switch(parts: Wiring, request: SetKillSwitch, caller: Context) -> KillSwitchSet:
    """Stop or allow writes that raise spend: of the deployment, a platform, an account or a tenant."""
    return await parts.switches.set(request, caller)


@action("POST", "/v1/account-caps", key=Key.GIVEN, role=Role.OPERATOR)
async def set_account_cap(parts: Wiring, request: SetAccountCap, caller: Context) -> AccountCapSet:
    """Set or lift the most that active campaigns of an account, or a currency's accounts, commit a day."""
    return await parts.switches.set_cap(request, caller)


@action("POST", "/v1/commitment-releases", key=Key.GIVEN, role=Role.OPERATOR)
async def release_commitment(
    parts: Wiring, request: ReleaseCommitment, caller: Context
) -> CommitmentReleased:
    """Stop counting a campaign for its account's cap which its platform never shows again."""
    return await parts.commitment_releases.release(request, caller)


@action("GET", "/v1/limits", role=Role.OPERATOR)
async def list_limits(parts: Wiring, request: ListLimits, caller: Context) -> LimitsShown:
    """List kill switches and account caps with their latest changes."""
    return await parts.switches.show(request, caller)


@action("POST", "/v1/stops", key=Key.GIVEN, role=Role.OPERATOR, destructive=True)
async def stop_all(parts: Wiring, request: StopAll, caller: Context) -> AllStopped:
    """Pause every campaign of an account, a platform, a tenant or the deployment."""
    return await parts.stops.stop(request, caller)


@action("GET", "/v1/audit", role=Role.OPERATOR)
async def search_audit(parts: Wiring, request: SearchAudit, caller: Context) -> AuditFound:
    """List the changes of all campaigns of an account or a tenant in a time, of everybody or one actor."""
    return await parts.trail_search.changes(request, caller)


@action("GET", "/v1/requests/{request_id}", role=Role.OPERATOR)
async def find_request(parts: Wiring, request: FindRequest, caller: Context) -> RequestFound:
    """Show the campaigns that a request was about, by its id or the platform's, with their trails."""
    return await parts.trail_search.request(request, caller)
