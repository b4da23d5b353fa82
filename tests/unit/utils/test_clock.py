"""The module's clock: what decides reads it, and the machine's own is read where machines agree on it."""

from __future__ import annotations

import re
from pathlib import Path

import campaign_automation

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
