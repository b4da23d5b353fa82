"""The commands of the local cloud, as the Makefile calls them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from local import __main__ as command_line
from local.demo.control import change_of

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


def test_the_demo_tells_a_change_in_words() -> None:
    assert (
        change_of({"before": {"status": "active"}, "after": {"status": "paused"}})
        == "status active -> paused"
    )
    assert change_of({"before": None, "after": {"daily_budget": "40.00"}}) == "daily_budget – -> 40.00"
