"""The calls of dead letters that operators had made again: by whom, and whether each was handed over.

| pk       | sk          | holds                                                          |
|----------|-------------|----------------------------------------------------------------|
| redrives | <letter id> | function, actor, time, and `is_sent` once its function took it |
"""

from __future__ import annotations

from campaign_automation.models.messages import Redrive
from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.operations.requests import KEPT_SECONDS
from campaign_automation.stores.table import Key, Put, Table

_PK = "redrives"


class RedriveStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def find(self, letter_id: str) -> Redrive | None:
        row = await self._table.get(Key(_PK, letter_id))
        return None if row is None else Redrive.model_validate_json(row["redrive"])

    async def note(self, letter_id: str, redrive: Redrive) -> None:
        row = {"pk": _PK, "sk": letter_id, "redrive": redrive.model_dump_json()}
        await self._table.write(Put({**row, "expires_at": machine_now() + KEPT_SECONDS}))
