"""The queue of calls that scheduled functions failed at, and the functions that get them once more.

Lambda's letters hold its record of the failed call; the scheduler's hold the call itself, with attributes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from campaign_automation.utils.clock import at_ms
from campaign_automation.utils.error_handler import CampaignAutomationError

# Nobody else sees a letter for so long: longer than a request to this API may take.
HIDDEN_SECONDS = 60
# Without waiting, SQS asks only some of its servers and may find nothing where letters lie.
LONG_POLL_SECONDS = 1
_AT_ONCE = 10  # SQS's limit of a batch


class Letter(NamedTuple):
    """A call that was given up. `event` is its input, None where the queue holds only a part of it."""

    letter_id: str
    handle: str
    function: str
    event: str | None
    failed_at: datetime
    condition: str
    error: str

    @property
    def facts(self) -> dict[str, Any]:
        """The input as an object; empty where it is none."""
        try:
            facts = json.loads(self.event or "{}")
        except ValueError:
            return {}
        return facts if isinstance(facts, dict) else {}


class DeadLetters:
    """The queue and the functions of this stage; `queue` and `functions` give boto3 clients, when needed.

    A letter is sent to its function through the alias in `aliases` and to no other, whatever the letter says.
    """

    def __init__(
        self,
        queue_url: str,
        aliases: Sequence[str],
        queue: Callable[[], Any],
        functions: Callable[[], Any],
    ) -> None:
        self._queue_url = queue_url
        self._aliases = {name_of(alias): alias for alias in aliases}
        self._queue = queue
        self._functions = functions

    async def receive(self, most: int) -> list[Letter]:
        """Take up to `most` letters, which nobody else receives for a minute."""
        return await asyncio.to_thread(self._receive, most)

    async def release(self, letters: Sequence[Letter]) -> None:
        """Let the letters be received again at once."""
        await asyncio.to_thread(self._release, letters)

    async def send(self, letter: Letter) -> None:
        """Hand the call to its function, which then has its usual attempts.

        Raises CampaignAutomationError when it was not taken.
        """
        await asyncio.to_thread(self._send, letter)

    async def delete(self, letter: Letter) -> None:
        await asyncio.to_thread(self._delete, letter)

    def _receive(self, most: int) -> list[Letter]:
        found: dict[str, Letter] = {}
        while len(found) < most:
            answer = _asked(
                self._queue().receive_message,
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(_AT_ONCE, most - len(found)),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=LONG_POLL_SECONDS,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            letters = [_letter(message) for message in answer.get("Messages", [])]
            if not letters:
                break
            found.update({letter.letter_id: letter for letter in letters})
        return list(found.values())

    def _release(self, letters: Sequence[Letter]) -> None:
        for start in range(0, len(letters), _AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.handle, "VisibilityTimeout": 0}
                for number, letter in enumerate(letters[start : start + _AT_ONCE])
            ]
            _asked(self._queue().change_message_visibility_batch, QueueUrl=self._queue_url, Entries=entries)

    def _send(self, letter: Letter) -> None:
        alias = self._aliases.get(letter.function)
        if alias is None or letter.event is None:
            reason = "is no scheduled function of this stage" if alias is None else "lost part of its input"
            raise CampaignAutomationError(f"{letter.function} {reason}", code="4005")
        payload = letter.event.encode()
        _asked(self._functions().invoke, FunctionName=alias, InvocationType="Event", Payload=payload)

    def _delete(self, letter: Letter) -> None:
        _asked(self._queue().delete_message, QueueUrl=self._queue_url, ReceiptHandle=letter.handle)


def name_of(arn: str) -> str:
    """Return the name of the function in an ARN, without a qualifier."""
    return arn.partition(":function:")[2].partition(":")[0] or arn


def _letter(message: dict[str, Any]) -> Letter:
    attributes = {
        name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()
    }
    own = message["MessageId"], message["ReceiptHandle"]
    failed_at = at_ms(int(message["Attributes"]["SentTimestamp"]))
    body = message["Body"]
    if "TARGET_ARN" in attributes:
        is_whole = attributes.get("IS_PAYLOAD_TRUNCATED", "false").lower() != "true"
        error = f"{attributes.get('ERROR_CODE', '')}: {attributes.get('ERROR_MESSAGE', '')}"
        condition = attributes.get("EXHAUSTED_RETRY_CONDITION", "NotDelivered")
        function = name_of(attributes["TARGET_ARN"])
        return Letter(*own, function, body if is_whole else None, failed_at, condition, error)
    record = _object(body)
    context, answer = _object(record.get("requestContext")), _object(record.get("responsePayload"))
    event = json.dumps(record["requestPayload"]) if "requestPayload" in record else None
    error = f"{answer.get('errorType', 'unknown')}: {answer.get('errorMessage', '')}"
    function = name_of(str(context.get("functionArn", "unknown")))
    return Letter(*own, function, event, failed_at, str(context.get("condition", "unknown")), error)


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _asked(call: Callable[..., Any], **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(**arguments)
    except (BotoCoreError, ClientError) as error:
        reason = type(error).__name__
        raise CampaignAutomationError(
            f"the dead letters cannot be worked on: {reason}", code="4000"
        ) from error
