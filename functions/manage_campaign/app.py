"""Pause, start or delete a campaign or parts of it; and the kill switches."""

from campaign_automation.api.http import handler

lambda_handler = handler("manage_campaign", "set_kill_switch", "list_kill_switches")
