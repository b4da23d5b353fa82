"""Snapshots of a started function (SnapStart): what must differ in each copy is made new there."""

from __future__ import annotations

import random
from collections.abc import Callable

AfterRestore = Callable[[], None]


def after_restore(refresh: AfterRestore) -> None:
    """Let the runtime call `refresh` in each copy of this process; elsewhere nothing happens."""
    try:
        from snapshot_restore_py import register_after_restore
    except ImportError:  # only Lambda's runtime brings it, and nobody else makes snapshots
        return
    register_after_restore(refresh)


def reseed() -> None:
    """Give the module's own generator another state: libraries draw their pauses from it."""
    # Our own chance comes from the system, and uuid4 does too.
    random.seed()
