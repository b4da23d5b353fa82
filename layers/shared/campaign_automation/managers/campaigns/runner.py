"""Who carries out a creation: this process, or the state machine."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Protocol

from campaign_automation.managers.campaign_manager import CampaignManager, Opened
from campaign_automation.models import Context
from campaign_automation.utils.error_handler import CampaignAutomationError

if TYPE_CHECKING:
    # Who starts the state machine does without the steps.
    from campaign_automation.managers.campaigns.creation import CampaignCreation

DEFAULT_WAIT_SECONDS = 20
_FIRST_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 1.0


class Runner(Protocol):
    async def run(self, opened: Opened, context: Context) -> None:
        """Carries the creation out, or waits for whoever does, as long as the caller is ready to."""
        ...


class InProcess:
    def __init__(self, creation: CampaignCreation, campaigns: CampaignManager) -> None:
        self._creation = creation
        self._campaigns = campaigns

    async def run(self, opened: Opened, context: Context) -> None:
        if opened.is_new:
            await self._creation.run(context.user_id, opened.campaign_id)
        else:
            await wait_until_finished(self._campaigns, context, opened.campaign_id)


class StateMachine:
    """One execution per campaign, named like it, so that starting it twice starts it once."""

    def __init__(self, arn: str, campaigns: CampaignManager, client: Any = None) -> None:
        self._arn = arn
        self._campaigns = campaigns
        self._given_client = client

    async def run(self, opened: Opened, context: Context) -> None:
        # Also for a campaign opened before: its first caller may have died before it started anything.
        await asyncio.to_thread(self._start, opened, context)
        await wait_until_finished(self._campaigns, context, opened.campaign_id)

    def _start(self, opened: Opened, context: Context) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        self._given_client = self._given_client or boto3.client("stepfunctions")
        execution = {
            "tenant": context.user_id,
            "campaign_id": opened.campaign_id,
            "platform": opened.platform,
            "request_id": context.request_id,
        }
        try:
            self._given_client.start_execution(
                stateMachineArn=self._arn, name=opened.campaign_id, input=json.dumps(execution)
            )
        except self._given_client.exceptions.ExecutionAlreadyExists:
            return
        except (BotoCoreError, ClientError) as error:
            raise CampaignAutomationError(
                "the creation could not be started; ask again with the same idempotency key", code="4000"
            ) from error


async def wait_until_finished(campaigns: CampaignManager, context: Context, campaign_id: str) -> None:
    """Returns when the campaign has an outcome or the caller's time is up."""
    seconds = DEFAULT_WAIT_SECONDS if context.wait_seconds is None else context.wait_seconds
    deadline = time.monotonic() + seconds
    pause = _FIRST_POLL_SECONDS
    while not await campaigns.is_finished(context.user_id, campaign_id):
        if time.monotonic() + pause > deadline:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
