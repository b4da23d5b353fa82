"""Split tests on TikTok: two manual ad groups that share the audience without overlap.

Source: platforms.md section 3.3, after "Create a split test" and "Use split tests".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from campaign_automation.adapters.base import Access, SplitOrder
from campaign_automation.adapters.common.outcomes import is_gone
from campaign_automation.adapters.common.reading import id_or_none
from campaign_automation.adapters.common.refusals import gone
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.answers import daily_budget
from campaign_automation.adapters.tiktok.errors import unavailable
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.adapters.tiktok.objects import Stored, TikTokObjects
from campaign_automation.adapters.tiktok.requests import number
from campaign_automation.adapters.tiktok.wire import TikTokWire
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import PlatformAuthError, PlatformRejectedError

_ENDED = ("REPORTING_GENERATING", "COMPLETED", "CANCELLED")
_METRICS = {"CONVERT": "CONVERT_RATE", "INSTALL": "CONVERT_RATE", "CLICK": "CLICK_THROUGH_RATE"}


class TikTokSplits:
    """Split tests of an account's ad groups, which `objects` reads."""

    def __init__(self, wire: TikTokWire, objects: TikTokObjects) -> None:
        self._wire = wire
        self._objects = objects

    async def create(self, access: Access, order: SplitOrder) -> str | None:
        """Create a split test, and return its id; an existing test of the same ad groups is returned."""
        # Tests have no names to find them by; the ad groups tell the test that holds them.
        adset_ids = order.adset_ids
        if len(adset_ids) != 2:
            return None
        stored = await self._objects.stored(access, Level.ADSET, adset_ids)
        _refuse_missing(adset_ids, stored)
        if any(family != "manual" for family, _ in stored.found.values()):
            return None
        groups = [stored.found[item][1] for item in adset_ids]
        held = {id_or_none(group, "split_test_group_id") for group in groups}
        if len(held) == 1 and None not in held:
            return held.pop()
        return await self._send(access, _split_body(order, groups))

    async def _send(self, access: Access, body: facts.Params) -> str | None:
        try:
            data = await self._wire.post(access, "create_split", "split_test/create", body)
        except PlatformAuthError as error:
            if error.code == "1004":  # the product is not open to every advertiser
                return None
            raise
        split_id = id_or_none(data, "split_test_group_id")
        if split_id is None:
            raise unavailable("tiktok: split_test/create answered without an id")
        return split_id

    async def end(self, access: Access, split_id: str) -> None:
        """End the test now, which also stops both ad groups. One that is over is a success."""
        body: facts.Params = {"split_test_group_id": split_id}
        try:
            await self._wire.post(access, "end_split", "split_test/end", body)
        except PlatformRejectedError:
            if not await self._is_over(access, body):
                raise

    async def _is_over(self, access: Access, test: facts.Params) -> bool:
        """Return whether the test has ended, by its own status, or by its ad groups when it is not shown."""
        try:
            result = await self._wire.get(access, "read_split", "split_test/result/get", test)
        except PlatformRejectedError as error:
            if not is_gone(error):
                raise
            groups = await self._objects.adsets(access)
            return not any(_goes_on(group, test["split_test_group_id"]) for group in groups)
        return result.get("split_test_status") in _ENDED


def _goes_on(group: Mapping[str, object], split_id: str) -> bool:
    is_in_it = id_or_none(group, "split_test_group_id") == split_id
    return is_in_it and group.get("split_test_status") not in _ENDED


def _refuse_missing(adset_ids: Sequence[str], stored: Stored) -> None:
    missing = [item for item in adset_ids if item not in stored.found]
    if missing and stored.lost:
        raise stored.refusal(Level.ADSET, missing[0])
    if missing:
        raise gone(PLATFORM, f"the ad groups {', '.join(missing)} do not exist")


def _split_body(order: SplitOrder, groups: Sequence[Mapping[str, object]]) -> facts.Params:
    """The body of split_test/create/."""
    # `budget` overwrites the budgets of both ad groups, so it is their present sum.
    budgets = [daily_budget(group) or Decimal(0) for group in groups]
    body: facts.Params = {
        "split_test_level": "ADGROUP",
        "object_ids": list(order.adset_ids),
        "test_variable": "CREATIVE",
        "key_metric": _METRICS.get(str(groups[0].get("optimization_goal")), "UNSET"),
        "start_time": _utc(order.start),
        "end_time": _utc(order.end),
    }
    total = sum(budgets, Decimal(0))
    return body | ({"budget": number(total)} if total else {})


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(facts.TIME)
