"""Leases: the right of one process at a time to work on a row, for some seconds.

A process that dies gives nothing back, so a lease ends by itself. It counts epoch seconds of the machine's
clock: two processes share that one, while the module's own clock (utils/clock) can be moved.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from campaign_automation.stores.table import Absent, AnyOf, Before, Condition, Equals, Value


def machine_now() -> int:
    """Return epoch seconds, as DynamoDB counts in `expires_at` too."""
    return int(time.time())


@dataclass(frozen=True)
class Lease:
    """The two attributes that hold the lease of a row: its holder, and the second until which it stands."""

    holder: str
    until: str

    @property
    def attributes(self) -> tuple[str, str]:
        return self.holder, self.until

    def taken(self, holder: str, seconds: int) -> dict[str, Value]:
        """Return the attributes to set on the row for `holder` to have it for `seconds`."""
        return {self.holder: holder, self.until: machine_now() + seconds}

    def free_for(self, holder: str) -> Condition:
        """Return the condition that nobody else has the row, or only a holder whose time is over."""
        return AnyOf(Absent(self.until), Equals(self.holder, holder), Before(self.until, machine_now()))

    def held_by(self, holder: str) -> Condition:
        """Return the condition that nobody took the row over; a late holder may finish while it holds."""
        return Equals(self.holder, holder)


# One process at a time sends the messages of a row. Shared by campaigns and notices.
DELIVERY = Lease(holder="delivery_by", until="delivery_until")
