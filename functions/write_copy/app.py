"""The copy of a creation, for the state machine: {"step": "write_copy", ...}; or one text of a model, for
functions that have none: {"prompt", "model"}."""

from campaign_automation.tasks import creation_step_or_text, task

lambda_handler = task(creation_step_or_text, correlation_id="request_id")
