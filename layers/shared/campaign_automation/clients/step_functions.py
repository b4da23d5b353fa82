"""The client of the state machines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import logger


class Executions:
    """The executions of one machine; `client` gives a boto3 client for Step Functions, `not_started` is told
    where one could not be started."""

    def __init__(self, state_machine_arn: str, client: Callable[[], Any], not_started: str) -> None:
        self._arn = state_machine_arn
        self._client = client
        self._not_started = not_started

    async def start(self, name: str, payload: dict[str, Any]) -> None:
        """Start the execution `name`; one that was started before is a success.

        Raises CampaignAutomationError (4000) when it could not be started.
        """
        await asyncio.to_thread(self._start, name, json.dumps(payload))

    async def status(self, name: str) -> str | None:
        """Return the status of the execution (RUNNING, FAILED, ...), or None when there is none."""
        return await asyncio.to_thread(self._status, name)

    async def stop(self, name: str) -> None:
        """Stop the execution; one that is over, or was never started, needs no stop."""
        await asyncio.to_thread(self._stop, name)

    def _execution(self, name: str) -> str:
        return f"{self._arn.replace(':stateMachine:', ':execution:')}:{name}"

    def _status(self, name: str) -> str | None:
        client = self._client()
        try:
            return str(client.describe_execution(executionArn=self._execution(name))["status"])
        except client.exceptions.ExecutionDoesNotExist:
            return None

    def _stop(self, name: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client()
        try:
            client.stop_execution(executionArn=self._execution(name))
        except client.exceptions.ExecutionDoesNotExist:
            return
        except (BotoCoreError, ClientError) as error:
            # Its steps find that the creation was stopped; the end of its retries is all that is lost.
            logger.warning("execution not stopped", execution=name, reason=type(error).__name__)

    def _start(self, name: str, payload: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client()
        try:
            client.start_execution(stateMachineArn=self._arn, name=name, input=payload)
        except client.exceptions.ExecutionAlreadyExists:
            return
        except (BotoCoreError, ClientError) as error:
            raise CampaignAutomationError(self._not_started, code="4000") from error
