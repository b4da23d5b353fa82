"""The log of every call a client made, for tests to count and order."""

from dataclasses import asdict, dataclass
from typing import Any

from local.sandbox.core.clock import Clock


@dataclass
class Call:
    """One call; `status` stays None when the client never got an answer.

    The items of one batch have its number; a call of its own has 0.
    """

    time: str
    platform: str
    operation: str
    method: str
    path: str
    batched: bool
    batch: int = 0
    status: int | None = None
    outcome: str = "started"

    def close(self, status: int | None, fault: str | None = None) -> None:
        self.status = status
        if fault:
            self.outcome = f"fault:{fault}"
        else:
            self.outcome = "ok" if status is not None and status < 400 else "refused"


class CallLog:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: list[Call] = []
        self._batches = 0

    def next_batch(self) -> int:
        self._batches += 1
        return self._batches

    def clear(self) -> None:
        self._calls.clear()

    def open(self, platform: str, operation: str, method: str, path: str, batch: int = 0) -> Call:
        """Logs a call as it arrives; the path must carry no query, tokens ride there."""
        call = Call(self._clock.now().isoformat(), platform, operation, method, path, batch > 0, batch)
        self._calls.append(call)
        return call

    def listing(self, platform: str | None = None) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._calls if platform in (None, call.platform)]
