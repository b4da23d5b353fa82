"""The templates of rules for common cases: a name and a few numbers become the body of create_rule."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from campaign_automation.utils.error_handler import InvalidRequestError

Body = dict[str, Any]
CERTAINTY = 0.9  # of each comparison; without it a rule acts on noise where conversions are few


@dataclass(frozen=True)
class Template:
    """A template; `defaults` holds its parameters, each with the value that it has by default."""

    name: str
    purpose: str
    defaults: dict[str, float | str]
    build: Callable[..., Body]


def rule_from_template(name: str, applies_to: Any = "all", **parameters: float | str) -> Body:
    """Return the body of create_rule; InvalidRequestError names an unknown template or parameter."""
    template = TEMPLATES.get(name) or _refuse("template", name, list(TEMPLATES))
    for parameter in parameters:
        if parameter not in template.defaults:
            _refuse("parameters", parameter, list(template.defaults))
    body = template.build(**(template.defaults | parameters))
    return {"rule_name": name.replace("_", " "), "applies_to": applies_to, **body}


def _refuse(field: str, word: str, allowed: list[str]) -> Any:
    near = difflib.get_close_matches(word, allowed, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InvalidRequestError(f"{field}: {word!r} is not known{hint}", field=field, allowed=allowed)


def _is(metric: str, operator: str, value: Any, time_range: str | None = None) -> Body:
    leaf = {"metric": metric, "operator": operator, "value": value}
    return leaf if time_range is None else leaf | {"time_range": time_range}


def _of_target(target: str, factor: float) -> Body:
    return {"target": target, "factor": factor}


def _stop_loss(roas_below: float, spend_above: float, time_range: str) -> Body:
    return {
        "condition": {
            "all": [
                _is("spend", "greater_than_or_equal", spend_above, time_range),
                _is("roas", "less_than", roas_below, time_range),
            ]
        },
        "action": {"type": "pause_adset"},
        "certainty": CERTAINTY,
        "priority": 100,
    }


def _no_conversions(target_cpas_spent: float) -> Body:
    return {
        "condition": {
            "all": [
                _is("conversions", "equals", 0, "3d"),
                _is("age_days", "greater_than_or_equal", 3),
                _is("spend", "greater_than", _of_target("target_cpa", target_cpas_spent), "3d"),
            ]
        },
        "action": {"type": "pause_adset"},
        "certainty": CERTAINTY,
        "priority": 90,
    }


def _scale_winners(above_target: float, percentage: float, max_budget: float) -> Body:
    return {
        "condition": {
            "all": [
                _is("roas", "greater_than", _of_target("target_roas", above_target), "7d"),
                # Five of seven daily budgets were spent: an ad set that does not spend its budget gains
                # nothing from a higher one.
                _is("spend", "greater_than_or_equal", {"metric": "daily_budget", "factor": 5}, "7d"),
            ]
        },
        "action": {
            "type": "increase_budget",
            "parameters": {"percentage": percentage, "max_budget": max_budget},
        },
        "certainty": CERTAINTY,
        "cooldown": "72h",
        "priority": 20,
    }


def _tame_high_cpa(above_target: float, percentage: float) -> Body:
    return {
        "condition": _is("cpa", "greater_than", _of_target("target_cpa", above_target), "7d"),
        "action": {"type": "decrease_budget", "parameters": {"percentage": percentage}},
        "certainty": CERTAINTY,
        "cooldown": "72h",
        "priority": 50,
    }


def _fatigue(drop: float, min_impressions: float) -> Body:
    return {
        "condition": {
            "all": [
                _is("impressions", "greater_than_or_equal", min_impressions, "3d"),
                _is("age_days", "greater_than_or_equal", 14),
                _is("ctr", "less_than", {"time_range": "14d", "factor": 1 - drop / 100}, "3d"),
            ]
        },
        "action": {
            "type": "send_notification",
            "parameters": {
                "message": "Click-through rate is falling: time for a new creative",
                "level": "ad",
            },
        },
        "certainty": CERTAINTY,
        "cooldown": "7d",
    }


def _budget_pacing(share_of_budget: float) -> Body:
    return {
        "condition": _is(
            "spend", "less_than", {"metric": "daily_budget", "factor": share_of_budget / 100}, "yesterday"
        ),
        "action": {
            "type": "send_notification",
            "parameters": {"message": "The daily budget is not being spent"},
        },
        "schedule": "cron(0 8 * * ? *)",
    }


def _overspend_guard(times_limit: float, level: str) -> Body:
    # A day above the daily budget is legal: each platform allows itself an excess, which its week evens out.
    return {
        "condition": _is(
            "spend", "greater_than", {"metric": "day_spend_limit", "factor": times_limit}, "today"
        ),
        "action": {"type": f"pause_{level}", "parameters": {"pause_for": "24h"}},
        "schedule": "rate(15 minutes)",
        "priority": 200,
    }


def _overspent_week(times_limit: float) -> Body:
    # Seven days need not be one week of the platform's, so this tells and does not pause.
    return {
        "condition": _is(
            "spend", "greater_than", {"metric": "week_spend_limit", "factor": times_limit}, "7d"
        ),
        "action": {
            "type": "send_notification",
            "parameters": {"message": "Seven days cost more than the platform may spend in a week"},
        },
        "schedule": "cron(0 8 * * ? *)",
        "cooldown": "7d",
    }


def _zombie_ads(impressions_below: float) -> Body:
    return {
        "condition": {
            "all": [
                _is("age_days", "greater_than_or_equal", 14),
                _is("impressions", "less_than", impressions_below, "14d"),
                _is("conversions", "equals", 0, "14d"),
            ]
        },
        "action": {"type": "pause_ad"},
        "schedule": "cron(0 6 ? * MON *)",
        "max_affected": {"count": 20, "share": 0.5},
    }


def _restart_after_pause() -> Body:
    return {
        "condition": _is("hours_past_pause_until", "greater_than_or_equal", 0),
        "action": {"type": "start_adset"},
        "schedule": "rate(1 hour)",
        "priority": 10,
    }


def _worst_of_many(n: float, min_spend: float) -> Body:
    return {
        "condition": {
            "all": [
                {"rank": "worst", "n": n, "metric": "roas", "time_range": "7d", "min_spend": min_spend},
                _is("roas", "less_than", _of_target("target_roas", 1), "7d"),
            ]
        },
        "action": {"type": "decrease_budget", "parameters": {"percentage": 20}},
        "certainty": CERTAINTY,
        "cooldown": "72h",
        "priority": 40,
    }


TEMPLATES = {
    template.name: template
    for template in (
        Template(
            "stop_loss",
            "pauses an ad set that earns too little for what it spends",
            {"roas_below": 0.8, "spend_above": 50, "time_range": "7d"},
            _stop_loss,
        ),
        Template(
            "no_conversions_3_days",
            "pauses an ad set without a conversion in 3 days, once it has spent enough to have had some",
            {"target_cpas_spent": 2},
            _no_conversions,
        ),
        Template(
            "scale_winners",
            "raises the budget where ROAS is surely above target and the budget is being spent",
            {"above_target": 1.2, "percentage": 20, "max_budget": 1000},
            _scale_winners,
        ),
        Template(
            "tame_high_cpa",
            "lowers the budget where CPA is surely above target",
            {"above_target": 1.2, "percentage": 20},
            _tame_high_cpa,
        ),
        Template(
            "fatigue",
            "notifies when the click-through rate of the last days has fallen below that of the last weeks",
            {"drop": 30, "min_impressions": 5000},
            _fatigue,
        ),
        Template(
            "budget_pacing",
            "notifies each morning about ad sets that did not spend yesterday's budget",
            {"share_of_budget": 70},
            _budget_pacing,
        ),
        Template(
            "overspend_guard",
            "pauses an ad set for a day when it spends more than its platform may on one day of its budget",
            {"times_limit": 1.02, "level": "adset"},
            _overspend_guard,
        ),
        Template(
            "overspent_week",
            "notifies about ad sets whose last seven days cost more than the platform may spend in a week",
            {"times_limit": 1.1},
            _overspent_week,
        ),
        Template(
            "zombie_ads",
            "pauses ads that hardly show and never convert, each Monday",
            {"impressions_below": 500},
            _zombie_ads,
        ),
        Template(
            "restart_after_pause",
            "starts an ad set that a rule paused for a time, when that time is over",
            {},
            _restart_after_pause,
        ),
        Template(
            "lower_the_worst",
            "lowers the budgets of the worst few by ROAS among those that spend enough",
            {"n": 3, "min_spend": 50},
            _worst_of_many,
        ),
    )
}
