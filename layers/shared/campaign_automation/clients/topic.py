"""The client of the deployment's SNS topic for notices."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_LONGEST_SUBJECT = 99  # less than 100 characters, printable ASCII only (SNS API reference, Publish)


class Topic:
    """The topic; `client` gives a boto3 client for SNS."""

    def __init__(self, topic_arn: str, client: Callable[[], Any]) -> None:
        self._arn = topic_arn
        self._client = client

    def publish(self, title: str, message: str) -> None:
        """Publish a message; `title` becomes the subject of mails, without characters that SNS refuses."""
        subject = re.sub(r"[^\x20-\x7e]", "?", title)[:_LONGEST_SUBJECT]
        self._client().publish(TopicArn=self._arn, Subject=subject, Message=message)
