"""Lambda's on-failure destinations: the record of an asynchronous call that failed, sent to its queue."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.cloud.aws import Clients, arn
from local.cloud.stack.permissions import Need, Permissions
from local.cloud.workers.worker import Outcome


class FailedCalls:
    """Destinations by function and qualifier; a call is tried once here, so its first failure is its last.

    The record is sent as the function's role may, or it is lost, as on AWS.
    """

    def __init__(self, aws: Clients, permissions: Callable[[], Permissions]) -> None:
        self._aws = aws
        self._permissions = permissions
        self.destinations: dict[str, str] = {}

    def __call__(self, name: str, payload: bytes, outcome: Outcome) -> None:
        """Send the record of a call by `name` (an ARN, or a name with its qualifier), if it failed."""
        known = name.split(":function:")[-1]
        destination = self.destinations.get(known)
        if not outcome.failed or destination is None:
            return
        role, need = known.partition(":")[0], Need("sqs:SendMessage", destination)
        if self._permissions().refusal_of(role, need) is None:
            body = json.dumps(_record(known, payload, outcome))
            url = self._aws["sqs"].get_queue_url(QueueName=destination.split(":")[-1])["QueueUrl"]
            self._aws["sqs"].send_message(QueueUrl=url, MessageBody=body)


def _record(known: str, payload: bytes, outcome: Outcome) -> dict[str, Any]:
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": arn("lambda", f"function:{known}"),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 1,
        },
        "requestPayload": json.loads(payload),
        "responseContext": {"statusCode": 200, "executedVersion": "1", "functionError": "Unhandled"},
        "responsePayload": json.loads(outcome.payload),
    }
