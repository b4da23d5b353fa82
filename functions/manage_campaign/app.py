"""Change, copy and extend campaigns; for operators switches, caps, stops, refused messages, failed calls."""

from campaign_automation.api.http import handler

lambda_handler = handler(
    "manage_campaign",
    "update_campaign",
    "duplicate_campaign",
    "add_ads",
    "replace_copy",
    "set_kill_switch",
    "set_account_cap",
    "release_commitment",
    "list_limits",
    "stop_all",
    "list_quarantined_messages",
    "resend_quarantined_messages",
    "list_dead_letters",
    "redrive_dead_letters",
)
