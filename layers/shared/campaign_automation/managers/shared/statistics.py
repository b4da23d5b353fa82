"""The port of the computations that need numpy: in this process, or in a function of their own."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol


class Statistics(Protocol):
    async def compute(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        """JSON values in and out. Raises the typed error of the computation."""
        ...


class InProcessStatistics:
    async def compute(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(_run, operation, payload)


def _run(operation: str, payload: dict[str, Any]) -> dict[str, Any]:
    from campaign_automation.optimizers import operations

    return operations.run(operation, payload)
