"""Pause, start or delete a campaign or parts of it; kill switches, and the stop of all campaigns."""

from campaign_automation.api.http import handler

lambda_handler = handler("manage_campaign", "set_kill_switch", "list_kill_switches", "stop_all")
