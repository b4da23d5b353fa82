"""The actions on automation rules: create, show, replace, enable, disable and delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.managers.shared.idempotency import Now
from campaign_automation.models.common import Context
from campaign_automation.models.rules.answers import (
    RuleCreated,
    RuleList,
    RuleShown,
    RuleStateChanged,
    RuleTemplates,
)
from campaign_automation.models.rules.rule import (
    CreateRule,
    ListRules,
    ListRuleTemplates,
    RuleFromTemplate,
    RuleReference,
    SetRuleState,
    UpdateRule,
)

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


async def _as_it_is_now(parts: Wiring, caller: Context, answer: RuleCreated) -> Now:
    return await parts.rules.as_it_is_now(answer, caller)


@action("POST", "/v1/rules", key=Key.DERIVED, success=201, refresh=_as_it_is_now)
async def create_rule(parts: Wiring, request: CreateRule, caller: Context) -> RuleCreated:
    """Check a rule, replay it over the history, store it and schedule it."""
    return await parts.rules.create(request, caller)


@action("POST", "/v1/rule-templates/{template}/rules", key=Key.DERIVED, success=201, refresh=_as_it_is_now)
async def create_rule_from_template(parts: Wiring, request: RuleFromTemplate, caller: Context) -> RuleCreated:
    """Create a rule from a template and a few numbers."""
    return await parts.rules.create_from_template(request, caller)


@action("GET", "/v1/rule-templates")
async def list_rule_templates(parts: Wiring, request: ListRuleTemplates, caller: Context) -> RuleTemplates:
    """List the templates of rules with their parameters."""
    return await parts.rules.templates(request, caller)


@action("GET", "/v1/rules")
async def list_rules(parts: Wiring, request: ListRules, caller: Context) -> RuleList:
    """List the caller's rules, a page at a time."""
    return await parts.rules.list_rules(request, caller)


@action("GET", "/v1/rules/{rule_id}")
async def get_rule(parts: Wiring, request: RuleReference, caller: Context) -> RuleShown:
    """Show a rule with its latest runs."""
    return await parts.rules.get(request, caller)


@action("PUT", "/v1/rules/{rule_id}", key=Key.GIVEN)
async def update_rule(parts: Wiring, request: UpdateRule, caller: Context) -> RuleCreated:
    """Replace a rule by a new version of it."""
    return await parts.rules.update(request, caller)


@action("POST", "/v1/rules/{rule_id}/state", key=Key.GIVEN)
async def set_rule_state(parts: Wiring, request: SetRuleState, caller: Context) -> RuleStateChanged:
    """Enable or disable a rule."""
    return await parts.rules.set_state(request, caller)


@action("DELETE", "/v1/rules/{rule_id}", key=Key.GIVEN, destructive=True)
async def delete_rule(parts: Wiring, request: RuleReference, caller: Context) -> RuleStateChanged:
    """Delete a rule; its versions and runs stay on record."""
    return await parts.rules.delete(request, caller)
