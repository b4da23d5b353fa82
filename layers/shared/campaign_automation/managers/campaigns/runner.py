"""The runners of a creation: in this process, or in the state machine."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from campaign_automation.clients.step_functions import Executions
from campaign_automation.managers.campaign_manager import CampaignManager, Opened
from campaign_automation.managers.campaigns.creation import CampaignCreation
from campaign_automation.managers.campaigns.reconciling import Reconciler
from campaign_automation.models.common import DEFAULT_WAIT_SECONDS, Context
from campaign_automation.stores.operations.visits import VisitStore
from campaign_automation.utils import clock

# An end is noticed within 0.1 s, and after more than five seconds within a 50th of the time it took.
_SHORTEST_POLL_SECONDS = 0.1
_POLL_SHARE = 0.02
# While the last look is under way, after which only a record is made, within a tenth of the time it takes.
_LAST_POLL_SECONDS = 0.025
_LAST_POLL_SHARE = 0.1


class Runner(Protocol):
    async def run(self, opened: Opened, context: Context) -> None:
        """Carry the creation out, or wait for the process that does, as long as the caller's time allows."""
        ...


class InProcess:
    """The runner in this process; a creation whose process died is ended when somebody asks for it again."""

    def __init__(
        self, creation: CampaignCreation, campaigns: CampaignManager, reconciler: Reconciler
    ) -> None:
        self._creation = creation
        self._campaigns = campaigns
        self._reconciler = reconciler

    async def run(self, opened: Opened, context: Context) -> None:
        if opened.is_new:
            await self._creation.run(context.user_id, opened.campaign_id)
            return
        creation = await self._campaigns.load(context.user_id, opened.campaign_id)
        if creation.is_open and (creation.due or 0) <= clock.now_ms():
            await self._reconciler.visit(context.user_id, opened.campaign_id)
        await wait_until_finished(self._campaigns, context, opened.campaign_id)


class StateMachine:
    """The runner with one execution per campaign, named after it: a second start of it does nothing."""

    def __init__(self, executions: Executions, campaigns: CampaignManager, visits: VisitStore) -> None:
        self._executions = executions
        self._campaigns = campaigns
        self._visits = visits

    async def run(self, opened: Opened, context: Context) -> None:
        if not opened.is_new:
            creation = await self._campaigns.load(context.user_id, opened.campaign_id)
            if creation.is_open and creation.due is None:
                await self._visits.plan(creation)
        # Also for a campaign opened before: its first caller may have died before it started anything.
        payload = {
            "tenant": context.user_id,
            "campaign_id": opened.campaign_id,
            "platform": opened.platform,
            "request_id": context.request_id,
        }
        await self._executions.start(opened.campaign_id, payload)
        await wait_until_finished(self._campaigns, context, opened.campaign_id)


async def wait_until_finished(campaigns: CampaignManager, context: Context, campaign_id: str) -> None:
    """Wait until the campaign has an outcome or the caller's time (seconds) is up."""
    seconds = DEFAULT_WAIT_SECONDS if context.wait_seconds is None else context.wait_seconds
    started, ending_since = time.monotonic(), None
    while (progress := await campaigns.progress(context.user_id, campaign_id)) != "over":
        now = time.monotonic()
        pause = max(_SHORTEST_POLL_SECONDS, (now - started) * _POLL_SHARE)
        if progress == "ending":
            ending_since = ending_since or now
            pause = min(pause, max(_LAST_POLL_SECONDS, (now - ending_since) * _LAST_POLL_SHARE))
        if now - started + pause > seconds:
            return
        await asyncio.sleep(pause)
