"""POST /v1/campaigns/{campaign_id}/budget-optimizations: decide on budgets and change them."""

from campaign_automation.api.http import handler

lambda_handler = handler("optimize_budget")
