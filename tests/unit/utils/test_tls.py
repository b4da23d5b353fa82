"""The connections of the process."""

from __future__ import annotations

import sys

import campaign_automation.utils.tls


def test_a_missing_library_of_other_event_loops_is_looked_for_once() -> None:
    assert campaign_automation.utils.tls
    assert "sniffio" in sys.modules
