"""Every hour: collect the daily figures of accounts that are due; and the history that a report misses."""

from campaign_automation.tasks import collect_insights, task

lambda_handler = task(collect_insights)
