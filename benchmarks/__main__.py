"""`python -m benchmarks [name ...]`: run the named modules of this package, or all, and print their tables.

A benchmark is a module with `run() -> str | Report`; a new file needs no entry anywhere. One that is
simulated takes `seeds`, `markets` or `everything` and has short defaults; `cost` takes `write` and `given`.
A module with `ALONE = True` runs only when it is named; NotMeasuredError says what a benchmark lacks here.
The figures of reports are written to build/bench.json and compared with those of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import sys
import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS

import benchmarks
from benchmarks import _report
from benchmarks._report import NotMeasuredError, Report


def names() -> list[str]:
    return sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    known = names()
    unknown = [name for name in options.names if name not in known]
    if unknown:
        print(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    os.environ["POWERTOOLS_LOG_LEVEL"] = "ERROR"  # read when a benchmark imports the module
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}  # before its own work
    figures: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for name in options.names or known:
        started = time.monotonic()
        module = importlib.import_module(f"benchmarks.{name}")
        DEFAULT_PROVIDERS.clear()  # the last one read secrets from a cloud that is gone
        if not options.names and getattr(module, "ALONE", False):
            continue
        try:
            report = _report_of(module.run, options)
        except NotMeasuredError as missing:
            print(f"{name}\nnot measured: {missing}\n", flush=True)
            if options.names:
                return 1
            continue
        took = f"({time.monotonic() - started:.0f} s)"
        print(f"{name} {took}\n{report.text}\n", flush=True)
        figures |= _report.named(name, report)
        seconds[name] = time.monotonic() - started
    _report.write(figures, seconds, machine)
    if figures:
        print(_report.compared(figures, _report.committed_figures()))
    print(f"{sum(seconds.values()):.0f} s in all")
    if options.keep:
        _report.keep(figures, machine)
    return 0


def _report_of(run: Callable[..., str | Report], options: argparse.Namespace) -> Report:
    answer = run(**_taken(run, options))
    return answer if isinstance(answer, Report) else Report(answer, {})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print benchmark tables.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, help="simulations of each case (default: a quick look)")
    parser.add_argument("--markets", nargs="+", help="the simulated markets, by name (default: all)")
    parser.add_argument("--keep", action="store_true", help="put the figures into docs/benchmarks.md")
    parser.add_argument("--everything", action="store_true", default=None, help="all strategies too")
    parser.add_argument(
        "--write", action="store_true", default=None, help="cost: keep the counts, for the docs"
    )
    parser.add_argument(
        "--set", nargs="+", type=_price, dest="given", metavar="NAME=VALUE", help="cost: other prices"
    )
    return parser


def _price(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


def _taken(run: Callable[..., str | Report], options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given and that this benchmark takes."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    return {name: given[name] for name in inspect.signature(run).parameters if name in given}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
