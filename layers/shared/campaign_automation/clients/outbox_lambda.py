"""The client of the outbox in a function of its own, which nobody waits for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from campaign_automation.utils.observability import logger


class OutboxFunction:
    """The function that sends messages; `client` gives a boto3 client for Lambda."""

    def __init__(self, function_name: str, client: Callable[[], Any]) -> None:
        self._function_name = function_name
        self._client = client

    async def send(self, tenant: str, campaign_id: str) -> None:
        """Have the messages of one campaign sent; it never raises, as a sweep finds what is left."""
        event = json.dumps({"tenant": tenant, "campaign_id": campaign_id}).encode()
        await asyncio.to_thread(self._invoke, event)

    def _invoke(self, event: bytes) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client().invoke(FunctionName=self._function_name, InvocationType="Event", Payload=event)
        except (BotoCoreError, ClientError) as error:
            logger.warning("messages not handed over", reason=type(error).__name__)
