"""The limits of platform calls: one row for each app and each account, written under its version.

| pk                | sk               | holds                                          |
|-------------------|------------------|------------------------------------------------|
| limits#<platform> | app or <account> | calls used, pauses and faults, as one document |
"""

from __future__ import annotations

import json
from typing import Any

from campaign_automation.stores.table import Key, Put, Table, Version, document, version_of
from campaign_automation.utils.clock import now_ms

_KEPT_SECONDS = 3 * 24 * 3600  # the longest window is a day


class CallLimitStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def load(self, platform: str, scope: str) -> tuple[dict[str, Any], int]:
        """Return the state and its version; an empty one where there is no row, or none that can be read."""
        row = await self._table.get(_key(platform, scope)) or {}
        try:
            return json.loads(row.get("state", "{}")), version_of(row)
        except ValueError:
            return {}, version_of(row)

    async def save(self, platform: str, scope: str, state: dict[str, Any], version: int) -> bool:
        """Store the state unless somebody wrote since `version`, and return whether it was stored."""
        row = {
            **_key(platform, scope)._asdict(),
            "state": document(state),
            "expires_at": now_ms() // 1000 + _KEPT_SECONDS,
        }
        return await self._table.try_write(Put(row, Version(version)))


def _key(platform: str, scope: str) -> Key:
    return Key(f"limits#{platform}", scope)
