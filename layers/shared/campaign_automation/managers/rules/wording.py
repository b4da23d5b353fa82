"""The sentences about rules: reasons in the audit trail, notices to a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from campaign_automation.models.changes import FailedItem
from campaign_automation.models.common import Level
from campaign_automation.models.rules.actions import PLACEHOLDER, AnyAction, ChangeBudget, Notify, Pause
from campaign_automation.models.rules.rule import CreateRule
from campaign_automation.optimizers.rule_engine import RuleDecision
from campaign_automation.utils.languages.plurals import counted

TOO_SMALL = "budget_step: the change is smaller than the account's smallest step of a budget"
EMPTY_SCOPE = "no object is in the rule's scope today"
SCHEDULE_LATER = "its schedule could not be made yet; it will be made within 15 minutes"
NO_SCHEDULER = "no schedule was made: this deployment has no RULE_SCHEDULE_GROUP"
NOT_DRIVEN = (
    "nothing has carried out what is due within the last hour: rules run while a process calls run_due() or"
    " is in background()"
)
ENDED_UNDER_KEY = "the rule that was made under this idempotency key was deleted since; give another key"
CHANGED_MEANWHILE = "the rule was changed meanwhile; read it again"

MAX_NAMED = 10  # objects that a sentence names
_REASON_LENGTH = 500  # the longest reason that an audit record takes
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
    """Return the message of a rule's changes to the objects of `decisions`, and why; None without any."""
    if not decisions:
        return None
    if isinstance(rule.action, Notify):
        return f"{rule.rule_name}: {_notice(rule, rule.action.parameters.message, decisions, names)}"
    would = "would have " if observed else ""
    objects = _counted(len(decisions), rule.action.acts_on)
    return f"{rule.rule_name}: {would}{rule.action.verb} {objects}: {_objects(decisions, names)}"


def _notice(rule: CreateRule, message: str, decisions: Sequence[RuleDecision], names: dict[str, str]) -> str:
    """Return the message, filled for each object where it has placeholders, else followed by the objects."""
    if not PLACEHOLDER.search(message):
        return f"{message}: {_objects(decisions, names)}"
    return _listed([_filled(rule, message, decision, names) for decision in decisions])


def _filled(rule: CreateRule, message: str, decision: RuleDecision, names: dict[str, str]) -> str:
    tag = decision.entity_id
    values = {figure["metric"]: _number(figure["value"]) for figure in reversed(decision.evidence)}
    first = decision.evidence[0]
    known = {
        "name": names.get(tag, tag),
        "id": tag,
        "rule_name": rule.rule_name,
        "value": _number(first["value"]),
        "threshold": _number(first.get("threshold", "unknown")),
        **values,
    }
    # A metric that the condition does not compare was not read.
    return PLACEHOLDER.sub(lambda found: known.get(found[1], "unknown"), message)


def failed_message(
    rule: CreateRule, failed: Sequence[FailedItem], names: dict[str, str], message: str | None
) -> str:
    """Return the message of a run whose changes failed in part or all, after that of those which did not."""
    lines = [f"{_named(item.id, names)} ({item.error['message']})" for item in failed]
    done = f"{message}. " if message else f"{rule.rule_name}: "
    objects = _counted(len(failed), rule.action.acts_on)
    return f"{done}Not {rule.action.verb} {objects}, as the change failed: {_listed(lines)}"


def done_before_message(rule: CreateRule, changed: Iterable[str]) -> str:
    """Return the message of a tick that died after it acted: its figures are in the audit trail."""
    ids = sorted(changed)
    return f"{rule.rule_name}: {rule.action.verb} {_counted(len(ids), rule.action.acts_on)}: {', '.join(ids)}"


def review_message(rule: CreateRule, note: str) -> str:
    """Return the message of a rule that waits for a person."""
    return f"{rule.rule_name}: {note}; nothing was changed, please review the rule and enable it again"


def created_message(rule: CreateRule, state: str, backtest: str, *, planned: bool) -> str:
    """Return the message of a rule that was stored, or in a dry run would be, with its back-test's."""
    verb = "would be" if planned else "is"
    mode = {"observe": "observes", "propose": "asks a person"}.get(rule.mode, "acts")
    schedule = f"{rule.schedule_expression} ({rule.time_zone})"
    return f"{rule.rule_name} {verb} {state} and {mode} {schedule}. {backtest}"


def state_message(rule: CreateRule, state: str) -> str:
    """Return the message of a rule that was enabled, disabled or deleted."""
    return f"{rule.rule_name} is {state}"


def confirm_needed(backtest: str) -> str:
    """Return the refusal of a rule whose back-test exceeds max_affected, or tells nothing on all objects."""
    return f"confirm: {backtest} Give confirm: true to create the rule nevertheless"


def untested(backtest: str) -> str:
    """Return the message of a back-test without days for a rule that pauses anything in the account."""
    return (
        f"{backtest} The rule may pause everything in the account, and no day with spend shows what it does."
    )


def too_many_paused(backtest: str, paused: int, limit: str) -> str:
    """Return the message of a back-test in which a rule on the whole account paused more than its limit."""
    return f"{backtest} In all it would have paused {paused}, more than the {limit} of max_affected."


def conflict_message(names: str, count: int) -> str:
    """Return the refusal of a rule that `count` other rules, with these names, contradict."""
    theirs = "its own" if count == 1 else "theirs"
    return f"conflict: {names} would change the same objects differently; give a priority other than {theirs}"


def not_back_tested(reason: str) -> str:
    """Return the warning of objects that the back-test could not read."""
    return f"not read for the back-test: {reason}"


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
    return counted(count, _NOUNS[level])


def _objects(decisions: Iterable[RuleDecision], names: dict[str, str]) -> str:
    return _listed([_object(decision, names) for decision in decisions])


def _listed(objects: Sequence[str]) -> str:
    more = f" and {len(objects) - MAX_NAMED} more" if len(objects) > MAX_NAMED else ""
    return "; ".join(objects[:MAX_NAMED]) + more


def _object(decision: RuleDecision, names: dict[str, str]) -> str:
    figures = ", ".join(_figure(figure) for figure in decision.evidence)
    return f"{_named(decision.entity_id, names)} ({figures})"


def _named(tag: str, names: dict[str, str]) -> str:
    name = names.get(tag, tag)
    # Names of ours end with the tag already.
    return name if tag in name else f"{name} {tag}"


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


def left_message(accounts: Sequence[str]) -> str:
    """Return that accounts were left for want of time, or ""."""
    if not accounts:
        return ""
    return f"there was no time for {counted(len(accounts), 'account')}: the next run begins with them"
