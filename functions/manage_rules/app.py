"""Rules that exist: listed, shown, replaced, switched, deleted; and the templates for new ones."""

from campaign_automation.api.http import handler

lambda_handler = handler(
    "list_rule_templates", "list_rules", "get_rule", "update_rule", "set_rule_state", "delete_rule"
)
