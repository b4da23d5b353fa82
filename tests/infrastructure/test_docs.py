"""README and docs say what the code says, in bounds that people read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from local import docs

ROOT = Path(__file__).parents[2]
README = docs.README.read_text()
PAGES = [docs.README, *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[([^\]]*)\]\(([^)#]*)(#[^)]*)?\)")
MAX_WORDS, MAX_ROW = 3000, 160


def test_the_generated_parts_are_what_the_code_says() -> None:
    assert docs.SETTINGS.read_text() == docs.settings_page()
    assert docs.COSTS.read_text() == docs.costs_page(), "run `make docs`"
    assert docs.readme(README) == README, "run `make docs`"
    for path, text in docs.served().items():
        assert path.read_text() == text, "run `make docs`"


def test_the_readme_stays_short_and_has_a_table_of_contents() -> None:
    assert len(README.split()) <= MAX_WORDS
    headings = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert len(headings) > 5
    for heading in headings:
        assert f"- [{heading}](#{heading.lower().replace(' ', '-')})" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_rows_are_short_and_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    assert [line for line in text.splitlines() if line.startswith("|") and len(line) > MAX_ROW] == []
    for _, target, _ in LINK.findall(text):
        if target and not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_each_page_is_linked_from_the_readme() -> None:
    for page in PAGES[1:]:
        assert f"(docs/{page.name})" in README, page.name


WHERE = re.findall(r"^\| ([^|]+\?) \| \[`(\w[\w.]*)`\]\(([^)]+)\)", README, re.MULTILINE)


def test_ten_questions_lead_to_one_function_each() -> None:
    assert len(WHERE) >= 10
    for question, name, target in WHERE:
        tree = ast.parse((ROOT / target).read_text())
        assert name in defined(tree), question


def defined(tree: ast.Module) -> set[str]:
    """Names of functions and classes of a module, methods as Class.method."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{item.name}" for item in node.body if isinstance(item, kinds)}
    return names


def test_each_metric_is_in_the_table_of_metrics_and_none_else() -> None:
    layer = ROOT / "layers/shared/campaign_automation"
    code = "\n".join(path.read_text() for path in layer.rglob("*.py"))
    emitted = set(re.findall(r"\bemit\(\s*\"([a-z_]+)\"", code))
    section = (ROOT / "docs/operating.md").read_text().partition("## Metrics\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    assert len(emitted) > 30
    assert set(re.findall(r"[a-z]+(?:_[a-z]+)+", " ".join(rows))) == emitted
