"""POST /v1/campaigns/{campaign_id}/budget-optimizations: decides on budgets and changes them."""

from campaign_automation.api.http import handler

lambda_handler = handler("optimize_budget")
