"""Reports of figures by ad account."""

from campaign_automation.api.http import handler

lambda_handler = handler("get_report", "set_monthly_budget", "get_pacing")
