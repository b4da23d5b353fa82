"""Every fifteen minutes: makes the schedules that rules lack, deletes those that drive none."""

from campaign_automation.tasks import reconcile_rules, task

lambda_handler = task(reconcile_rules)
