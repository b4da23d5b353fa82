"""The copy of one creative, for the state machine: {"step": "write_copy", "creative_id", ...}; or one text of
a model, for functions that have none: {"prompt", "model"}."""

from campaign_automation.tasks import task, write_copy

lambda_handler = task(write_copy, correlation_id="request_id")
