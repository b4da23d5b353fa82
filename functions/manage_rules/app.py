"""The actions on existing rules: list, show, replace, enable, disable, delete; and the list of templates."""

from campaign_automation.api.http import handler

lambda_handler = handler(
    "list_rule_templates", "list_rules", "get_rule", "update_rule", "set_rule_state", "delete_rule"
)
