"""A tenant's notifications: channels, webhook, digest."""

from campaign_automation.api.http import handler

lambda_handler = handler("set_notifications", "get_notifications", "try_webhook")
