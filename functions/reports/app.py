"""Reports of figures by ad account, the page of a campaign's report, and links to pages."""

from campaign_automation.api.http import handler
from campaign_automation.api.pages.campaign_report import REPORT_PAGES

lambda_handler = handler("get_report", "set_monthly_budget", "get_pacing", "link_page", pages=REPORT_PAGES)
