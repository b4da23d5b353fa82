"""Pause, start or delete a campaign or parts of it; and for operators kill switches, the stop of all campaigns
and the messages that the Web Platform refused."""

from campaign_automation.api.http import handler

lambda_handler = handler(
    "manage_campaign",
    "set_kill_switch",
    "list_kill_switches",
    "stop_all",
    "list_quarantined_messages",
    "resend_quarantined_messages",
)
