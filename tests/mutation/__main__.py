"""`make mutants`: put small faults into the code that guards money, and count those that no test finds.

mutmut makes the faults and runs the tests. It takes packages below src/, and mutates neither functions under
most decorators nor the values of modules; so it works on a copy of this clone in build/mutants.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.support.processes import ROOT

MUTMUT = "mutmut==3.8.1"
VENV = ROOT / ".venv-mutants"
WORK = ROOT / "build" / "mutants"
LOG = ROOT / "build" / "mutants.log"
EXPLAINED = Path(__file__).with_name("survivors.toml")
LEAST_SCORE = 85

# The code, by the area that the report names. Sentences for people are left out.
AREAS = {
    "money": ["utils/money.py"],
    "retries": ["utils/retry_strategy.py"],
    "leases": ["stores/lease.py", "managers/changes/leases.py"],
    "changes": ["managers/changes/[!lw]*.py"],
    "rules": ["optimizers/rules/*.py"],
}
# Those that concern these areas and end within seconds.
TESTS = [
    "tests/unit/utils/test_money.py",
    "tests/unit/utils/test_retry_strategy.py",
    "tests/unit/utils/test_waiting.py",
    "tests/unit/optimizers/rules",
    "tests/unit/managers/changes",
    "tests/unit/managers/test_state_notices.py",
    "tests/unit/managers/ads/test_adding.py",
    "tests/unit/managers/ads/test_replacing.py",
    "tests/unit/actions/test_replays.py",
    "tests/unit/managers/shared/test_switches.py",
    "tests/unit/managers/campaigns/test_reconciling.py",
    "tests/property/test_limits.py",
    "tests/property/test_write_gate.py",
    "tests/property/test_rules.py",
]
# The store in SQLite alone, as the contract of tables compares the engines, and DynamoDB starts a sandbox. No
# test in a process of its own, which imports the product without faults, and no simulation, which takes
# seconds.
_TOO_MUCH = ("dynamodb", "carries_no_scipy", "test_simulation")
# The project's own plugin would be loaded before the copy is on the path.
_WITHOUT = ("cacheprovider", "xdist", "campaign_automation_testing.plugin")
_OPTIONS = [
    *(word for name in _WITHOUT for word in ("-p", f"no:{name}")),
    "-k",
    f"not ({' or '.join(_TOO_MUCH)})",
]
# No test reads log lines, metrics and annotations.
_LEFT_OUT = [r"logger\.", r"\bemit\("]
_COPIED = [
    "campaign_automation_testing",
    "local",
    "events",
    "functions",
    "statemachines",
    "layers",
    "docs",
    "benchmarks",
    "template.yaml",
]
_SURVIVED, _NO_TEST = 0, 33  # mutmut's exit codes; all others are found or cut
_FIRST = "campaign_automation.utils.money.*"


@dataclass(frozen=True)
class Mutant:
    """One fault; `code` is mutmut's exit code of its tests, None while it was not tried."""

    name: str
    path: Path
    code: int | None

    @property
    def lives(self) -> bool:
        return self.code in (_SURVIVED, _NO_TEST)

    @property
    def function(self) -> str:
        return self.name.rpartition("__mutmut_")[0]

    def _is_in(self, pattern: str) -> bool:
        return fnmatch(str(self.path), pattern)

    @property
    def area(self) -> str:
        return next(name for name, patterns in AREAS.items() if any(self._is_in(item) for item in patterns))


def main() -> int:
    arguments = _arguments()
    started = time.monotonic()
    prepare(arguments.only)
    # The first run makes all mutants and notes which test reaches which function.
    run_mutmut([_FIRST], arguments.jobs)
    untried = sorted(item.name for item in mutants() if item.code is None)
    chosen = random.Random(arguments.seed).sample(untried, min(arguments.count, len(untried)))
    if chosen:
        run_mutmut(chosen, arguments.jobs)
    every = list(mutants())
    return report(every, time.monotonic() - started)


# --- the copy -----------------------------------------------------------------------------------------------


def prepare(areas: Sequence[str]) -> None:
    """Make the copy anew, with faults in these areas alone, and mutmut's environment where there is none."""
    if not (VENV / "bin" / "mutmut").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([str(VENV / "bin" / "pip"), "install", "--quiet", MUTMUT], check=True)
    # mutmut sees the libraries of this environment, and not the product itself.
    (site,) = VENV.glob("lib/python*/site-packages")
    (ours,) = (ROOT / ".venv").glob("lib/python*/site-packages")
    (site / "project.pth").write_text(f"{ours}\n")
    shutil.rmtree(WORK, ignore_errors=True)
    unwanted = shutil.ignore_patterns("__pycache__", "python", "*.pyc")
    shutil.copytree(
        ROOT / "layers/shared/campaign_automation", WORK / "src/campaign_automation", ignore=unwanted
    )
    for name in (*_COPIED, "tests"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, WORK / name, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, WORK / name)
    (WORK / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + _settings({"money", *areas}))


