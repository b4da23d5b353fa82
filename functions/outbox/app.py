"""Every five minutes: send the Web Platform the messages it has not acknowledged, and count the rules."""

from campaign_automation.tasks import sweep_outbox, task

lambda_handler = task(sweep_outbox)
