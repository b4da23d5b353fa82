"""The port of the computations that need numpy: in this process, or in a function of their own."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Any, Protocol

from campaign_automation.utils.error_handler import needing_extra

EXTRA = "statistics"


class Statistics(Protocol):
    @property
    def is_installed(self) -> bool: ...

    async def compute(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Return the result of `operation`, JSON values in and out; raise the computation's typed error."""
        ...


class InProcessStatistics:
    @property
    def is_installed(self) -> bool:
        return find_spec("scipy") is not None

    async def compute(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        # In a thread: seconds of numpy would hold up every other request of the event loop.
        return await asyncio.to_thread(_run, operation, payload)


def _run(operation: str, payload: dict[str, Any]) -> dict[str, Any]:
    # Late, since numpy and scipy are in one function's layer only.
    with needing_extra(EXTRA):
        from campaign_automation.optimizers import operations

        return operations.run(operation, payload)
