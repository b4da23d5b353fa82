"""The actions that report figures, link to their pages, and set monthly budgets that spend is paced to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.models.common import Context
from campaign_automation.models.notices.page_links import LinkPage, PageLink
from campaign_automation.models.reports import GetReport, Report, ReportPending
from campaign_automation.models.reports.pacing import (
    GetPacing,
    MonthlyBudgetSet,
    PacingShown,
    SetMonthlyBudget,
)

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("GET", "/v1/reports")
async def get_report(parts: Wiring, request: GetReport, caller: Context) -> Report | ReportPending:
    """Report spend, results and ratios by ad account, of campaigns, ad sets or ads, by day or in total."""
    return await parts.reports.report(request, caller)


@action("POST", "/v1/monthly-budgets", key=Key.GIVEN)
async def set_monthly_budget(parts: Wiring, request: SetMonthlyBudget, caller: Context) -> MonthlyBudgetSet:
    """Set what campaigns may spend together in a month, or remove that; daily budgets are only proposed."""
    return await parts.monthly_budgets.set(request, caller)


@action("GET", "/v1/monthly-budgets")
async def get_pacing(parts: Wiring, request: GetPacing, caller: Context) -> PacingShown:
    """Show monthly budgets: spend, the projection with its edges, and daily budgets that land on them."""
    return await parts.monthly_budgets.show(request, caller)


@action("GET", "/v1/page-links")
async def link_page(parts: Wiring, request: LinkPage, caller: Context) -> PageLink:
    """Show a link that opens the page of a campaign, test, rule or all accounts for 15 minutes."""
    return await parts.page_links.link(request, caller)
