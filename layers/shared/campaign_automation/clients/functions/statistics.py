"""The client of computations in a function of their own: platform functions have neither numpy nor scipy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    InvalidRequestError,
    error_from_body,
)
from campaign_automation.utils.observability import logger
from campaign_automation.utils.packing import packed

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024  # Lambda's limit for a synchronous call


class LambdaStatistics:
    """The client; `client` gives a boto3 client for Lambda, made when it is first needed."""

    def __init__(self, function_name: str, client: Callable[[], Any]) -> None:
        self._function_name = function_name
        self._client = client

    @property
    def is_installed(self) -> bool:
        return True

    async def compute(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        event = json.dumps({"operation": operation, "packed": packed(payload)}).encode()
        if len(event) > MAX_PAYLOAD_BYTES:
            raise InvalidRequestError(
                f"{operation}: {len(event)} bytes of data are more than the {MAX_PAYLOAD_BYTES} that fit into"
                " one computation; ask for fewer objects or days at once",
                limit_bytes=MAX_PAYLOAD_BYTES,
            )
        answer = await asyncio.to_thread(self._invoke, event)
        if "error" in answer:
            raise error_from_body(answer["error"])
        return dict(answer["result"])

    def _invoke(self, event: bytes) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            response = self._client().invoke(FunctionName=self._function_name, Payload=event)
            answer = json.loads(response["Payload"].read())
        except (BotoCoreError, ClientError) as error:
            raise _unavailable(type(error).__name__) from error
        # A crash comes back as an answer, not as an error of boto3.
        if "FunctionError" in response:
            logger.error("statistics crashed", error=answer)
            raise _unavailable("it crashed")
        return dict(answer)


def _unavailable(reason: str) -> CampaignAutomationError:
    return CampaignAutomationError(f"the statistics function did not answer: {reason}", code="4000")
