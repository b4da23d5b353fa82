"""The calls of one platform: admitted by the shared limits, counted, and their failures shared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from campaign_automation.adapters.limits.limit import CallLimit, Kind
from campaign_automation.adapters.limits.scope import Scope, StateStore, turn
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import PlatformError, StoreError
from campaign_automation.utils.observability import emit, logger, platform_call
from campaign_automation.utils.urgency import stops_spend

APP = "app"
HUNG_SECONDS = 8.0  # a call that was cut after so long was not answered; before, its caller left
BUSY_PERCENT = 90


class Calls:
    """The calls of one platform, held to `limit`; without a store they are only counted."""

    def __init__(
        self, platform: str, limit: CallLimit | None = None, store: StateStore | None = None
    ) -> None:
        self._platform = platform
        self._limit = limit
        self._store = store
        self._scopes: dict[str, Scope] = {}

    @asynccontextmanager
    async def made(
        self, account: str, operation: str, kind: Kind = "read", count: int = 1
    ) -> AsyncIterator[None]:
        """Wait until the call may be sent, and count it: "ok", or our code of the PlatformError it raised.

        Raises PlatformError for a call that is not sent. What stops spend is always sent, and at once.
        """
        ahead = [] if stops_spend() else await self._admit(account, kind, count)
        started = asyncio.get_running_loop().time()
        try:
            yield
        except PlatformError as error:
            platform_call(self._platform, operation, error.code)
            await self._tell(self._failed(account, error))
            raise
        except asyncio.CancelledError:
            if asyncio.get_running_loop().time() - started >= HUNG_SECONDS:
                await self._tell(self._fault(account))
            raise
        else:
            platform_call(self._platform, operation, "ok")
            await self._tell(self._answered(account))
        finally:
            _release(ahead)

    def spend(self, account: str, pages: int) -> None:
        """Count further pages that one call read."""
        if self._limit is not None and self._store is not None and pages:
            scope = self._scope(APP if self._limit.scope == APP else account)
            scope.spend(self._limit.points("read", pages))

    async def saw_usage(self, account: str, percent: int, *, of_app: bool = False) -> None:
        """Let reads rest for a minute when the platform says that most of a limit is used."""
        if percent >= BUSY_PERCENT:
            await self._tell(self._scope(APP if of_app else account).rest_reads())

    async def _admit(self, account: str, kind: Kind, count: int) -> list[Scope]:
        """Return the scopes, of account and app, in which others wait for the answer of this call."""
        ahead: list[Scope] = []
        if self._store is None:
            return ahead
        scopes = [self._scope(account), self._scope(APP)]
        try:
            async with turn(self._platform):
                for scope in scopes:
                    ahead += [scope] if await scope.check(kind) else []
                for scope in scopes:
                    await scope.admit(kind, count)
        except StoreError as error:
            # The platform still holds its own limits; a table that fails must not be a second reason to fail.
            self._not_read(error)
        except BaseException as error:
            _release(ahead)
            if isinstance(error, PlatformError):
                emit("platform_calls_held_up_total", platform=self._platform, status=error.code)
            raise
        return ahead

    async def _failed(self, account: str, error: PlatformError) -> None:
        wait, scope = error.details.get("retry_after"), error.details.get("rate_scope")
        if error.code == "1003" or (error.code == "1005" and (wait or scope)):
            await self._scope(APP if scope == APP else account).change(
                lambda state: state.close(error.code, wait, now_ms())
            )
        elif error.code == "4002" and error.details.get("outcome_unknown"):
            await self._fault(account)
        else:
            await self._answered(account)  # a refusal is an answer

    async def _fault(self, account: str) -> None:
        await self._scope(account).change(lambda state: state.fault(now_ms()))

    async def _answered(self, account: str) -> None:
        for name in (account, APP):
            await self._scope(name).answered()

    async def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        """Tell the other processes, unless the table fails: the platform's answer counts all the same."""
        if self._store is None:
            telling.close()
            return
        try:
            await telling
        except StoreError as error:
            self._not_read(error)

    def _not_read(self, error: StoreError) -> None:
        logger.warning("limits of calls not read", platform=self._platform, reason=error.message)
        emit("call_limits_unreadable_total", platform=self._platform)

    def _scope(self, name: str) -> Scope:
        if name not in self._scopes:
            assert self._store is not None
            is_counted = self._limit is not None and (name == APP) == (self._limit.scope == APP)
            limit = self._limit if is_counted else None
            self._scopes[name] = Scope(self._store, self._platform, name, limit)
        return self._scopes[name]


def _release(scopes: list[Scope]) -> None:
    for scope in scopes:
        scope.release()
