"""POST /v1/rules and POST /v1/rule-templates/{template}/rules: create a rule, also from a template."""

from campaign_automation.api.http import handler

lambda_handler = handler("create_rule", "create_rule_from_template")
