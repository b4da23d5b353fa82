"""Imports allowed to each part: no numpy for the rules, no heavy part of scipy at all."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("budgets.written_rules", ("numpy", "scipy", "pandas")),
        ("budgets.apportionment", ("numpy", "scipy", "pandas")),
        ("budget_optimizer", ("scipy", "pandas")),
    ],
)
def test_a_module_loads_no_more_than_it_may(module: str, heavy: tuple[str, ...]) -> None:
    code = (
        f"import sys, campaign_automation.optimizers.{module}\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
