"""Every fifteen minutes: make the missing schedules of rules and delete orphaned ones."""

from campaign_automation.tasks import reconcile_rules, task

lambda_handler = task(reconcile_rules)
