"""A rule in words: its condition, scope, action and limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.api.pages.kit.figures import number, share
from campaign_automation.api.pages.wording import named, say
from campaign_automation.models.rules.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    NotOf,
    OtherMetric,
    OtherWindow,
    Ranked,
    StoredTarget,
)
from campaign_automation.models.rules.rule import CreateRule, MaxAffected, Scope


def condition_words(condition: Any) -> str:
    """Return a condition as people read it, as "roas < 1.5 over 7d and spend > 100 over 7d"."""
    match condition:
        case AllOf():
            return say("rule.and").join(map(_inner, condition.all))
        case AnyOf():
            return say("rule.or").join(map(_inner, condition.any))
        case NotOf():
            return say("rule.not", what=condition_words(condition.negated))
        case Ranked():
            ranked = say("rule.ranked", n=condition.n, rank=condition.rank, metric=condition.metric)
            return _over(ranked, condition)
        case Comparison():
            compared = f"{condition.metric} {named('operator', condition.operator)} {_right(condition.value)}"
            return _over(compared, condition)
    raise TypeError(f"{type(condition).__name__} is no condition")


def _inner(condition: Any) -> str:
    words = condition_words(condition)
    return say("rule.group", what=words) if isinstance(condition, AllOf | AnyOf) else words


def _over(words: str, leaf: Comparison | Ranked) -> str:
    shown = say("rule.over", what=words, window=leaf.time_range) if leaf.time_range else words
    return say("rule.matured", what=shown) if leaf.matured else shown


def _right(value: Any) -> str:
    match value:
        case OtherMetric():
            other = say("rule.over", what=value.metric, window=value.time_range or "")
            return _times(value.factor, other.strip())
        case OtherWindow():
            return _times(value.factor, str(value.time_range))
        case StoredTarget():
            return _times(value.factor, value.target)
        case list() | tuple():
            return say("rule.range", low=_right(value[0]), high=_right(value[1]))
        case int() | float() | Decimal():
            return number(value) or ""
    return str(value)


def _times(factor: Decimal, what: str) -> str:
    return what if factor == 1 else say("rule.times", factor=number(factor), what=what)


def action_words(rule: CreateRule) -> str:
    """Return the action with its parameters."""
    given = rule.action.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    parameters = given.get("parameters") or {}
    shown = ", ".join(f"{name} {value}" for name, value in parameters.items())
    return f"{rule.action.type}: {shown}" if shown else str(rule.action.type)


def scope_words(scope: Scope) -> str:
    """Return the objects that a rule is about."""
    given = scope.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    left_out = given.pop("exclude", [])
    given.pop("all", None)
    shown = "; ".join(
        f"{name} {', '.join(value) if isinstance(value, list) else value}" for name, value in given.items()
    )
    words = shown or say("rule.all")
    return f"{words}, {say('rule.except', ids=', '.join(left_out))}" if left_out else words


def limit_words(limit: MaxAffected) -> str:
    """Return the most that one run may change."""
    shown: list[str] = []
    if limit.count is not None:
        shown.append(say("rule.limit_count", count=limit.count))
    if limit.share is not None:
        shown.append(say("rule.limit_share", share=share(limit.share)))
    if limit.share_of_spend is not None:
        shown.append(say("rule.limit_spend", share=share(limit.share_of_spend)))
    return ", ".join(shown) or say("none")
