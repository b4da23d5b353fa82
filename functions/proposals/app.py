"""Plans that wait for a person: list, show, approve and reject them, and the page that a link opens."""

from campaign_automation.api.http import handler
from campaign_automation.api.pages.proposal import PROPOSAL_PAGES

lambda_handler = handler(
    "list_proposals",
    "get_proposal",
    "link_proposal",
    "approve_proposal",
    "reject_proposal",
    pages=PROPOSAL_PAGES,
)
