"""Pause, start or delete a campaign or parts of it; list and send again what the Web Platform refused."""

from campaign_automation.api.http import handler

lambda_handler = handler("manage_campaign", "list_quarantined_messages", "resend_quarantined_messages")
