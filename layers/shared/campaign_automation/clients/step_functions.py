"""The client of the state machine that creates campaigns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from campaign_automation.utils.error_handler import CampaignAutomationError


class Executions:
    """The executions; `client` gives a boto3 client for Step Functions."""

    def __init__(self, state_machine_arn: str, client: Callable[[], Any]) -> None:
        self._arn = state_machine_arn
        self._client = client

    async def start(self, name: str, payload: dict[str, Any]) -> None:
        """Start the execution `name`; one that was started before is a success.

        Raises CampaignAutomationError (4000) when it could not be started.
        """
        await asyncio.to_thread(self._start, name, json.dumps(payload))

    def _start(self, name: str, payload: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client()
        try:
            client.start_execution(stateMachineArn=self._arn, name=name, input=payload)
        except client.exceptions.ExecutionAlreadyExists:
            return
        except (BotoCoreError, ClientError) as error:
            raise CampaignAutomationError(
                "the creation could not be started; ask again with the same idempotency key", code="4000"
            ) from error
