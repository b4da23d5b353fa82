"""The sandbox's admin side as the package for customers' tests has it, and what our tests share beside it."""

from __future__ import annotations

import os

from campaign_automation_testing.processes import RunningSandbox
from campaign_automation_testing.sandbox import LIVE, Sandbox
from local.sandbox.unkind import DEFAULT_SEED

__all__ = ["LIVE", "UNKIND_SEED", "Sandbox", "as_seeded"]
# The seed of unkind platforms, with which a run can be repeated.
UNKIND_SEED = int(os.environ.get("UNKIND_SEED", DEFAULT_SEED))


def as_seeded(running: RunningSandbox) -> RunningSandbox:
    """Take away what other tests of this process left in the sandbox that they share."""
    with Sandbox(running.urls["admin"]) as control:
        control.reset()
        control.unkind(None)
    return running
