"""The sentences that the layer's code may say, as samples: each text of its source with values in it."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

LAYER = Path(__file__).parents[2] / "layers" / "shared" / "campaign_automation"
# Sources whose texts only developers, models or programs read.
_FILES = re.compile(
    r"__main__|__init__|api/(openapi|event_schema|prometheus|reference/|gemini|pages/(kit|wording))|api/mcp/(protocol|catalogue|resources)"
    r"|utils/(metrics|observability|languages)|adapters/(google/queries|(google|meta|tiktok)/facts)"
    r"|managers/(campaigns/copywriting|ads/drafting)|clients/mcp_(client|answers)\.py:regex"
)
# Calls whose texts go into a log, a metric or a pattern.
_UNSAID = re.compile(r"logger\.|internal_error|emit$|re\.|_re$|Field$|TypeVar|\.split$|Fact$|\.startswith")
_WORD = re.compile(r"[A-Za-z']{2,}")
_HOLE = re.compile(r"\{[a-z_]+(:[^}]*)?\}")  # of a text that is filled in elsewhere
_SAMPLES = {"metric": ["roas"], "window": ["7d"]}


def samples() -> dict[str, str]:
    """Return each sample with the place where it is said."""
    return {text: place for path in sorted(LAYER.rglob("*.py")) for place, text in _of_file(path)}


def _of_file(path: Path) -> Iterator[tuple[str, str]]:
    name = path.relative_to(LAYER).as_posix()
    if _FILES.match(name):
        return
    texts = _Texts()
    texts.visit(ast.parse(path.read_text()))
    for node in texts.found:
        for text in _texts(node, texts.words):
            if _is_sentence(text):
                yield f"{name}:{node.lineno}", text


class _Texts(ast.NodeVisitor):
    """The texts of a file, and those that it gives to each variable."""

    def __init__(self) -> None:
        self.found: list[ast.Constant | ast.JoinedStr] = []
        self.words: dict[str, list[str]] = {}

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and " " in node.value:
            self.found.append(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self.found.append(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arguments(self, node: ast.arguments) -> None:
        """Pass over annotations."""

    def visit_Call(self, node: ast.Call) -> None:
        called = _called(node)
        if not _UNSAID.search(called):
            args = node.args[:1] if called.endswith("counted") else node.args
            for part in (node.func, *args, *node.keywords):
                self.visit(part)

    def visit_Assign(self, node: ast.Assign) -> None:
        if len(node.targets) == 1:
            for name, value in _pairs(node.targets[0], node.value):
                self.words.setdefault(name, []).extend(_choices(value))
        self.visit(node.value)


def _is_sentence(text: str) -> bool:
    return len(_WORD.findall(text)) > 1 and " " in text.strip() and not text.isupper()


def _called(call: ast.Call) -> str:
    """Return the name of what is called, as logger.info."""
    if isinstance(call.func, ast.Attribute):
        holder = call.func.value
        return f"{holder.id if isinstance(holder, ast.Name) else ''}.{call.func.attr}"
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple):
        branches = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
        for branch in branches:
            if isinstance(branch, ast.Tuple):
                for part, word in zip(target.elts, branch.elts, strict=False):
                    yield from _pairs(part, word)


def _choices(value: ast.expr) -> list[str]:
    """Return the texts that an expression may be, where it is a choice of such."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.IfExp) and (first := _choices(value.body)) and (other := _choices(value.orelse)):
        return first + other
    return []


def _texts(node: ast.Constant | ast.JoinedStr, words: dict[str, list[str]]) -> Iterable[str]:
    if isinstance(node, ast.Constant):
        return [_HOLE.sub("101", node.value)] if isinstance(node.value, str) else []
    number = itertools.count(101)
    parts = [
        _values(part.value, words, next(number)) if isinstance(part, ast.FormattedValue) else _choices(part)
        for part in node.values
    ]
    return map("".join, itertools.product(*parts))


def _values(value: ast.expr, words: dict[str, list[str]], number: int) -> list[str]:
    """Return sample values; without letters, so that each letter of a sample is our own."""
    if choices := _choices(value):
        return choices
    if isinstance(value, ast.Name) and words.get(value.id):
        return words[value.id]
    if isinstance(value, ast.Call) and _called(value).endswith("counted") and value.args[1:]:
        noun = ast.literal_eval(value.args[1]) if isinstance(value.args[1], ast.Constant) else "object"
        return [f"1 {noun}", f"{number} {noun}s"]
    if isinstance(value, ast.Call) and _called(value) == "_were":
        return ["was", "were"]
    name = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
    return _SAMPLES.get(name, [str(number)])
