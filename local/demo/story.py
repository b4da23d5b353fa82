"""The demo as chapters: a heading with its place, what it showed, and at the end a table of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]
Say = Callable[[str], None]
PLATFORMS = ("meta", "tiktok", "google")


class Chapter(NamedTuple):
    """One chapter: its key in the last line, its title, what to look at in it, and its work."""

    name: str
    title: str
    look_at: str
    work: Callable[[], Json]


class _Told(NamedTuple):
    chapter: Chapter
    ok: bool
    calls: int
    seconds: float


class Story:
    """Tells chapters in their order. `calls` counts the requests that the platforms got so far."""

    def __init__(self, say: Say, calls: Callable[[], int]) -> None:
        self._say = say
        self._calls = calls
        self._told: list[_Told] = []

    def tell(self, chapters: Sequence[Chapter]) -> dict[str, Json]:
        """Return what came of each chapter by its name; `ok` tells whether it came out right."""
        found = {}
        for number, chapter in enumerate(chapters, 1):
            self._say(f"\n[{number}/{len(chapters)}] {chapter.title}")
            started, calls = time.monotonic(), self._calls()
            found[chapter.name] = chapter.work()
            # A chapter that starts the platforms anew starts their count anew.
            made = self._calls() - calls
            self._told.append(
                _Told(
                    chapter,
                    found[chapter.name]["ok"],
                    made if made >= 0 else self._calls(),
                    time.monotonic() - started,
                )
            )
        return found

    def show_table(self) -> None:
        """Show the chapters with their platform calls, their seconds, and what to look at."""
        width = max(len(told.chapter.name) for told in self._told)
        self._say(f"\n{'chapter':{width}} {'':5} {'calls':>6} {'seconds':>8}  look at")
        for told in self._told:
            figures = f"{'ok' if told.ok else 'WRONG':5} {told.calls:6} {told.seconds:8.1f}"
            self._say(f"{told.chapter.name:{width}} {figures}  {told.chapter.look_at}")


def metrics_table(metrics: dict[str, dict[str, float]], say: Say) -> None:
    """Show each metric with its sum and with how many dimensions it came."""
    say("\nMetrics emitted (GET /_local/metrics has them by dimension):")
    for name, values in sorted(metrics.items()):
        say(f"  {name:46} {sum(values.values()):10g}  {len(values):3} kinds")
