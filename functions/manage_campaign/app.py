"""Pause, start or delete campaigns; for operators kill switches, stops of all, and refused messages."""

from campaign_automation.api.http import handler

lambda_handler = handler(
    "manage_campaign",
    "set_kill_switch",
    "list_kill_switches",
    "stop_all",
    "list_quarantined_messages",
    "resend_quarantined_messages",
)
