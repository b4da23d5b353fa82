"""Test files that are imported before the collection are collected as if they were not."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.pathlib import import_path

from tests.conftest import import_share

FAULTS = {
    "test_raising.py": "1 / 0",
    "test_skipped.py": "import pytest; pytest.skip('not here', allow_module_level=True)",
    "test_misspelt.py": "def test_next(:",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    for name, fault in {**FAULTS, "test_whole.py": ""}.items():
        (tmp_path / "tests" / name).write_text(f"def test_first(): pass\n{fault}\ndef test_last(): pass\n")
    return tmp_path


def test_a_file_that_cannot_be_imported_is_no_shorter_file_to_the_collection(folder: Path) -> None:
    import_share(folder, 0, 1)
    for name in FAULTS:
        with pytest.raises((ZeroDivisionError, pytest.skip.Exception, SyntaxError)):
            load(folder, name)
    assert load(folder, "test_whole.py") is load(folder, "test_whole.py")


def load(folder: Path, name: str) -> object:
    return import_path(
        folder / "tests" / name, mode="importlib", root=folder, consider_namespace_packages=False
    )
