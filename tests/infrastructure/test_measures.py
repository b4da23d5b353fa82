"""The measures of the layer's rooms: a file and a folder that can be seen whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

LAYER = Path(__file__).parents[2] / "layers" / "shared" / "campaign_automation"
MAX_LINES, MAX_FILES = 450, 14


def test_no_file_of_the_layer_is_too_long() -> None:
    lines = {_name(path): len(path.read_text().splitlines()) for path in LAYER.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_no_folder_of_the_layer_is_too_full() -> None:
    files = Counter(_name(path.parent) for path in LAYER.rglob("*.py") if path.name != "__init__.py")
    assert {name: count for name, count in files.items() if count > MAX_FILES} == {}


def _name(path: Path) -> str:
    return str(path.relative_to(LAYER))
