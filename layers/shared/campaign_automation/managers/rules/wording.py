"""What a rule did, in words: for the trail's reasons and for the notices to a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from campaign_automation.models.rules.actions import AnyAction, ChangeBudget, Notify, Pause
from campaign_automation.models.rules.rule import CreateRule
from campaign_automation.optimizers.rule_engine import MAX_NAMED, Decision

_REASON_LENGTH = 500
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


def reason_of(rule: CreateRule, decisions: Sequence[Decision]) -> str:
    """Why a campaign was changed: the rule, and each object with the figures it was judged on."""
    return f"rule {rule.rule_name}: {_objects(decisions, {})}"[:_REASON_LENGTH]


def message_of(
    rule: CreateRule, decisions: Sequence[Decision], names: dict[str, str], *, observed: bool
) -> str | None:
    """What the rule did to the objects of `decisions`, and why; None when that is nothing."""
    if not decisions:
        return None
    if isinstance(rule.action, Notify):
        what = f"{rule.action.parameters.message}:"
    else:
        what = f"{rule.action.verb} {len(decisions)}:"
    would = "would have " if observed and not isinstance(rule.action, Notify) else ""
    return f"{rule.rule_name}: {would}{what} {_objects(decisions, names)}"


def review_message(rule: CreateRule, note: str) -> str:
    return f"{rule.rule_name}: {note}; nothing was changed, please review the rule and enable it again"


def notice_arguments(rule: CreateRule, message: str, *, urgent: bool, **facts: Any) -> dict[str, Any]:
    """Arguments of the Web Platform's create_notification."""
    category = _category(rule.action)
    return {
        "notification_type": "urgent" if urgent else "important",
        "category": "rule_needs_review" if urgent else category,
        "title": f"Rule {rule.rule_name}",
        "message": message,
        "extra_data": facts,
    }


def _category(action: AnyAction) -> str:
    if isinstance(action, Pause):
        return "ad_paused"
    return "optimization_suggestion" if isinstance(action, ChangeBudget) else "rule_notice"


def _objects(decisions: Iterable[Decision], names: dict[str, str]) -> str:
    told = [_object(decision, names) for decision in decisions]
    more = f" and {len(told) - MAX_NAMED} more" if len(told) > MAX_NAMED else ""
    return "; ".join(told[:MAX_NAMED]) + more


def _object(decision: Decision, names: dict[str, str]) -> str:
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
