"""The cases of the matrix: an action, the call of it that fails, and how."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tests.chaos.aborts import Abort, broken_stops
from tests.chaos.actions import ACTIONS, Action
from tests.chaos.house import HELD_SECONDS, WEB_PLATFORM, House, Json, Killed, MortalTable, crashes
from tests.chaos.invariants import UNTYPED, Violation, broken_promises, look, violations

SANDBOX, MEMORY, CLOUD = "sandbox", "memory", "cloud"
PLATFORMS = ("meta", "tiktok", "google")
_EVERYWHERE = (
    *("timeout_before", "timeout_after", "late_success", "drop_connection", "drop_after"),
    *("http_500", "rate_limit", "auth_expired", "garbage"),
)
_OF_ADS = ("rate_limit_bare", "policy", "partial_unnamed")
KINDS = {
    "meta": (*_EVERYWHERE, *_OF_ADS, "http_503"),
    "tiktok": (*_EVERYWHERE, *_OF_ADS, "http_503", "rate_limit_second"),
    # 503 has no other face in gRPC than a dropped connection.
    "google": (*_EVERYWHERE, *_OF_ADS, "auth_withdrawn", "denied_bare", "internal_bare"),
    WEB_PLATFORM: (*_EVERYWHERE, "http_503"),
}
# A platform that never answers closes the connection at once: the module reads both alike.
_DETAILS: Mapping[str, dict[str, Any]] = {
    "timeout_before": {"hang_seconds": 0},
    "timeout_after": {"hang_seconds": 0},
    "late_success": {"hang_seconds": 0},
    "http_503": {"kind": "raw", "status": 503},
}


class Fault(NamedTuple):
    """The `nth` call of an operation fails, once or from there on until the action is answered."""

    platform: str
    operation: str
    kind: str
    nth: int = 1
    lasts: bool = False

    @property
    def description(self) -> dict[str, Any]:
        details = {"kind": self.kind, "nth": self.nth, "times": int(not self.lasts)}
        return {**details, **_DETAILS.get(self.kind, {})}


class Kill(NamedTuple):
    """The process ends at its `nth` write to the table: before it, or after it and before what follows.

    A worker of the local cloud (`nth` is 0) ends while the platform leaves the call of the fault without an
    answer: before the call, or after it, which at the next call is after the record of the one before.
    """

    nth: int
    after: bool


@dataclass(frozen=True)
class Case:
    platform: str
    action: str
    faults: tuple[Fault, ...] = ()
    kill: Kill | None = None
    abort: Abort | None = None
    where: str = SANDBOX

    @property
    def name(self) -> str:
        parts = [*([] if self.where == SANDBOX else [self.where]), self.platform, self.action]
        for fault in self.faults:
            where = [WEB_PLATFORM] if fault.platform == WEB_PLATFORM else []
            how = f"{fault.nth}+" if fault.lasts else str(fault.nth)
            parts += [*where, fault.operation, fault.kind, how]
        if self.kill:
            when = f"{'after' if self.kill.after else 'before'}_write" if self.kill.nth else "worker"
            parts += ["kill", when, str(self.kill.nth)]
        if self.abort:
            parts += ["abort", self.abort.then or "nothing", str(self.abort.nth)]
        return ".".join(parts)


def parse(name: str) -> Case:
    """Return the case of a name. Raises ValueError for what is none."""
    where = next((item for item in (MEMORY, CLOUD) if name.startswith(f"{item}.")), SANDBOX)
    platform, action, *parts = name.removeprefix(f"{where}.").split(".")
    if platform not in PLATFORMS or action not in ACTIONS:
        raise ValueError(f"{name} names no case")
    faults, kill, abort = [], None, None
    if parts[-3:-2] == ["kill"]:
        parts, (when, nth) = parts[:-3], parts[-2:]
        kill = Kill(int(nth), when == "after_write")
    if parts[-3:-2] == ["abort"]:
        parts, (then, nth) = parts[:-3], parts[-2:]
        abort = Abort(int(nth), then.replace("nothing", ""))
    while parts:
        asked = WEB_PLATFORM if parts[0] == WEB_PLATFORM else platform
        operation, kind, nth, *parts = parts[asked == WEB_PLATFORM :]
        faults.append(Fault(asked, operation, kind, int(nth.rstrip("+")), nth.endswith("+")))
    return Case(platform, action, tuple(faults), kill, abort, where)


@dataclass(frozen=True)
class Result:
    """`fired`: a fault met a call; `answer` is the code of the error, or the status."""

    case: Case
    fired: bool
    answer: str
    violations: tuple[Violation, ...]


Build = Callable[[str], House]  # by platform
Operations = Counter[tuple[str, str]]


async def calls_of(build: Build, platform: str, action: str) -> tuple[Operations, int]:
    """Return how often an action, when nothing fails, calls each operation, and how often it writes."""
    house = build(platform)
    try:
        await ACTIONS[action].prepare(house)
        before = house.calls()
        house.restart(counting := MortalTable(house.table))
        await ACTIONS[action].perform(house)
        return house.calls() - before, counting.writes
    finally:
        await house.close()


def single_faults(platform: str, action: str, operations: Operations) -> Iterator[Case]:
    """Yield the cases of one fault: at the first call of each operation, at its last, and lasting."""
    for (where, operation), count in sorted(operations.items()):
        for kind in KINDS[where]:
            yield Case(platform, action, (Fault(where, operation, kind),))
            yield Case(platform, action, (Fault(where, operation, kind, lasts=True),))
            if count > 1:
                yield Case(platform, action, (Fault(where, operation, kind, count),))


def kills(platform: str, action: str, writes: int) -> Iterator[Case]:
    """Yield the cases of a process that ends: before each write of the action, and after it."""
    for nth in range(1, writes + 1):
        for after in (False, True):
            yield Case(platform, action, kill=Kill(nth, after))


def aborts(platform: str, action: str, writes: int) -> Iterator[Case]:
    """Yield the cases of an execution that is stopped: after each write of a creation."""
    if ACTIONS[action].creates:
        for nth in range(1, writes + 1):
            for then in ("", "pause", "delete"):
                yield Case(platform, action, abort=Abort(nth, then))


def pairs(cases: Sequence[Case], count: int, seed: int) -> Iterator[Case]:
    """Yield `count` cases of two faults, drawn by the seed among those of one."""
    chance = random.Random(f"pairs {seed}")
    single = [case for case in cases if len(case.faults) == 1]
    by_action: dict[tuple[str, str], list[Case]] = {}
    for case in single:
        by_action.setdefault((case.platform, case.action), []).append(case)
    for _ in range(count if single else 0):
        first = chance.choice(single)
        second = chance.choice(by_action[first.platform, first.action])
        yield replace(first, faults=first.faults + second.faults)


async def run(build: Build, case: Case) -> Result:
    """Carry one case out: the action under its faults, then hours without any, then the invariants."""
    house, action = build(case.platform), ACTIONS[case.action]
    answer: Json = {"status": "crashed"}
    fired, found = True, []
    with crashes() as crashed:
        try:
            await action.prepare(house)
            answer, fired = await _perform(house, action, case)
            house.act_late()
            await house.pass_time()
            view = await look(house)
            found = [*violations(view), *broken_promises(view, action, answer, house)]
            if case.abort:
                found = [*violations(view), *broken_stops(view, case.abort)]
        except Exception as error:  # of any kind: a crash is what is looked for
            found.append(Violation(UNTYPED, repr(error)))
        finally:
            await house.close()
    found += [Violation(UNTYPED, text) for text in crashed]
    said = answer["error"]["code"] if answer["status"] == "error" else answer["status"]
    return Result(case, fired, said, tuple(found))


async def _perform(house: House, action: Action, case: Case) -> tuple[Json, bool]:
    """Return the answer that the caller got, and whether what should go wrong did."""
    held = {"hang_seconds": HELD_SECONDS} if case.where == CLOUD and (case.kill or case.abort) else {}
    for fault in case.faults:
        house.fault(fault.platform, fault.operation, **{**fault.description, **held})
    if case.abort:
        return await house.abort(action.perform, *case.abort)
    if case.kill and not case.kill.nth:
        return await house.kill(action.perform, case.action)
    table = MortalTable(house.table, case.kill.nth, after=case.kill.after) if case.kill else None
    if table:
        house.restart(table)
    try:
        answer = await action.perform(house)
    except Killed:
        answer = {"status": "killed"}
    if table:
        await house.die()
    return answer, house.end_faults() and (table is None or table.is_dead)
