"""One tick of a rule, from its schedule: {"tenant", "rule_id", "scheduled_time"}."""

from campaign_automation.tasks import evaluate_rule, task

lambda_handler = task(evaluate_rule)
