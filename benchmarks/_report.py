"""The table of a benchmark with its figures, which keep their names so that runs can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "build" / "bench.json"
PAGE = ROOT / "docs" / "benchmarks.md"
_MARK = "<!-- figures, written by make bench ARGS=--keep -->\n"


class NotMeasuredError(Exception):
    """The error of a benchmark that this machine lacks something for, such as the built layers."""


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
    """Return the figures of the page by benchmark and name; none when there is no page yet."""
    found: dict[str, float] = {}
    for subject, _, rows in _sections(page):
        found |= {f"{subject}.{name}": value for name, value in rows.items()}
    return found


def keep(figures: Mapping[str, float], machine: Mapping[str, Any], page: Path = PAGE) -> None:
    """Put the figures into the page, a table for each benchmark, beside those that did not run."""
    sections = {subject: (told, rows) for subject, told, rows in _sections(page)}
    for name in figures:
        subject = name.partition(".")[0]
        rows = {
            key.partition(".")[2]: value for key, value in figures.items() if key.startswith(f"{subject}.")
        }
        sections[subject] = (_measured(machine), rows)
    head = page.read_text().partition(_MARK)[0]
    text = "\n".join(_section(subject, *sections[subject]) for subject in sorted(sections))
    page.write_text(f"{head}{_MARK}\n{text}")


def _sections(page: Path) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield the benchmarks of the page: name, the machine's sentence, and the figures by name."""
    text = page.read_text() if page.exists() else ""
    for section in text.partition(_MARK)[2].split("\n## ")[1:]:
        subject, _, rest = section.partition("\n")
        rows = [line.split("|")[1:-1] for line in rest.splitlines() if line.startswith("| `")]
        told = next(line for line in rest.splitlines() if line)
        yield subject, told, {name.strip(" `"): float(value) for name, value in rows}


def _section(subject: str, told: str, rows: Mapping[str, float]) -> str:
    table = "".join(f"| `{name}` | {value:.4g} |\n" for name, value in sorted(rows.items()))
    return f"## {subject}\n\n{told}\n\n| figure | value |\n|---|---|\n{table}"


def _measured(machine: Mapping[str, Any]) -> str:
    return f"Measured on {machine['cores']} cores at a load of {machine['load']:.1f}."


def write(figures: Mapping[str, float], seconds: Mapping[str, float], machine: Mapping[str, Any]) -> None:
    """Write build/bench.json."""
    FIGURES.parent.mkdir(exist_ok=True)
    found = {"figures": dict(figures), "seconds": dict(seconds), "machine": dict(machine)}
    FIGURES.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
