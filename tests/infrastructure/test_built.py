"""The built bundle is what was built, or somebody is told."""

from __future__ import annotations

import compileall
import py_compile
from pathlib import Path

import pytest

from local.built import BUILT_MODULE, MODULE, differences


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A source tree of one module, and what `make build` makes of it."""
    module = tmp_path / MODULE
    module.mkdir(parents=True)
    (module / "limits.py").write_text("MOST = 1\n")
    layer = tmp_path / "built" / BUILT_MODULE
    layer.mkdir(parents=True)
    (layer / "limits.py").write_text("MOST = 1\n")
    compileall.compile_dir(layer, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return tmp_path / "built"


def test_a_bundle_is_what_was_built(built: Path) -> None:
    assert list(differences(built, built.parent)) == []


def test_an_edit_of_a_built_layer_is_noticed_as_its_bytecode_would_hide_it(built: Path) -> None:
    (built / BUILT_MODULE / "limits.py").write_text("MOST = 2\n")
    assert list(differences(built, built.parent)) == [
        f"{BUILT_MODULE}/limits.py was edited after the build, and its bytecode was not",
        f"{MODULE}/limits.py changed after the build",
    ]


def test_a_change_of_the_source_after_the_build_is_noticed(built: Path) -> None:
    (built.parent / MODULE / "caps.py").write_text("")
    assert list(differences(built, built.parent)) == [f"{MODULE}/caps.py changed after the build"]
