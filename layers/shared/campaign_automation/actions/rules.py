"""Rules made, looked at, replaced and switched."""

from __future__ import annotations

from campaign_automation.actions.kinds import changes, creates, reads
from campaign_automation.models.rules import (
    CreateRule,
    ListRules,
    ListRuleTemplates,
    RuleCreated,
    RuleFromTemplate,
    RuleReference,
    RuleStateChanged,
    SetRuleState,
    UpdateRule,
)

ACTIONS = {
    "create_rule": creates("create_rule", CreateRule, RuleCreated, "rules", "create"),
    "create_rule_from_template": creates(
        "create_rule_from_template", RuleFromTemplate, RuleCreated, "rules", "create_from_template"
    ),
    "list_rule_templates": reads(ListRuleTemplates, "rules", "templates"),
    "list_rules": reads(ListRules, "rules", "list_rules"),
    "get_rule": reads(RuleReference, "rules", "get"),
    "update_rule": changes("update_rule", UpdateRule, RuleCreated, "rules", "update"),
    "set_rule_state": changes("set_rule_state", SetRuleState, RuleStateChanged, "rules", "set_state"),
    "delete_rule": changes("delete_rule", RuleReference, RuleStateChanged, "rules", "delete"),
}
