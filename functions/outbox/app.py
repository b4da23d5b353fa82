"""Every five minutes: tells the Web Platform what it has not acknowledged yet, and counts the rules."""

from campaign_automation.tasks import sweep_outbox, task

lambda_handler = task(sweep_outbox)
