"""The contents of the page at one look: everything is asked for at once, and what cannot be had is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from local.console.deeds import Outcome
from local.console.doors import Doors, Json, RefusedError

A = TypeVar("A")
PLATFORMS = ("meta", "tiktok", "google")
# The lists of the API that the page shows: what is asked, and the field that holds the entries.
_LISTS = {
    "campaigns": ("/v1/campaigns?limit=100", "campaigns"),
    "rules": ("/v1/rules?limit=100", "rules"),
    "tests": ("/v1/ab-tests?limit=100", "tests"),
    "proposals": ("/v1/proposals?limit=50", "proposals"),
    "templates": ("/v1/rule-templates", "templates"),
}


@dataclass(frozen=True)
class View:
    """Everything that the page is made of; `problems` are the lists that were refused, with the reason."""

    user: str
    now: datetime
    state: Json
    market: dict[str, list[Json]]
    faults: list[Json]
    calls: list[Json]
    lists: dict[str, list[Json]]
    problems: Sequence[str]
    schedules: list[Json]
    executions: list[Json]
    metrics: dict[str, dict[str, dict[str, float]]]
    outcomes: Sequence[Outcome]


def look(doors: Doors, user: str, outcomes: Sequence[Outcome]) -> View:
    """Ask for all that the page shows, as one of the users."""
    problems: list[str] = []

    def listed(name: str) -> list[Json]:
        path, field = _LISTS[name]
        try:
            entries: list[Json] = doors.api(user, "GET", path)[field]
        except RefusedError as error:
            problems.append(f"{name}: {error}")
            return []
        return entries

    with ThreadPoolExecutor() as pool:

        def ask(work: Callable[..., A], *given: Any) -> Callable[[], A]:
            return pool.submit(work, *given).result

        state, market, faults, calls = (
            ask(doors.sandbox, "GET", f"/{name}") for name in ("state", "market", "faults", "calls")
        )
        lists = {name: ask(listed, name) for name in _LISTS}
        return View(
            user=user,
            now=datetime.fromisoformat(state()["clock"]),
            state=state(),
            market=market(),
            faults=faults(),
            calls=calls(),
            lists={name: found() for name, found in lists.items()},
            problems=problems,
            schedules=doors.schedules(),
            executions=doors.executions(),
            metrics=doors.metrics(),
            outcomes=outcomes,
        )
