"""The client of the deployment's event bus, EventBridge."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from campaign_automation.utils.observability import logger

SOURCE = "campaign-automation"
MOST_AT_ONCE = 10  # entries of one request (EventBridge API reference, PutEvents)
_MOST_BYTES = 240_000  # of one request 256 KB, with what is counted beside the detail


class EventBus:
    """The bus; `client` gives a boto3 client for EventBridge."""

    def __init__(self, name: str, client: Callable[[], Any]) -> None:
        self._name = name
        self._client = client

    async def put(self, events: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Put at most ten events and return of each whether it was taken; it never raises.

        What a request has no room for is not taken now. An event that none has room for counts as taken:
        the others could never follow it.
        """
        details = [json.dumps(event, ensure_ascii=False) for event in events]
        sizes = [len(detail.encode()) for detail in details]
        chosen = [index for index, size in enumerate(sizes) if sum(sizes[: index + 1]) <= _MOST_BYTES]
        entries = [self._entry(events[index], details[index]) for index in chosen]
        answers = await asyncio.to_thread(self._put, entries) if entries else []
        taken = dict(zip(chosen, answers, strict=True))
        return [taken.get(index, _is_too_long(events[index], size)) for index, size in enumerate(sizes)]

    def _entry(self, event: Mapping[str, Any], detail: str) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event["type"],
            "Time": event["at"],
            "Detail": detail,
        }

    def _put(self, entries: Sequence[Mapping[str, Any]]) -> list[bool]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client().put_events(Entries=list(entries))
        except (BotoCoreError, ClientError) as error:
            logger.warning("event bus took no events", reason=type(error).__name__)
            return [False] * len(entries)
        refused = {entry["ErrorCode"] for entry in answer["Entries"] if "ErrorCode" in entry}
        if refused:
            logger.warning("event bus refused events", reasons=sorted(refused))
        return ["ErrorCode" not in entry for entry in answer["Entries"]]


def _is_too_long(event: Mapping[str, Any], size: int) -> bool:
    if size <= _MOST_BYTES:
        return False
    logger.error("event is too long for the event bus", event_id=event["id"], bytes=size)
    return True
