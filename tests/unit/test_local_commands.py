"""The commands of the local cloud, as the Makefile calls them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from local import __main__ as command_line
from local.demo.control import own_tree

MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text()
MODULES = sorted(set(re.findall(r"\$\(PY\) -m ((?:local|tests|benchmarks)[\w.]*)", MAKEFILE)))


@pytest.mark.parametrize("module", MODULES)
def test_every_module_that_make_runs_is_there(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("command", ["demo", "invoke"])
def test_a_command_with_arguments_of_its_own_is_found(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main([command, "--help"])
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_what_the_demo_counts_is_without_the_objects_of_others() -> None:
    ours, theirs = {"daily_budget": 40, "foreign": False}, {"daily_budget": 50, "foreign": True}
    tree = {"campaign": {"name": "Shoes"}, "adsets": [ours, theirs], "ads": [theirs]}
    assert own_tree(tree) == {"campaign": {"name": "Shoes"}, "adsets": [ours], "ads": []}
