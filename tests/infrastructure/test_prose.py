"""The prose of the layer: docstrings open with an imperative or a noun, and odd lines say why."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

LAYER = Path(__file__).parents[2] / "layers" / "shared" / "campaign_automation"
LEAST_COMMENTS_PER_100_LINES = 2

_RIDDLE = re.compile(r"(What|Who|How|Which|Whoever|Whatever|Where|When|Why|Whether)\b")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def test_docstrings_open_with_an_imperative_or_a_noun() -> None:
    openings = [opening for path in _files() for opening in _openings(path)]
    assert len(openings) > 500
    assert [place for place, line in openings if _RIDDLE.match(line)] == []


def test_comments_say_why_at_least_twice_in_100_lines() -> None:
    files = _files()
    lines = sum(len(path.read_text().splitlines()) for path in files)
    comments = sum(map(_comments, files))
    assert 100 * comments / lines >= LEAST_COMMENTS_PER_100_LINES, f"{comments} comments in {lines} lines"


def _files() -> list[Path]:
    return sorted(LAYER.rglob("*.py"))


def _openings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and the first line of each docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        text = ast.get_docstring(node) if isinstance(node, _DOCUMENTED) else None
        if text:
            name = getattr(node, "name", "module")
            yield f"{path.relative_to(LAYER)}: {name}: {text.splitlines()[0]}", text


def _comments(path: Path) -> int:
    with path.open("rb") as file:
        return sum(token.type == tokenize.COMMENT for token in tokenize.tokenize(file.readline))
