"""`make chaos`: run fault matrix and simulation, print what they left behind, write build/chaos.json."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from tests.chaos.cases import CLOUD, MEMORY, PLATFORMS, SANDBOX, Case, Result, pairs, parse
from tests.chaos.invariants import KINDS
from tests.chaos.simulation import STEPS, Outcome
from tests.chaos.workers import (
    discover,
    discover_in_memory,
    in_memory,
    in_sandbox,
    run_all,
    run_all_in_memory,
    run_all_through_workers,
    run_histories,
    through_workers,
    timed_histories,
)
from tests.support.processes import ROOT

REPORT = ROOT / "build" / "chaos.json"


class Simulated(NamedTuple):
    """The histories, and how many steps they made: in a minute of all processes, and of one processor."""

    histories: list[Outcome]
    a_minute: int
    a_minute_of_processor: int


def main() -> int:
    arguments = _arguments()
    # Each process iterates over its sets in the same order, so that a history is the same in all of them.
    os.environ["PYTHONHASHSEED"] = "0"
    started = time.monotonic()
    # Two processes more than work at once: those with a local cloud wait much of their time.
    with ProcessPoolExecutor(arguments.jobs + 2, multiprocessing.get_context("spawn")) as pool:
        if arguments.history is not None:
            return _replay(pool.submit(run_histories, [arguments.history]).result()[0])
        simulated = _simulate(pool, arguments)
        results = list(_matrix(pool, arguments))
    seconds = {"seconds": round(time.monotonic() - started), "processor_seconds": round(_processor())}
    report = {"seed": arguments.seed, **seconds, **_report(results, simulated)}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1))
    _show(report)
    return int(bool(report["failing"]))


def _simulate(pool: ProcessPoolExecutor, arguments: argparse.Namespace) -> Simulated:
    if arguments.only or not arguments.steps:
        return Simulated([], 0, 0)
    seeds = range(arguments.seed * 1_000_000, arguments.seed * 1_000_000 + arguments.steps // STEPS)
    parts = list(pool.map(timed_histories, [seeds[n :: arguments.jobs] for n in range(arguments.jobs)]))
    histories = [item for part, _, _ in parts for item in part]
    steps = sum(len(item.steps) for item in histories)
    seconds, processor = max(clock for _, clock, _ in parts), sum(used for _, _, used in parts)
    return Simulated(histories, round(60 * steps / seconds), round(60 * steps / processor))


def _matrix(pool: ProcessPoolExecutor, arguments: argparse.Namespace) -> Iterator[Result]:
    cases = _cases(pool, arguments)
    # The longest first. What has nothing to start is cut smaller, and fills the time that is left.
    parts = {CLOUD: arguments.jobs + 1, SANDBOX: arguments.jobs, MEMORY: 6 * arguments.jobs}
    running = [
        pool.submit(_work(where, len(range(index, arguments.workers, count))), part)
        for where, count in parts.items()
        for index in range(count)
        if (part := cases.get(where, [])[index::count])
    ]
    for part in running:
        yield from part.result()


def _work(where: str, wanted: int) -> Callable[[Sequence[Case]], list[Result]]:
    """Return how cases are run; through workers until `wanted` of them met their call."""
    if where == CLOUD:
        return partial(run_all_through_workers, wanted)
    return run_all_in_memory if where == MEMORY else partial(in_sandbox, run_all)


def _cases(pool: ProcessPoolExecutor, arguments: argparse.Namespace) -> dict[str, list[Case]]:
    if named := _named(arguments.only):
        return {named.where: [named]}
    known = pool.submit(discover_in_memory)
    parts = pool.map(partial(in_sandbox, discover), [[name] for name in PLATFORMS])
    sandbox, memory = [case for part in parts for case in part], known.result()
    if arguments.only:
        every = [*sandbox, *memory]
        return {
            where: [case for case in every if case.where == where and arguments.only in case.name]
            for where in (SANDBOX, MEMORY)
        }
    seed, count = arguments.seed, arguments.cases
    many = pairs(sandbox, count // 10, seed)
    aborts = [case for case in memory if case.abort]
    two = [in_memory(case) for case in pairs(memory, arguments.memory // 5, seed)]
    return {
        MEMORY: _sample(memory, arguments.memory, seed) + _sample(aborts, arguments.memory // 5, seed) + two,
        SANDBOX: _sample(sandbox, count, seed) + list(many),
        CLOUD: through_workers(sandbox, arguments.workers, seed),
    }


def _sample(cases: list[Case], count: int, seed: int) -> list[Case]:
    return random.Random(seed).sample(cases, min(count, len(cases)))


def _named(name: str) -> Case | None:
    """Return the one case with this whole name; None for a part of one, which may be in many."""
    try:
        case = parse(name)
    except ValueError:
        return None
    return case if case.faults or case.kill or case.abort else None


# --- the report ---------------------------------------------------------------------------------------------


def _processor() -> float:
    """Return the processor's seconds of this process and of all that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def _report(results: Sequence[Result], simulated: Simulated) -> dict[str, Any]:
    histories = simulated.histories
    wheres = (MEMORY, SANDBOX, CLOUD)
    rows = {
        f"{where} {name}": _counts([item for item in results if _is(item, where, name)])
        for where in wheres
        for name in PLATFORMS
    }
    rows["simulation"] = _counts_of_histories(histories)
    rows["all"] = dict(sum((Counter(row) for row in rows.values()), Counter()))
    return {
        "steps": sum(len(item.steps) for item in histories),
        "steps_a_minute": simulated.a_minute,
        "steps_a_minute_of_processor": simulated.a_minute_of_processor,
        "not_met": sorted(item.case.name for item in results if not item.fired),
        "rows": rows,
        "failing": [
            *(
                _failing(item, f"ARGS='--only {item.case.name}'", item.answer)
                for item in results
                if item.violations
            ),
            *(_failing(item, f"SEED={item.seed}", "") for item in histories if item.violations),
        ],
    }


