"""A state machine's executions in memory, which only keeps what was started."""

from __future__ import annotations

from typing import Any

from campaign_automation.clients.step_functions import Executions


class KeptExecutions(Executions):
    """Keeps the inputs of executions by name; as with AWS the same name starts nothing twice."""

    def __init__(self) -> None:
        self.started: dict[str, dict[str, Any]] = {}

    async def start(self, name: str, payload: dict[str, Any]) -> None:
        self.started.setdefault(name, payload)
