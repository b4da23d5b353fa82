"""The demo's chapter on A/B tests: three creatives run until it is safe to stop, then the winner goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

LONGEST_DAYS = 60  # with fewer than 20 settled days only a very large lead is safe
REQUEST: dict[str, Any] = {
    "test_name": "Which shoe sells",
    "creative_ids": ["1", "2", "9"],
    "daily_budget": 600,
    "test_duration_days": LONGEST_DAYS,
    "minimum_detectable_effect": 0.4,
    "target_countries": ["US"],
}


class Caller(Protocol):
    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]: ...
    def get(self, path: str) -> dict[str, Any]: ...
    def advance(self, days: int) -> None: ...


def ab_test(api: Caller, say: Callable[[str], None]) -> dict[str, Any]:
    """Days pass on the sandbox market, with an analysis each day; what came of it."""
    created = api.post("/v1/ab-tests", REQUEST)
    if created["status"] != "success":
        return {"ok": False, "error": created}
    show_test(created, say)
    path = f"/v1/ab-tests/{created['test_id']}/analyses"
    days, analysis = run_until_safe(api, path, say)
    applied = api.post(path, {"apply": True, "reason": "the demo's winner"})
    tree = api.get(f"/v1/campaigns/{created['campaign_id']}")
    show_outcome(applied, tree, say)
    return {
        "ok": is_right(analysis, applied, tree),
        "test_id": created["test_id"],
        "days": days,
        "looks": analysis["looks"],
        "verdict": analysis["verdict"],
        "winner": (analysis["winner"] or {}).get("creative_id"),
        "p_values": analysis["p_values"],
    }


def run_until_safe(api: Caller, path: str, say: Callable[[str], None]) -> tuple[int, dict[str, Any]]:
    """The first analysis that says it is safe to stop, or the last day's, and after how many days."""
    for day in range(1, LONGEST_DAYS + 1):
        api.advance(1)
        analysis = api.post(path, {})
        p = analysis["p_values"]
        if day % 4 == 0 or analysis["safe_to_stop"]:
            values = f"p fixed {shown(p['fixed'])}, anytime {shown(p['anytime'])}"
            say(f"  day {day:2}: {analysis['verdict']}; {values}")
        if analysis["safe_to_stop"]:
            break
    say(f"  {analysis['message']}")
    return day, analysis


def is_right(analysis: dict[str, Any], applied: dict[str, Any], tree: dict[str, Any]) -> bool:
    """A winner that holds under looks runs alone, with more than it had; without one, as luck may have it,
    nobody gets more."""
    if not applied.get("applied"):
        return False
    if analysis["winner"] is None:
        return all(item["field"] == "status" for item in applied["applied"]["changed"])
    winner = analysis["winner"]["adset_id"]
    live = {item["adset_id"]: item for item in tree["adsets"]}
    active = [name for name, item in live.items() if item["status"] == "active"]
    return (
        bool(analysis["safe_to_stop"])
        and applied["test_state"] == "finished"
        and active == [winner]
        and live[winner]["daily_budget"] > REQUEST["daily_budget"] / len(REQUEST["creative_ids"])
    )


def show_test(created: dict[str, Any], say: Callable[[str], None]) -> None:
    say(f"  {created['message']}")
    for adset in created["adsets"]:
        say(f"    creative {adset['creative_id']}: {adset['budget']} {created['currency']} a day")
    say(f"  split by the platform: {created['randomised']} (test {created['platform_split_id']})")


def show_outcome(applied: dict[str, Any], tree: dict[str, Any], say: Callable[[str], None]) -> None:
    for change in applied.get("applied", {}).get("changed", []):
        say(f"    {change['id']}: {change['field']} {change['before']} -> {change['after']}")
    states = ", ".join(f"{item['adset_id']} {item['status']}" for item in tree["adsets"])
    say(f"  the platform now: {states}")


def shown(p: float | None) -> str:
    return "unknown" if p is None else f"{p:.2g}"
