"""`make chaos`: run the fault matrix, print a table of what it left behind, and write build/chaos.json."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.chaos.cases import PLATFORMS, Case, Result, parse
from tests.chaos.invariants import KINDS
from tests.chaos.workers import discover, in_sandbox, run_all
from tests.support.processes import ROOT

REPORT = ROOT / "build" / "chaos.json"


def main() -> int:
    arguments = _arguments()
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn")) as pool:
        if not (cases := _named(arguments.only)):
            found = pool.map(partial(in_sandbox, discover), [[name] for name in PLATFORMS])
            cases = chosen([case for part in found for case in part], arguments)
        slices = [part for index in range(arguments.jobs) if (part := cases[index :: arguments.jobs])]
        results = [item for part in pool.map(partial(in_sandbox, run_all), slices) for item in part]
    seconds = time.monotonic() - started
    _write(results, arguments, seconds)
    _show(results, seconds)
    return int(any(result.violations for result in results))


def _named(name: str) -> list[Case]:
    """Return the one case with this whole name; none for a part of one, which may be in many."""
    try:
        case = parse(name)
    except ValueError:
        return []
    return [case] if case.faults or case.kill else []


def chosen(cases: list[Case], arguments: argparse.Namespace) -> list[Case]:
    """Return the cases that are asked for by name, or a sample of the wanted size."""
    if arguments.only:
        return [case for case in cases if arguments.only in case.name]
    if arguments.cases == 0 or arguments.cases >= len(cases):
        return cases
    return random.Random(arguments.seed).sample(cases, arguments.cases)


def _write(results: list[Result], arguments: argparse.Namespace, seconds: float) -> None:
    counted = {
        "seed": arguments.seed,
        "seconds": round(seconds),
        "platforms": {name: _counts(results, name) for name in PLATFORMS},
        "failing": [
            {"case": item.case.name, "answer": item.answer, "violations": [list(v) for v in item.violations]}
            for item in results
            if item.violations
        ],
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(counted, indent=1))


def _counts(results: Sequence[Result], platform: str) -> dict[str, int]:
    """Return how many cases of a platform had their fault, and in how many each invariant broke."""
    mine = [item for item in results if item.case.platform == platform]
    broken = Counter(kind for item in mine for kind in {violation.kind for violation in item.violations})
    fired = sum(item.fired or not item.case.faults for item in mine)
    return {"cases": fired, **{kind: broken[kind] for kind in KINDS}}


def _show(results: Sequence[Result], seconds: float) -> None:
    for item in results:
        for kind, text in item.violations:
            print(f"{kind}: {text}\n  answered {item.answer}; make chaos ARGS='--only {item.case.name}'")
    columns = ("cases", *KINDS)
    print(f"{'':10}" + "".join(f"{name:>16}" for name in columns))
    rows = {name: _counts(results, name) for name in PLATFORMS}
    rows["all"] = dict(sum((Counter(row) for row in rows.values()), Counter()))
    for name, row in rows.items():
        print(f"{name:10}" + "".join(f"{row.get(column, 0):>16}" for column in columns))
    unmet = sum(not item.fired for item in results if item.case.faults)
    print(f"{seconds:.0f} seconds; {unmet} cases more, whose fault met no call, are not counted")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--only", default="", help="the cases with this in their name")
    parser.add_argument("--cases", type=int, default=2000, help="as many, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
