"""Reports: what the platforms claim of a tenant's campaigns, by ad account, in its currency and its days."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from campaign_automation.adapters.base import LONGEST_REPORT_DAYS
from campaign_automation.adapters.delivery import windows
from campaign_automation.managers.campaign_manager import CampaignManager, load_all
from campaign_automation.managers.reports import wording
from campaign_automation.managers.reports.blocks import block_of, problem_block
from campaign_automation.managers.reports.coverage import AccountScope, scopes_of
from campaign_automation.managers.reports.csv_text import csv_of
from campaign_automation.managers.reports.figures import currency_totals
from campaign_automation.managers.reports.history import History
from campaign_automation.managers.reports.reading import AccountFigures, AccountRows
from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue, Revenue
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context, Level
from campaign_automation.models.reports import (
    GetReport,
    MissingHistory,
    Report,
    ReportBlock,
    ReportPending,
)
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, InvalidRequestError

MOST_ROWS = 10_000  # of one answer; Lambda's takes 6 MB
MOST_FIRST_PARTY = 30  # objects whose revenue is asked for: each is a call of the Web Platform


class Reports:
    def __init__(
        self,
        store: CampaignStore,
        campaigns: CampaignManager,
        figures: AccountFigures,
        history: History,
        first_party: FirstPartyRevenue,
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._figures = figures
        self._history = history
        self._first_party = first_party

    async def report(self, request: GetReport, caller: Context) -> Report | ReportPending:
        """Return the report, or what is still being fetched for it.

        An account that cannot be read is a block with a problem and without figures. Raises NotFoundError for
        a campaign that is not the tenant's, InvalidRequestError for more rows than an answer holds.
        """
        campaigns = await self._asked(request, caller.user_id)
        scopes = scopes_of(campaigns, request.from_, request.to, clock.now())
        found = await asyncio.gather(*(self._block(scope, request) for scope in scopes))
        if missing := [item for item in found if isinstance(item, MissingHistory)]:
            url = f"/v1/reports?{_query(request)}"
            return ReportPending(status_url=url, missing=missing, message=wording.pending(missing))
        blocks = [item for item in found if isinstance(item, ReportBlock)]
        return _report(request, blocks, sum(len(scope.campaigns) for scope in scopes))

    async def _asked(self, request: GetReport, tenant: str) -> list[Campaign]:
        """Return the campaigns that are asked for; without names all of the tenant."""
        if request.campaigns is None:
            listed = await self._store.campaigns(tenant, deleted_too=True)
            campaigns = await load_all(self._store, tenant, [item.campaign_id for item in listed])
        else:
            named = [await self._campaigns.load_created(tenant, item) for item in request.campaigns]
            campaigns = list({item.campaign_id: item for item in named}.values())
        return [item for item in campaigns if request.platforms is None or item.platform in request.platforms]

    async def _block(self, scope: AccountScope, request: GetReport) -> ReportBlock | MissingHistory:
        level = Level(request.level)
        try:
            stored = await self._history.whole(scope, level)
            if isinstance(stored, MissingHistory):
                return stored
            read = await self._figures.rows(scope, level, stored)
        except CampaignAutomationError as error:
            return problem_block(scope, f"{error.code}: {error.message}")
        revenue, left_out = await self._revenue(scope, level, read)
        block = block_of(scope, request, read, revenue)
        return block.model_copy(update={"warnings": [*block.warnings, *left_out]})

    async def _revenue(
        self, scope: AccountScope, level: Level, read: AccountRows
    ) -> tuple[Mapping[str, Revenue], list[str]]:
        """Return the first-party revenue by object and day, as far as there is one, and warnings."""
        ids = sorted({row.entity_id for rows in read.rows.values() for row in rows})
        if len(ids) > MOST_FIRST_PARTY:
            return {}, [wording.FIRST_PARTY_LEFT_OUT]
        revenue: dict[str, Revenue] = {item: {} for item in ids}
        warnings: list[str] = []
        for first, last in windows(*scope.span, LONGEST_REPORT_DAYS):
            found, more = await self._first_party.read(scope.tenant, level, ids, first, last)
            for item, days in found.items():
                revenue[item] |= days
            warnings = more or warnings
        return revenue, [wording.FIRST_PARTY_NOT_READ] if warnings else []


def _report(request: GetReport, blocks: Sequence[ReportBlock], campaigns: int) -> Report:
    """Return the blocks as the answer, or as its text. Raises InvalidRequestError for too many rows."""
    rows = sum(len(block.rows) for block in blocks)
    if rows > MOST_ROWS:
        raise InvalidRequestError(wording.too_many_rows(rows, MOST_ROWS), field="level")
    is_csv = request.format == "csv"
    return Report(
        level=request.level,
        by=request.by,
        first_day=request.from_,
        last_day=request.to,
        blocks=[] if is_csv else list(blocks),
        totals=[] if is_csv else currency_totals(blocks),
        csv=csv_of(blocks) if is_csv else None,
        message=wording.reported(campaigns, len(blocks), request.from_, request.to),
    )


def _query(request: GetReport) -> str:
    """Return the request as the query of its route."""
    given = request.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    values = {name: ",".join(item) if isinstance(item, list) else item for name, item in given.items()}
    return urlencode(values, safe=",")
