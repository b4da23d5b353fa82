"""One step of a creation, for the state machine: {"step", "tenant", "campaign_id", "request_id", ...}."""

from campaign_automation.tasks import creation_step, task

lambda_handler = task(creation_step, correlation_id="request_id")