def _failing(item: Result | Outcome, again: str, answer: str) -> dict[str, Any]:
    violations = sorted({tuple(violation) for violation in item.violations})
    return {"again": f"make chaos {again}", "answer": answer, "violations": violations}


def _is(item: Result, where: str, platform: str) -> bool:
    return item.case.where == where and item.case.platform == platform


def _counts(results: Sequence[Result]) -> dict[str, int]:
    """Return how many cases had what should go wrong, and in how many each invariant broke."""
    broken = Counter(kind for item in results for kind in {violation.kind for violation in item.violations})
    return {"cases": sum(item.fired for item in results), **{kind: broken[kind] for kind in KINDS}}


def _counts_of_histories(histories: Sequence[Outcome]) -> dict[str, int]:
    broken = Counter(kind for item in histories for kind in {violation.kind for violation in item.violations})
    return {"cases": len(histories), **{kind: broken[kind] for kind in KINDS}}


def _show(report: dict[str, Any]) -> None:
    for item in report["failing"]:
        for kind, text in item["violations"]:
            print(f"{kind}: {text}\n  answered {item['answer']}; {item['again']}")
    columns = ("cases", *KINDS)
    print(f"{'':16}" + "".join(f"{name:>16}" for name in columns))
    for name, row in report["rows"].items():
        print(f"{name:16}" + "".join(f"{row.get(column, 0):>16}" for column in columns))
    print(
        f"{report['seconds']} seconds, {report['processor_seconds']} of processor; {report['steps']} steps of"
        f" histories, {report['steps_a_minute']} a minute, {report['steps_a_minute_of_processor']} a minute"
        f" of one processor; {len(report['not_met'])} cases more, whose fault met no call, are not counted"
        f" ({_by_place(report['not_met'])})"
    )


def _by_place(names: Sequence[str]) -> str:
    places = Counter(parse(name).where for name in names)
    return ", ".join(f"{count} {where}" for where, count in sorted(places.items())) or "none"


def _replay(outcome: Outcome) -> int:
    print("\n".join(f"{number:3} {step}" for number, step in enumerate(outcome.steps, 1)))
    for violation in dict.fromkeys(outcome.violations):
        print(f"{violation.kind}: {violation.text}")
    return int(bool(outcome.violations))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--only", default="", help="the cases with this in their name")
    parser.add_argument(
        "--history", type=int, help="one history of the simulation, step by step, by its seed"
    )
    parser.add_argument("--steps", type=int, default=10_000, help="of the simulation")
    parser.add_argument("--memory", type=int, default=1500, help="cases on platforms in memory, at least")
    parser.add_argument("--cases", type=int, default=250, help="cases against the sandbox, at least")
    parser.add_argument(
        "--workers", type=int, default=150, help="cases through the local cloud that meet their call"
    )
    parser.add_argument("--seed", type=int, default=1, help="draws cases and histories")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
