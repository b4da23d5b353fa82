"""The module's clock: what decides reads it, and the machine's own is read where machines agree on it."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import campaign_automation
from campaign_automation.utils import clock

# Files that read the machine's clock, and why.
OF_THE_MACHINE = {
    "utils/clock.py",  # the module's clock itself
    "stores/lease.py",  # leases, and the expiry that DynamoDB compares
    "managers/notices/signed_links.py",  # the authorizer of another function compares it
    "clients/mcp_answers.py",  # a date of the Web Platform's server
    "adapters/google/tokens.py",  # the life of a token of Google's server
}
_CALLS = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time)\(")


def test_only_these_files_read_the_machines_clock() -> None:
    package = Path(campaign_automation.__file__).parent
    files = {str(path.relative_to(package)): path.read_text() for path in package.rglob("*.py")}
    assert {name for name, text in files.items() if _CALLS.search(text)} == OF_THE_MACHINE


def test_a_file_tells_how_far_the_clock_is_ahead(tmp_path: Path) -> None:
    told = tmp_path / "a clock"
    told.write_text('{"ahead_seconds": 86400}')
    before = clock.now()
    try:
        asyncio.run(clock.synchronise(told.as_uri()))
        assert timedelta(days=1) <= clock.now() - before < timedelta(days=2)
    finally:
        asyncio.run(clock.synchronise(None))
