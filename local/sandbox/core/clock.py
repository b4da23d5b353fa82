"""The virtual clock all sandbox platforms read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Wall time plus an offset, so that days can pass in a moment."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self.moved: Callable[[timedelta], object] = lambda offset: None  # is told each new offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def reset(self, now: datetime | None = None) -> None:
        """Back to wall time, or to `now` (aware), from where time flows on."""
        self._offset = now - datetime.now(UTC) if now else timedelta()
        self.moved(self._offset)

    def advance(self, step: timedelta) -> None:
        """Raises ValueError for a step backwards: delivered days cannot be taken back."""
        if step < timedelta():
            raise ValueError("the clock only moves forward; use /reset with `now` to start earlier")
        self._offset += step
        self.moved(self._offset)


def whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
