"""The surroundings of a sandbox platform, and the platforms themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from local.sandbox.core.accounts import Accounts
from local.sandbox.core.calls import CallLog
from local.sandbox.core.clock import Clock
from local.sandbox.core.faults import FaultBook
from local.sandbox.core.hidden import Hidden
from local.sandbox.core.limits import Quotas
from local.sandbox.core.records import DayRecord, Level
from local.sandbox.unkind import Unkind

Json = dict[str, Any]


class Platform(Protocol):
    """The part of a platform that the admin API uses."""

    def reset(self) -> None:
        """Back to the seeds."""

    def state(self) -> Json:
        """Everything held, as JSON."""

    def advance(self, now: datetime) -> None:
        """Let everything happen that is due until `now`."""


class AdPlatform(Platform, Protocol):
    """A platform that runs ads."""

    def skip_ids(self) -> None: ...

    def records(self, user_id: int, level: Level, object_id: str) -> list[DayRecord]:
        """Delivered days of one of the user's objects, as known now; none for an unknown or foreign one."""

    def patch_account(self, account_id: str, changes: Json) -> Json:
        """Changes an ad account, or creates it when `user_id` is given. Raises LookupError, ValueError."""

    def add_elsewhere(self, account_id: str, count: int, seed: int) -> list[Json]:
        """Adds campaigns that somebody made elsewhere. Raises LookupError for an unknown account."""

    def market(self) -> list[Json]:
        """The hidden curve that each ad set meets."""

    def set_review(self, ad_id: str, changes: Json) -> Json:
        """Ends the review of one ad: {"outcome": "approved" or "disapproved"}, and what the platform adds.
        Raises LookupError, ValueError."""


@dataclass
class World:
    """The shared parts; platforms register themselves under their name."""

    base_url: str
    seed: int = 1
    clock: Clock = field(default_factory=Clock)
    faults: FaultBook = field(default_factory=FaultBook)
    accounts: Accounts = field(default_factory=Accounts)
    latency_ms: dict[str, float] = field(default_factory=dict)
    unkind: Unkind = field(default_factory=Unkind)
    quotas: Quotas = field(default_factory=Quotas)
    hidden: Hidden = field(default_factory=Hidden)
    platforms: dict[str, Platform] = field(default_factory=dict)
    ad_platforms: dict[str, AdPlatform] = field(default_factory=dict)
    calls: CallLog = field(init=False)
    late: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.calls = CallLog(self.clock)

    def reset(self, seed: int | None = None, now: datetime | None = None) -> None:
        self.seed = self.seed if seed is None else seed
        self.clock.reset(now)
        self.faults.clear()
        self.hidden.clear()
        self.calls.clear()
        self.accounts.clear()
        self.latency_ms.clear()
        self.quotas.clear()
        self.late.clear()
        for platform in self._everything().values():
            platform.reset()

    def advance(self, step: timedelta) -> datetime:
        before = self.clock.now()
        self.clock.advance(step)
        now = self.clock.now()
        self.accounts.renew(before, now)
        for platform in self._everything().values():
            platform.advance(now)
        return now

    def state(self) -> Json:
        state: Json = {name: platform.state() for name, platform in self._everything().items()}
        return state | {"clock": self.clock.now().isoformat(), "seed": self.seed}

    def _everything(self) -> dict[str, Platform]:
        return {**self.ad_platforms, **self.platforms}

    async def act_late(self) -> int:
        """Carry out what was asked for and never answered, and tell how many requests that were."""
        late, self.late = self.late, []
        for act in late:
            await act()
        return len(late)

    async def wait(self, platform: str) -> None:
        """The latency the admin set for this platform."""
        delay_ms = self.latency_ms.get(platform, 0)
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
