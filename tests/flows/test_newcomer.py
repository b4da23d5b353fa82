"""The commands of README, typed in their order into a clone and a HOME of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.doc_blocks import ROOT


@pytest.mark.slow
def test_a_newcomer_sees_a_campaign_and_makes_one() -> None:
    typed = subprocess.run(
        [sys.executable, "-m", "tests.newcomer"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    told = json.loads(typed.stdout.splitlines()[-1])
    # The seconds are told and not asserted: this machine may be busy.
    assert told["first_campaign_seconds"] is not None, typed.stderr[-3000:]
    assert any(command.startswith("curl") for command in told["steps"])
    assert "FAILED" not in typed.stdout
