"""The start of a function: what is loaded then stays, and what must differ in each copy of its snapshot
(SnapStart) is made new there."""

from __future__ import annotations

import gc
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


def keep_loaded() -> None:
    """Take what is loaded by now out of all collections of garbage: it lives as long as the process.

    The SDKs are some 200,000 objects, and each full collection would look through them.
    """
    gc.freeze()
