"""One step of a creation, for the state machine: {"step", "tenant", "campaign_id", "request_id", ...}."""

from campaign_automation.steps import creation_step, step

lambda_handler = step(creation_step)
