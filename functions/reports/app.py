"""Reports of figures by ad account, and the page of a campaign's report."""

from campaign_automation.api.http import handler
from campaign_automation.api.pages.campaign_report import REPORT_PAGES

lambda_handler = handler("get_report", "set_monthly_budget", "get_pacing", pages=REPORT_PAGES)
