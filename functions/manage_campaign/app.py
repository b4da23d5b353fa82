"""Pause, start or delete a campaign or parts of it; kill switches, caps, and the stop of all campaigns."""

from campaign_automation.api.http import handler

lambda_handler = handler("manage_campaign", "set_kill_switch", "set_account_cap", "list_limits", "stop_all")
