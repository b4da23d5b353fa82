"""The client of functions that go on without their caller."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from campaign_automation.utils.observability import logger


class BackgroundFunction:
    """A function that nobody waits for; `client` gives a boto3 client for Lambda."""

    def __init__(self, function_name: str, client: Callable[[], Any]) -> None:
        self._function_name = function_name
        self._client = client

    async def hand_over(self, event: Mapping[str, Any]) -> bool:
        """Have the function work on an event; return whether it was taken. It never raises."""
        return await asyncio.to_thread(self._invoke, json.dumps(event).encode())

    def _invoke(self, event: bytes) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client().invoke(FunctionName=self._function_name, InvocationType="Event", Payload=event)
        except (BotoCoreError, ClientError) as error:
            logger.warning("work not handed over", reason=type(error).__name__)
            return False
        return True
