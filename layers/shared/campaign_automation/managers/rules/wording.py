"""The sentences about rules: reasons in the audit trail, notices to a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from campaign_automation.models.common import Level
from campaign_automation.models.rules.actions import AnyAction, ChangeBudget, Notify, Pause
from campaign_automation.models.rules.rule import CreateRule
from campaign_automation.optimizers.rule_engine import RuleDecision

MAX_NAMED = 10  # objects that a sentence names
_REASON_LENGTH = 500
_NOUNS = {Level.CAMPAIGN: "campaign", Level.ADSET: "ad set", Level.AD: "ad"}
_SYMBOLS = {
    "greater_than": ">",
    "greater_than_or_equal": ">=",
    "less_than": "<",
    "less_than_or_equal": "<=",
    "equals": "=",
    "not_equals": "!=",
    "between": "between",
    "not_between": "not between",
}


def reason_of(rule: CreateRule, decisions: Sequence[RuleDecision]) -> str:
    """Return the reason of a change: the rule, and each object with the figures that were compared."""
    return f"rule {rule.rule_name}: {_objects(decisions, {})}"[:_REASON_LENGTH]


def message_of(
    rule: CreateRule, decisions: Sequence[RuleDecision], names: dict[str, str], *, observed: bool
) -> str | None:
    """Return what the rule did to the objects of `decisions`, and why; None when that is nothing."""
    if not decisions:
        return None
    if isinstance(rule.action, Notify):
        return f"{rule.rule_name}: {rule.action.parameters.message}: {_objects(decisions, names)}"
    would = "would have " if observed else ""
    objects = _counted(len(decisions), rule.action.acts_on)
    return f"{rule.rule_name}: {would}{rule.action.verb} {objects}: {_objects(decisions, names)}"


def done_before_message(rule: CreateRule, changed: Iterable[str]) -> str:
    """Return the message of a tick that died after it acted: its figures are in the audit trail."""
    ids = sorted(changed)
    return f"{rule.rule_name}: {rule.action.verb} {_counted(len(ids), rule.action.acts_on)}: {', '.join(ids)}"


def review_message(rule: CreateRule, note: str) -> str:
    """Return the message of a rule that waits for a person."""
    return f"{rule.rule_name}: {note}; nothing was changed, please review the rule and enable it again"


def notice_arguments(rule: CreateRule, message: str, *, urgent: bool, **facts: Any) -> dict[str, Any]:
    """Return the arguments of the Web Platform's create_notification."""
    return {
        "notification_type": "urgent" if urgent else "important",
        "category": "optimization_suggestion" if urgent else _category(rule.action),
        "title": f"Rule {rule.rule_name}",
        "message": message,
        "extra_data": facts,
    }


def _category(action: AnyAction) -> str:
    if isinstance(action, Pause):
        return "ad_paused"
    return "optimization_suggestion" if isinstance(action, ChangeBudget) else "system"


def _counted(count: int, level: Level) -> str:
    return f"{count} {_NOUNS[level]}{'' if count == 1 else 's'}"


def _objects(decisions: Iterable[RuleDecision], names: dict[str, str]) -> str:
    told = [_object(decision, names) for decision in decisions]
    more = f" and {len(told) - MAX_NAMED} more" if len(told) > MAX_NAMED else ""
    return "; ".join(told[:MAX_NAMED]) + more


def _object(decision: RuleDecision, names: dict[str, str]) -> str:
    figures = ", ".join(_figure(figure) for figure in decision.evidence)
    tag = decision.entity_id
    name = names.get(tag, tag)
    # Names of ours end with the tag already.
    return f"{name if tag in name else f'{name} {tag}'} ({figures})"


def _figure(figure: dict[str, Any]) -> str:
    value, window = _number(figure["value"]), figure.get("time_range")
    over = f" over {window}" if window else ""
    if "rank" in figure:
        return f"{figure['metric']} {value}{over}, one of the {figure['n']} {figure['rank']}"
    return f"{figure['metric']} {value} {_SYMBOLS[figure['operator']]} {_number(figure['threshold'])}{over}"


def _number(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(_number(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
