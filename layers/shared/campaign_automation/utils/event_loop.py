"""One event loop for the life of a function's process: connections kept open belong to their loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from campaign_automation.utils.error_handler import without_secrets

T = TypeVar("T")

_runner = asyncio.Runner()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one invocation; the loop stays for the next one, and a raised error quotes no secret."""
    try:
        return _runner.run(coroutine)
    except Exception as error:
        raise without_secrets(error) from None
