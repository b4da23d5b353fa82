"""The copy of one creative, for the state machine: {"step": "write_copy", "creative_id", ...}."""

from campaign_automation.tasks import creation_step, task

lambda_handler = task(creation_step, correlation_id="request_id")
