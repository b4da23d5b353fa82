"""Notices to a user that belong to no campaign, in the outbox until each of their channels has taken them.

| pk                   | sk            | holds                                    |
|----------------------|---------------|------------------------------------------|
| <tenant>#notice#<id> | outbox#000001 | what to say, and where it is still to go |
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel

from campaign_automation.stores.table import TableStore, offloaded
from campaign_automation.utils.clock import now_ms

Channel = Literal["web_platform", "topic"]

_KEPT = timedelta(days=30)
_ROW = "outbox#000001"


class Notice(BaseModel):
    """`arguments` are those of the Web Platform's create_notification; `waiting`: who is to take it yet."""

    tenant: str
    notice_id: str
    arguments: dict[str, Any]
    waiting: list[Channel]


class NoticeStore(TableStore):
    @offloaded
    def load(self, tenant: str, notice_id: str) -> Notice | None:
        row = self._get(_pk(tenant, notice_id), _ROW)
        return None if row is None else Notice.model_validate_json(row["notice"])

    @offloaded
    def claim(self, notice: Notice, seconds: int) -> bool:
        """Whether this process may now deliver the notice."""
        return self._claim_for(_pk(notice.tenant, notice.notice_id), _ROW, seconds, standing="outbox")

    @offloaded
    def save(self, notice: Notice) -> None:
        """Replaces the notice and gives it back to whoever delivers next."""
        self._put(notice_row(notice))


def notice_row(notice: Notice) -> dict[str, Any]:
    row = {"pk": _pk(notice.tenant, notice.notice_id), "sk": _ROW, "notice": notice.model_dump_json()}
    if notice.waiting:
        # Only what waits carries the key of the outbox's index.
        return {**row, "outbox": "pending", "due": now_ms()}
    return {**row, "expires_at": int(time.time()) + _KEPT // timedelta(seconds=1)}


def _pk(tenant: str, notice_id: str) -> str:
    return f"{tenant}#notice#{notice_id}"
