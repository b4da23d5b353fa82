"""Plans that wait for a person: list and show them, approve and reject them."""

from campaign_automation.api.http import handler

lambda_handler = handler("list_proposals", "get_proposal", "approve_proposal", "reject_proposal")
