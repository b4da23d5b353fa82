"""The campaigns of a rule with their changes, read from digests by the hundred where those still hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar

from campaign_automation.managers.rules.entities import CHANGES
from campaign_automation.managers.shared.insights import CampaignInsights, Counted
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.rules.rule import Scope
from campaign_automation.stores.audit_store import AuditStore, time_of
from campaign_automation.stores.campaign_rows import Listed
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.digest_store import Digest, DigestStore, Kept
from campaign_automation.utils.error_handler import StoreError
from campaign_automation.utils.observability import internal_error

R = TypeVar("R")

_FEWEST = 2  # campaigns for which three requests for all are fewer than four for each
_AT_ONCE = 16


class Broken(NamedTuple):
    """The place of rows that cannot be read."""

    @staticmethod
    def error() -> StoreError:
        return StoreError("rows of the campaign cannot be read", retryable=False)


class Loaded(NamedTuple):
    """Campaigns, with the digests and marks of their load; `unread` are those whose rows are broken."""

    campaigns: list[Campaign]
    unread: list[Listed]
    digests: Mapping[str, Digest]
    marks: Mapping[str, str]

    def counted(self) -> dict[str, Counted]:
        """Return the conversions of campaigns that are known already, by campaign."""
        return {
            name: Counted(digest.counted_on, digest.counts)
            for name, digest in self.digests.items()
            if digest.counted_on is not None
        }


class CampaignReading:
    def __init__(self, store: CampaignStore, audit: AuditStore, digests: DigestStore) -> None:
        self._store = store
        self._audit = audit
        self._digests = digests

    async def load(self, tenant: str, listing: Iterable[Listed], scope: Scope | None = None) -> Loaded:
        """Return campaigns of a listing that `scope` can be about. A broken row costs its own only."""
        listed = {item.campaign_id: item for item in listing}
        kept, marks = await self._kept(tenant, list(listed))
        digests = {name: item.digest for name, item in kept.items() if marks.get(name) == item.mark}

        async def load(campaign_id: str) -> Campaign | Listed | None:
            if campaign_id in digests:
                return digests[campaign_id].campaign
            campaign = await _readable(campaign_id, self._store.campaign(tenant, campaign_id))
            return listed[campaign_id] if isinstance(campaign, Broken) else campaign

        loaded = await _each(load, listed)
        found = [item for item in loaded if isinstance(item, Campaign) and item.state != "deleted"]
        unread = [item for item in loaded if isinstance(item, Listed)]
        if scope is not None and scope.adset_ids is not None:
            found, unread = _with_adsets(found, unread, set(scope.adset_ids))
        return Loaded(found, unread, digests, marks)

    async def trails(
        self, loaded: Loaded, read: Sequence[CampaignInsights], since: int
    ) -> list[list[AuditRecord] | Broken]:
        """Return the changes of campaigns since a moment (epoch milliseconds), and keep digests of them all.

        Those of a campaign whose row has still its mark are the digest's: a change that began meanwhile gave
        it another.
        """
        if not read:
            return []
        tenant, names = read[0].campaign.tenant, [item.campaign.campaign_id for item in read]
        known = [name for name in names if name in loaded.marks]
        marks = await self._digests.marks(tenant, known) if known else {}
        still = {name for name in known if marks.get(name) == loaded.marks[name]}

        async def trail(campaign_id: str) -> list[AuditRecord] | Broken:
            digest = loaded.digests.get(campaign_id) if campaign_id in still else None
            if digest is not None and digest.trail_from <= since:
                return [record for record in digest.trail if time_of(record.audit_id) >= since]
            return await _readable(campaign_id, self._audit.since(tenant, campaign_id, since))

        trails = await _each(trail, names)
        fresh = {
            name: Kept(marks[name], _digest(item, since, records))
            for name, item, records in zip(names, read, trails, strict=True)
            if name in still and not isinstance(records, Broken) and _is_to_keep(loaded, item)
        }
        await self._digests.keep(tenant, fresh)
        return trails

    async def listed(self, tenant: str, scope: Scope | None = None) -> list[Listed]:
        """Return the tenant's campaigns that `scope` can be about, as the tenant's list has them."""
        listed = await self._store.campaigns(tenant)
        if scope is not None and scope.platform is not None:
            listed = [item for item in listed if item.platform == scope.platform]
        if scope is not None and scope.campaign_ids is not None:
            listed = [item for item in listed if item.campaign_id in set(scope.campaign_ids)]
        return listed

    async def _kept(self, tenant: str, names: Sequence[str]) -> tuple[dict[str, Kept], dict[str, str]]:
        if len(names) < _FEWEST:
            return {}, {}
        # The marks come last: a digest that was kept in between holds for the row as it is now.
        return await self._digests.read(tenant, names), await self._digests.marks(tenant, names)


async def _readable(campaign_id: str, read: Awaitable[R]) -> R | Broken:
    """Return what is read, or Broken for rows that no later try could read either."""
    try:
        return await read
    except (KeyError, ValueError, StoreError) as error:
        if isinstance(error, StoreError) and error.retryable:
            raise
        internal_error("campaign not read", campaign_id=campaign_id)
        return Broken()


async def _each(call: Callable[[str], Coroutine[Any, Any, R]], names: Iterable[str]) -> list[R]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> R:
        async with gate:
            return await call(name)

    return await asyncio.gather(*map(one, names))


def _with_adsets(
    campaigns: Sequence[Campaign], unread: list[Listed], adsets: set[str]
) -> tuple[list[Campaign], list[Listed]]:
    """Return the campaigns with any of the ad sets, and of the unread ones those that may have one."""
    found = [item for item in campaigns if item.objects.keys() & adsets]
    missing = adsets - {tag for item in found for tag in item.objects}
    return found, unread if missing else []


def _digest(item: CampaignInsights, since: int, trail: Sequence[AuditRecord]) -> Digest:
    return Digest(
        # A change reads its campaign's messages anew: a digest is never taken for the whole of it.
        campaign=item.campaign.model_copy(update={"outbox": [], "row_version": None}),
        trail_from=since,
        trail=[record for record in trail if record.operation in CHANGES],
        counts=item.snapshots,
        counted_on=_counted_on(item),
    )


def _is_to_keep(loaded: Loaded, item: CampaignInsights) -> bool:
    """Return whether a digest of what was read holds more than the one that there is, and nothing old."""
    digest = loaded.digests.get(item.campaign.campaign_id)
    if digest is None:
        return item.campaign.row_version is not None  # else some objects are older than the mark
    return digest.counted_on != _counted_on(item)


def _counted_on(item: CampaignInsights) -> date | None:
    """Return the day whose report the counts include: today, or None while there is none of today."""
    for snapshot in item.snapshots:
        age = (item.today - snapshot.day).days - 1
        if 0 <= age < len(snapshot.counts) and snapshot.counts[age] is not None:
            return item.today
    return None
