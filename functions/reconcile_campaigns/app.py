"""Every two minutes: end the creations that nothing carries on, and settle what nobody answered for."""

from campaign_automation.tasks import reconcile_campaigns, task

lambda_handler = task(reconcile_campaigns)
