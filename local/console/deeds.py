"""The deeds of the console's forms: each asks the sandbox or the API, and tells what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from local.console.doors import Doors, Json, RefusedError
from local.reference.samples import address

Form = Mapping[str, str]
_PAUSE_REASON = "by the console"


class Outcome(NamedTuple):
    """The outcome of a form: a sentence, whether it went well, and the whole answer."""

    words: str
    is_good: bool
    answer: Any


Deed = Callable[[Doors, str, Form], Outcome]


def carry_out(doors: Doors, form: Form) -> Outcome:
    """Do what a form asks for as the user that it names; a refusal is an outcome too."""
    deed = DEEDS.get(form.get("deed", ""))
    if deed is None:
        return Outcome("There is no such form.", False, None)
    try:
        return deed(doors, form.get("user", ""), form)
    except RefusedError as error:
        return Outcome(str(error), False, None)
    except (ValueError, KeyError, RecursionError) as error:
        return Outcome(f"The form is not filled in rightly: {error}", False, None)


# --- time and platforms ------------------------------------------------------------------------------------


def _advance(doors: Doors, user: str, form: Form) -> Outcome:
    step = {"advance_days": int(form["days"])} if form.get("days") else {"advance_hours": int(form["hours"])}
    fired = doors.move(lambda: doors.sandbox("POST", "/clock", step))
    names = ", ".join(item["schedule"] for item in fired) or "nothing was due"
    failed = [item["schedule"] for item in fired if item["failed"]]
    return Outcome(f"It is {doors.now():%Y-%m-%d %H:%M} UTC now; fired: {names}.", not failed, fired)


def _fire(doors: Doors, user: str, form: Form) -> Outcome:
    if form["schedule"] not in [item["name"] for item in doors.schedules()]:
        raise ValueError(f"there is no schedule {form['schedule']}")
    fired = doors.fire(form["schedule"])
    return Outcome(f"{form['schedule']} ran.", not fired["failed"], fired)


def _reset(doors: Doors, user: str, form: Form) -> Outcome:
    seed = {"seed": int(form.get("seed") or 1)}
    answer: Json = {}
    doors.move(lambda: answer.update(doors.sandbox("POST", "/reset", seed)))
    doors.sandbox("POST", "/skipped-ids")  # the module still knows objects of before
    return Outcome(
        "The platforms are as seeded; campaigns of before are gone from them.",
        True,
        answer,
    )


def _fault(doors: Doors, user: str, form: Form) -> Outcome:
    fault = {name: form[name] for name in ("platform", "operation", "kind")}
    counts = {name: int(form.get(name) or 1) for name in ("nth", "times")}
    answer = doors.sandbox("POST", "/faults", [{**fault, **counts}])
    return Outcome(f"{fault['platform']} {fault['operation']} will fail by {fault['kind']}.", True, answer)


def _no_faults(doors: Doors, user: str, form: Form) -> Outcome:
    doors.sandbox("POST", "/faults", [])
    return Outcome("No call fails any more.", True, [])


def _late(doors: Doors, user: str, form: Form) -> Outcome:
    acted = doors.sandbox("POST", "/late")["acted"]
    return Outcome(f"Calls that were never answered, and act now: {acted}.", True, None)


def _unkind(doors: Doors, user: str, form: Form) -> Outcome:
    seed = int(form["seed"]) if form.get("seed") else None
    answer = doors.sandbox("PUT", "/unkind", {"seed": seed})
    return Outcome("The platforms are kind." if seed is None else "The platforms are unkind.", True, answer)


def _limits(doors: Doors, user: str, form: Form) -> Outcome:
    limits = {name: int(form[name]) if form.get(name) else None for name in ("meta", "tiktok", "google")}
    return Outcome("The limits of calls are set.", True, doors.sandbox("PUT", "/limits", limits))


def _elsewhere(doors: Doors, user: str, form: Form) -> Outcome:
    platform, account = form["account"].split("/", 1)
    made = doors.sandbox("POST", f"/elsewhere/{platform}/{account}", {"count": int(form["count"])})
    return Outcome(f"Somebody made {len(made)} campaigns on {platform}.", True, made)


# --- actions -----------------------------------------------------------------------------------------------


def _create(doors: Doors, user: str, form: Form) -> Outcome:
    asked: Json = {
        "name": form.get("name") or None,
        "platform": form["platform"],
        "objective": form["objective"],
        "daily_budget": float(form["daily_budget"]),
        "creative_ids": _words(form["creative_ids"]),
        "target_countries": _words(form["target_countries"]),
        "activate": form.get("activate") == "true",
    }
    if form.get("dry_run"):
        asked["dry_run"] = True
    return _told(doors, user, "create_campaign", asked)


def _manage(doors: Doors, user: str, form: Form) -> Outcome:
    asked: Json = {"campaign_id": form["campaign_id"], "action": form["action"], "reason": _PAUSE_REASON}
    return _told(doors, user, "manage_campaign", asked)


def _optimise(doors: Doors, user: str, form: Form) -> Outcome:
    asked: Json = {"campaign_id": form["campaign_id"], "dry_run": form["mode"] == "look"}
    return _told(doors, user, "optimize_budget", asked)


def _rule(doors: Doors, user: str, form: Form) -> Outcome:
    asked: Json = {"template": form["template"], "parameters": json.loads(form.get("parameters") or "{}")}
    chosen = form["campaign_id"]
    asked |= {"applies_to": {"campaign_ids": [chosen]} if chosen else "all", "confirm": True}
    return _told(doors, user, "create_rule_from_template", asked)


def _test(doors: Doors, user: str, form: Form) -> Outcome:
    asked: Json = {
        "test_name": form["test_name"],
        "platform": form["platform"],
        "creative_ids": _words(form["creative_ids"]),
        "daily_budget": float(form["daily_budget"]),
        "test_duration_days": int(form["test_duration_days"]),
        "force": True,
    }
    return _told(doors, user, "create_ab_test", asked)


def _analyse(doors: Doors, user: str, form: Form) -> Outcome:
    return _told(doors, user, "analyze_ab_test", {"test_id": form["test_id"]})


def _decide(doors: Doors, user: str, form: Form) -> Outcome:
    action = {"approve": "approve_proposal", "reject": "reject_proposal"}[form["decision"]]
    return _told(doors, user, action, {"proposal_ids": [form["proposal_id"]]})


def _any_action(doors: Doors, user: str, form: Form) -> Outcome:
    asked = json.loads(form.get("parameters") or "{}")
    if not isinstance(asked, dict):
        raise ValueError("the parameters are a JSON object")
    return _told(doors, user, form["action"], asked)


def _told(doors: Doors, user: str, name: str, asked: Json) -> Outcome:
    action: Action = ACTIONS[name]
    asked = {key: value for key, value in asked.items() if value is not None}
    body = {key: value for key, value in asked.items() if key not in action.path_names}
    answer = doors.api(user, action.method, address(action, asked), body if action.has_body else None)
    return Outcome(f"{name}: {answer.get('message') or answer['status']}", True, answer)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


DEEDS: dict[str, Deed] = {
    "advance": _advance,
    "fire": _fire,
    "reset": _reset,
    "fault": _fault,
    "no_faults": _no_faults,
    "late": _late,
    "unkind": _unkind,
    "limits": _limits,
    "elsewhere": _elsewhere,
    "create": _create,
    "manage": _manage,
    "optimise": _optimise,
    "rule": _rule,
    "test": _test,
    "analyse": _analyse,
    "decide": _decide,
    "action": _any_action,
}
