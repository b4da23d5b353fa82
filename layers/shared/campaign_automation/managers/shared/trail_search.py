"""The search for changes whose campaign is not known: by account, time and actor, or by a request's id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from campaign_automation.adapters.common.account_ids import bare_id
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.changes import (
    LONGEST_SEARCH,
    AuditFound,
    AuditRecord,
    CampaignTrail,
    FindRequest,
    RequestFound,
    SearchAudit,
)
from campaign_automation.models.common import Context
from campaign_automation.stores.audit_store import AuditStore, id_at
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.requests import RequestStore
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ForbiddenError, InvalidRequestError, NotFoundError

_DAY = timedelta(days=1)
_ROWS = 500  # of one read
_MOST_ROWS = 5000  # of one page: what passes no filter is read all the same
_MOST_CAMPAIGNS = 20  # of one request


class _Page(NamedTuple):
    """The records that pass, and the id up to which the trail was read; None is its end."""

    records: list[AuditRecord]
    read_to: str | None


class TrailSearch:
    """The search over the whole deployment, for callers who are named its operators.

    In one process a caller has every role unless told otherwise; such a caller finds the own tenant only.
    """

    def __init__(
        self, audit: AuditStore, requests: RequestStore, store: CampaignStore, tags: TagStore
    ) -> None:
        self._audit = audit
        self._requests = requests
        self._store = store
        self._tags = tags

    async def changes(self, request: SearchAudit, caller: Context) -> AuditFound:
        """Return a page of changes of several campaigns, oldest first.

        Raises ForbiddenError for another tenant, InvalidRequestError for more than 31 days.
        """
        until = request.until or clock.now()
        since = request.since or until - _DAY
        if not timedelta(0) < until - since <= LONGEST_SEARCH:
            raise InvalidRequestError("since: is at most 31 days before until", field="since")
        tenants = await self._tenants(request, caller)
        pages = [await self._read(tenant, request, since, until) for tenant in sorted(tenants)]
        # Beyond a trail that was not read to its end, another may have changes that come later.
        read_to = min((page.read_to for page in pages if page.read_to is not None), default=None)
        found = sorted((item for page in pages for item in page.records), key=lambda item: item.audit_id)
        records = [item for item in found if read_to is None or item.audit_id <= read_to]
        if len(records) > request.limit:
            records = records[: request.limit]
            read_to = records[-1].audit_id
        return AuditFound(records=records, next=read_to)

    async def request(self, request: FindRequest, caller: Context) -> RequestFound:
        """Return the campaigns that a request was about, with their trails. Raises NotFoundError."""
        owners = await self._requests.campaigns(request.request_id, _MOST_CAMPAIGNS)
        seen = [owner for owner in owners if caller.is_named_operator or owner[0] == caller.user_id]
        trails = await asyncio.gather(*(self._trail(*owner, request) for owner in seen))
        campaigns = [trail for trail in trails if trail is not None]
        if not campaigns:
            raise NotFoundError(f"request {request.request_id} is not known", field="request_id")
        return RequestFound(request_id=request.request_id, campaigns=campaigns)

    async def _trail(self, tenant: str, campaign_id: str, request: FindRequest) -> CampaignTrail | None:
        known = await self._store.known(tenant, campaign_id)
        if known is None:
            return None
        after = request.after or ""
        records = await self._audit.page(tenant, campaign_id, after=after, limit=request.limit)
        return CampaignTrail(
            tenant=tenant,
            campaign_id=campaign_id,
            platform=known.spec.platform if isinstance(known, Creation) else known.platform,
            account=_account(known),
            state=known.state,
            records=records,
            next=records[-1].audit_id if len(records) == request.limit else None,
        )

    async def _tenants(self, request: SearchAudit, caller: Context) -> Iterable[str]:
        """Return the tenants whose trails are searched."""
        if not caller.is_named_operator:
            if request.tenant not in (None, caller.user_id):
                raise ForbiddenError("tenant: is another one's", field="tenant")
            return {caller.user_id}
        if request.tenant is not None:
            return {request.tenant}
        if request.account is None:
            return {caller.user_id}
        wanted = bare_id(request.account)
        accounts = [key for key in await self._tags.accounts() if bare_id(key.rpartition(":")[2]) == wanted]
        owners = await asyncio.gather(*map(self._tags.owners, accounts))
        return {tenant for of_account in owners for tenant, _ in of_account}

    async def _read(self, tenant: str, request: SearchAudit, since: datetime, until: datetime) -> _Page:
        """Read one tenant's trail day by day, until the page is full or too much was read."""
        found: list[AuditRecord] = []
        first, end = id_at(_ms(since)), id_at(_ms(until))
        position = max(first, _behind(request.after)) if request.after else first
        day, read = since.astimezone(UTC).date(), 0
        while day <= until.astimezone(UTC).date():
            rows = await self._audit.of_day(tenant, day, since=position, limit=_ROWS)
            found += [row for row in rows if row.audit_id < end and _passes(row, request)]
            read += len(rows)
            position = _behind(rows[-1].audit_id) if rows else position
            if rows and (len(found) > request.limit or read >= _MOST_ROWS):
                return _Page(found, rows[-1].audit_id)
            day += _DAY if len(rows) < _ROWS else timedelta(0)
        return _Page(found, None)


def _passes(record: AuditRecord, request: SearchAudit) -> bool:
    names = (None, record.actor, record.actor.partition(":")[2])
    is_account = request.account is None or bare_id(record.account or "") == bare_id(request.account)
    return is_account and request.actor in names


def _behind(audit_id: str) -> str:
    return f"{audit_id}~"  # "~" sorts behind all characters of ids


def _account(known: Creation | Campaign) -> str | None:
    return known.account.platform_account_id if known.account else None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
