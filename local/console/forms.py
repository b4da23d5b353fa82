"""The forms of the console. Each posts the name of its deed and the user that it acts as."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from campaign_automation.actions import ACTIONS
from campaign_automation.api.pages.kit.frame import Markup, choice, element, field, form, joined
from campaign_automation.models.common import Objective
from local.console.doors import USERS, Json
from local.console.guard import ADDRESS
from local.console.view import PLATFORMS, View
from local.sandbox.core.faults import KINDS

_OPERATIONS = ("create_campaign", "create_adset", "create_ad", "batch", "update", "insights", "*")


def _form(view: View, deed: str, *controls: Markup, buttons: Sequence[tuple[str, str, str]]) -> Markup:
    hidden = (field("deed", "", deed, "hidden"), field("user", "", view.user, "hidden"))
    return form(ADDRESS, *hidden, *controls, buttons=buttons)


def _pairs(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]


def users(view: View) -> Markup:
    """Return the choice of the user as whom everything else is done."""
    chosen = choice("user", "You are", _pairs(USERS), view.user)
    shown = element("button", "Change", type="submit")
    return element("form", chosen, shown, method="get", action=ADDRESS)


def clock(view: View) -> Markup:
    days = _form(view, "advance", buttons=[("days", "1", "Let a day pass"), ("days", "7", "Let a week pass")])
    hours = _form(view, "advance", buttons=[("hours", "1", "Let an hour pass")])
    return joined(days, hours)


def create(view: View) -> Markup:
    creatives = view.state["web_platform"]["creatives"]
    own = f"The Web Platform has {len(creatives)} creatives; 1 to 8 are of user_123, 101 to 108 of user_456"
    first = "1, 2" if view.user == USERS[0] else "101, 102"
    return _form(
        view,
        "create",
        field("name", "Name (may be empty)", "", maxlength="200"),
        choice("platform", "Platform", _pairs(PLATFORMS)),
        choice("objective", "Objective", _pairs(Objective)),
        field("daily_budget", "Daily budget, in the account currency", "100", "number", step="0.01", min="1"),
        field("creative_ids", f"Creatives, by id ({own})", first),
        field("target_countries", "Countries, ISO 3166", "US"),
        choice("activate", "Start", [("false", "paused"), ("true", "at once: it spends from now on")]),
        buttons=[("dry_run", "", "Create it"), ("dry_run", "true", "Only show what would be made")],
    )


def manage(view: View, campaign_id: str) -> Markup:
    chosen = field("campaign_id", "", campaign_id, "hidden")
    changed = [("action", "start", "Start"), ("action", "pause", "Pause")]
    decided = [("mode", "look", "Ask the optimiser"), ("mode", "act", "Let it act")]
    return joined(
        _form(view, "manage", chosen, buttons=changed), _form(view, "optimise", chosen, buttons=decided)
    )


def rule(view: View) -> Markup:
    campaigns = [(item["campaign_id"], item["name"]) for item in view.lists["campaigns"]]
    templates = view.lists["templates"]
    purposes = [(item["template"], f"{item['template']}: {item['purpose']}"[:110]) for item in templates]
    shown = "; ".join(f"{item['template']} {json.dumps(item['parameters'])}" for item in templates)
    return joined(
        _form(
            view,
            "rule",
            choice("template", "Template", purposes, "stop_loss"),
            choice("campaign_id", "For", [("", "all campaigns"), *campaigns]),
            field("parameters", "Numbers of the template, as JSON; {} takes the usual ones", "{}"),
            buttons=[("rule", "make", "Make the rule")],
        ),
        element("details", element("summary", "The usual numbers of each template"), element("pre", shown)),
    )


def test(view: View) -> Markup:
    first = "1, 2" if view.user == USERS[0] else "101, 102"
    return _form(
        view,
        "test",
        field("test_name", "Name", "Which creative sells more", maxlength="200"),
        choice("platform", "Platform", _pairs(PLATFORMS)),
        field("creative_ids", "Creatives, 2 to 10", first),
        field("daily_budget", "Daily budget of all together", "400", "number", step="0.01", min="1"),
        field("test_duration_days", "Days", "14", "number", min="1", max="90"),
        buttons=[("test", "start", "Start the test")],
    )


def analyse(view: View, test_id: str) -> Markup:
    chosen = field("test_id", "", test_id, "hidden")
    return _form(view, "analyse", chosen, buttons=[("analyse", "now", "Analyse it now")])


def decide(view: View, proposal_id: str) -> Markup:
    chosen = field("proposal_id", "", proposal_id, "hidden")
    answers = [("decision", "approve", "Approve"), ("decision", "reject", "Reject")]
    return _form(view, "decide", chosen, buttons=answers)


def any_action(view: View) -> Markup:
    summaries = [(name, f"{name}: {item.summary}"[:110]) for name, item in ACTIONS.items()]
    area = element("textarea", "{}", name="parameters", rows="5")
    return _form(
        view,
        "action",
        choice("action", "Action", summaries),
        element("label", "Parameters, as JSON; those of the path too", area),
        buttons=[("call", "it", "Call it")],
    )


def faults(view: View) -> Markup:
    return joined(
        _form(
            view,
            "fault",
            choice("platform", "Platform", _pairs((*PLATFORMS, "web_platform", "gemini", "*"))),
            field("operation", f"Operation, as the calls below name it: {', '.join(_OPERATIONS)}", "*"),
            choice("kind", "What goes wrong", _pairs(kind for kind in KINDS if kind != "raw")),
            field("nth", "At the call number", "1", "number", min="1"),
            field("times", "So many times", "1", "number", min="1"),
            buttons=[("fault", "set", "Let it fail")],
        ),
        _form(view, "no_faults", buttons=[("fault", "none", "Take all faults away")]),
        _form(view, "late", buttons=[("late", "act", "Let unanswered calls act now")]),
    )


def manners(view: View) -> Markup:
    accounts = [
        (f"{item['platform']}/{item['platform_account_id']}", f"{item['platform']}: {item['account_name']}")
        for item in view.state["web_platform"]["ad_accounts"]
    ]
    return joined(
        _form(
            view,
            "elsewhere",
            choice("account", "Campaigns of others appear in", accounts),
            field("count", "So many", "10", "number", min="1", max="200"),
            buttons=[("elsewhere", "make", "Let them appear")],
        ),
        _form(
            view,
            "unkind",
            field("seed", "Unkind platforms: a seed, or nothing for kind ones", "", "number", min="1"),
            buttons=[("unkind", "set", "Set it")],
        ),
        _form(
            view,
            "limits",
            *(field(name, f"Most calls on {name}, or nothing", "", "number", min="1") for name in PLATFORMS),
            buttons=[("limits", "set", "Set the limits")],
        ),
        _form(
            view,
            "reset",
            field("seed", "Start the platforms anew, on the market of this seed", "1", "number", min="1"),
            buttons=[("reset", "all", "Start anew")],
        ),
    )


def fire(view: View, schedule: Json) -> Markup:
    chosen = field("schedule", "", schedule["name"], "hidden")
    return _form(view, "fire", chosen, buttons=[("fire", "now", "Run now")])
