"""POST /v1/campaigns/{campaign_id}/undo: undo the changes of a run."""

from campaign_automation.api.http import handler

lambda_handler = handler("undo_change")
