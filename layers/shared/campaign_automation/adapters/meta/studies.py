"""Split tests on Meta: ad studies, which show each person the ad sets of one cell only.

Source: platforms.md section 2.2, after the reference pages "Business Ad Studies" and "Ad Study".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaign_automation.adapters.base import Access, SplitOrder
from campaign_automation.adapters.common.outcomes import is_gone
from campaign_automation.adapters.common.reading import fields_of, id_of
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.facts import PLATFORM
from campaign_automation.adapters.meta.wire import Call, MetaWire
from campaign_automation.models.common import AdAccount
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformAuthError, PlatformRejectedError

_FIELDS = "id,name,start_time,end_time,canceled_time"


class MetaStudies:
    """Studies of the business that owns the ad account; a private account has no business."""

    def __init__(self, wire: MetaWire) -> None:
        self._wire = wire

    async def create(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        """The study's id; the one that has the name already, if there is one."""
        if not facts.FEWEST_CELLS <= len(order.adset_ids) <= facts.MOST_CELLS:
            return None
        try:
            business_id = await self._business_id(access, account)
            if business_id is None:
                return None
            found = await self._find(access, business_id, order.name)
        except PlatformAuthError as error:
            if error.code == "1004":  # a token for the ad account need not be one for its business
                return None
            raise
        params = _study(order)
        call: Call = ("POST", (business_id, "ad_studies"), params)
        return found or await self._send(access, "create_study", "study", call)

    async def end(self, access: Access, study_id: str) -> None:
        """End the study now, keeping its results; one that has not begun is deleted.

        One that ended before, or that neither Meta nor the account's list shows, is a success.
        """
        study = await self._read(access, study_id)
        now = clock.now()
        if study is None or study.get("canceled_time") or datetime.fromisoformat(study["end_time"]) <= now:
            return
        if datetime.fromisoformat(study["start_time"]) >= now:
            await self._send(access, "delete_study", study_id, ("DELETE", (study_id,), {}))
            return
        params = {"end_time": int(now.timestamp())}
        await self._send(access, "update_study", study_id, ("POST", (study_id,), params))

    async def _read(self, access: Access, study_id: str) -> Mapping[str, Any] | None:
        """Return the study, or None when the account's list shows that it is gone."""
        try:
            return await self._wire.get(access, "read_study", study_id, _FIELDS)
        except PlatformRejectedError as error:
            if not is_gone(error):
                raise
        # A study that this token may not see now gets the same answer; the account's list tells them apart.
        studies = await self._list(access, access.platform_account_id)
        return next((item for item in studies if item.get("id") == study_id), None)

    async def _business_id(self, access: Access, account: AdAccount) -> str | None:
        configured = account.facts.get("business_id")
        if configured:
            return str(configured)
        # Not among the fields of every creation: reading it may need a permission of its own.
        data = await self._wire.get(access, "read_account", access.platform_account_id, "business")
        owner = fields_of(data.get("business")).get("id")
        return id_of(owner) if owner else None

    async def _find(self, access: Access, business_id: str, name: str) -> str | None:
        studies = await self._list(access, business_id)
        alive = (item for item in studies if not item.get("canceled_time"))
        return next((id_of(item["id"]) for item in alive if item.get("name") == name), None)

    async def _list(self, access: Access, owner_id: str) -> list[dict[str, Any]]:
        params = {"fields": _FIELDS, "limit": 200}
        return await self._wire.get_all(access, "list_studies", owner_id, "ad_studies", params)

    async def _send(self, access: Access, operation: str, tag: str, call: Call) -> str:
        outcome = await self._wire.send(access, operation, tag, call)
        if outcome.error is not None:
            raise outcome.error
        if outcome.platform_id is None:
            raise PlatformRejectedError("meta: the study was answered without an id", platform=PLATFORM)
        return outcome.platform_id


def _study(order: SplitOrder) -> facts.Params:
    """The parameters of a study, its cells' shares in whole per cents that make 100."""
    share, rest = divmod(100, len(order.adset_ids))
    cells = [
        {"name": f"Cell {index + 1}", "treatment_percentage": share + (index < rest), "adsets": [adset_id]}
        for index, adset_id in enumerate(order.adset_ids)
    ]
    return {
        "name": order.name,
        "type": "SPLIT_TEST",
        "start_time": int(order.start.timestamp()),
        "end_time": int(order.end.timestamp()),
        "cells": cells,
    }
