"""The actions on existing rules: list, show, replace, enable, disable, delete; and the list of templates."""

from campaign_automation.api.http import handler
from campaign_automation.api.pages.rule_report import RULE_PAGES

lambda_handler = handler(
    "list_rule_templates",
    "list_rules",
    "get_rule",
    "update_rule",
    "set_rule_state",
    "delete_rule",
    pages=RULE_PAGES,
)
