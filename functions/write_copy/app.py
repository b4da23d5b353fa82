"""The copy of a creation, for the state machine: {"step": "write_copy", ...}; or one text of a model, for
functions that have none: {"prompt", "model"}."""

from campaign_automation.steps import creation_step_or_text, step

lambda_handler = step(creation_step_or_text)
