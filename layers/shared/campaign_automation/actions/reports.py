"""The action that reports figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import action
from campaign_automation.models.common import Context
from campaign_automation.models.reports import GetReport, Report, ReportPending

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("GET", "/v1/reports")
async def get_report(parts: Wiring, request: GetReport, caller: Context) -> Report | ReportPending:
    """Report spend, results and ratios by ad account, of campaigns, ad sets or ads, by day or in total."""
    return await parts.reports.report(request, caller)