def _settings(areas: Set[str]) -> str:
    patterns = [f"src/campaign_automation/{item}" for area in areas for item in AREAS[area]]
    values = {
        "source_paths": ["src"],
        "only_mutate": patterns,
        "also_copy": _COPIED,
        "pytest_add_cli_args": _OPTIONS,
        "pytest_add_cli_args_test_selection": TESTS,
        "do_not_mutate_patterns": _LEFT_OUT,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    # Tests that take five times as long as without a fault, and half a minute, go round in circles. On a busy
    # machine less would count faults as found that no test finds.
    more = ["timeout_multiplier = 5.0", "timeout_constant = 6.0"]
    switched_off = ["use_git_change_detection = false", "track_dependencies = false"]
    return "\n".join(["", "[tool.mutmut]", *lines, *more, *switched_off, ""])


def run_mutmut(names: Sequence[str], jobs: int) -> None:
    command = [str(VENV / "bin" / "mutmut"), "run", "--max-children", str(jobs), *names]
    with LOG.open("w") as log:
        ended = subprocess.run(
            command, cwd=WORK, stdout=log, stderr=log, env={**os.environ, "PYTHONHASHSEED": "0"}
        )
    if ended.returncode:
        sys.exit(f"mutmut ended with {ended.returncode}; its output is in {LOG}")


# --- what became of them ------------------------------------------------------------------------------------


def mutants() -> Iterator[Mutant]:
    package = WORK / "mutants/src/campaign_automation"
    for meta in sorted(package.rglob("*.py.meta")):
        path = meta.relative_to(package).with_suffix("")
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
            yield Mutant(name, path, code)


def changed_lines(mutant: Mutant) -> tuple[str, str]:
    """Return the line as it was, and as the fault made it."""
    source = WORK / "mutants/src/campaign_automation" / mutant.path
    spans = json.loads(source.with_name(f"{source.name}.spans").read_text())["spans"]
    lines, short = source.read_text().splitlines(), mutant.name.rpartition(".")[2]
    first, last = spans[f"{short.rpartition('__mutmut_')[0]}__mutmut_orig"]
    start, end = spans[short]
    removed, added = [], []
    for line in difflib.ndiff(lines[first:last], lines[start:end]):
        if line[:2] in ("- ", "+ ") and "__mutmut_" not in line:  # which is in the function's own name
            (removed if line[0] == "-" else added).append(line[2:].strip())
    return " ".join(removed), " ".join(added)


def report(every: Sequence[Mutant], seconds: float) -> int:
    tried = [item for item in every if item.code is not None]
    reasons = [(item["at"], item["now"], item["reason"]) for item in _explained()]
    unexplained = 0
    for item in sorted((item for item in tried if item.lives), key=lambda item: item.name):
        was, now = changed_lines(item)
        reason = next((why for at, text, why in reasons if at in item.function and text in now), "")
        unexplained += not reason
        print(f"{item.path}: {item.function.rpartition('.')[2]}\n  - {was}\n  + {now}\n  {reason or '(new)'}")
    print(f"{'':12}{'mutants':>10}{'tried':>10}{'found':>10}{'score':>10}")
    for area in AREAS:
        _row(area, [item for item in every if item.area == area])
    score = _row("all", every)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = f"{used.ru_utime + used.ru_stime:.0f} of processor"
    print(
        f"{seconds:.0f} seconds, {processor}; {unexplained} that live are not explained in {EXPLAINED.name}"
    )
    return int(score < LEAST_SCORE)


def _explained() -> list[dict[str, str]]:
    return list(tomllib.loads(EXPLAINED.read_text()).get("survivor", []))


def _row(name: str, every: Sequence[Mutant]) -> float:
    count = Counter("untried" if item.code is None else "lives" if item.lives else "found" for item in every)
    tried = count["found"] + count["lives"]
    score = 100 * count["found"] / tried if tried else 100
    print(f"{name:12}{len(every):>10}{tried:>10}{count['found']:>10}{score:>9.1f}%")
    return score


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=1500, help="mutants to try beside those of money")
    parser.add_argument("--only", nargs="+", choices=AREAS, default=list(AREAS), help="areas")
    parser.add_argument("--seed", type=int, default=1, help="draws them")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
