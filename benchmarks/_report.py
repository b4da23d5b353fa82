"""The table of a benchmark with its figures, which keep their names so that runs can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "build" / "bench.json"
PAGE = ROOT / "docs" / "benchmarks.md"
_HEAD = "| figure | committed |\n|---|---|\n"


class Report(NamedTuple):
    """The text of a table, and its figures by a name that stays."""

    text: str
    figures: Mapping[str, float]


def named(benchmark: str, report: Report) -> dict[str, float]:
    """Return the figures of a benchmark by names without blanks and commas."""
    return {
        f"{benchmark}.{name}".replace(",", "").replace(" ", "_"): value
        for name, value in report.figures.items()
    }


def compared(figures: Mapping[str, float], committed: Mapping[str, float]) -> str:
    """Return one line for each figure, with the committed one and the ratio where there is one."""
    lines = []
    for name, value in figures.items():
        before = committed.get(name)
        ratio = f"{before:10.4g} {value / before:7.2f}x" if before else "         -"
        lines.append(f"{name:56} {value:10.4g} {ratio}")
    head = f"{'figure':56} {'now':>10} {'committed':>10} {'ratio':>8}"
    return "\n".join([head, *lines])


def committed_figures(page: Path = PAGE) -> dict[str, float]:
    """Return the figures of the page; none when there is no page yet."""
    if not page.exists():
        return {}
    rows = [line.split("|")[1:-1] for line in _table(page.read_text()).splitlines()]
    return {name.strip(" `"): float(value) for name, value in rows}


def keep(figures: Mapping[str, float], page: Path = PAGE) -> None:
    """Put the figures into the page, beside those of benchmarks that did not run."""
    text = page.read_text()
    rows = sorted((committed_figures(page) | dict(figures)).items())
    table = "".join(f"| `{name}` | {value:.4g} |\n" for name, value in rows)
    page.write_text(text[: text.index(_HEAD)] + _HEAD + table)


def write(figures: Mapping[str, float], seconds: Mapping[str, float], machine: Mapping[str, Any]) -> None:
    """Write build/bench.json."""
    FIGURES.parent.mkdir(exist_ok=True)
    found = {"figures": dict(figures), "seconds": dict(seconds), "machine": dict(machine)}
    FIGURES.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def _table(text: str) -> str:
    return text[text.index(_HEAD) + len(_HEAD) :]
