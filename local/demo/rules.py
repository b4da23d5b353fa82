"""The demo's chapter on rules: a stop-loss with its back-test, bad days, and the one time that it fires."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from local.cloud import Cloud
from local.demo.control import Caller, change_of

# So much money in three ad sets buys ever less: below this ROAS the shop loses on each sale.
BUDGET, BREAK_EVEN, ENOUGH_SPENT, MOST_DAYS = 2400, 4, 2000, 10
REQUEST: dict[str, Any] = {
    "objective": "sales",
    "daily_budget": BUDGET,
    "creative_ids": ["1", "2"],
    "target_countries": ["US"],
    "name": "Too much money",
    "activate": True,
}

PassDay = Callable[[], list[dict[str, Any]]]


def rules(api: Caller, cloud: Cloud, say: Callable[[str], None]) -> dict[str, Any]:
    """One rule from its template to its first action; what came of it."""
    pass_day = calendar(cloud)
    campaign_id = api.post("/v1/campaigns", REQUEST)["campaign_id"]
    for _ in range(4):
        pass_day()
    rule = api.post("/v1/rule-templates/stop_loss/rules", body(campaign_id))
    rule_id = rule["rule_id"]
    say(f"  {rule['message']}")
    say(f"  next run {rule['next_run']}; warnings {rule['warnings'] or 'none'}")
    runs = days_until_it_fires(rule_id, pass_day, say)
    after = runs_of(rule_id, pass_day())
    say(f"  the day after: {told(after[-1])}")
    trail = api.get(f"/v1/campaigns/{campaign_id}/audit?limit=500")["records"]
    mine = [item for item in trail if item["actor"] == f"rule:{rule_id}"]
    for item in mine:
        say(f"    {item['at'][:16]} {item['level']} {item['entity_id']}: {change_of(item)}")
    say(f"  the owner was told: {runs[-1]['notification']}")
    paused = [item["entity_id"] for item in mine]
    return {
        "ok": runs[-1]["acted"] >= 1 and len(paused) == len(set(paused)) and bool(runs[-1]["notification"]),
        "campaign_id": campaign_id,
        "rule_id": rule_id,
        "evaluations": len(runs) + len(after),
        "paused": len(paused),
        "backtest": rule["backtest"]["message"],
    }


def body(campaign_id: str) -> dict[str, Any]:
    return {
        "applies_to": {"campaign_ids": [campaign_id]},
        "parameters": {"roas_below": BREAK_EVEN, "spend_above": ENOUGH_SPENT},
        "rule_name": "Stop what loses money",
    }


def days_until_it_fires(rule_id: str, pass_day: PassDay, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """The runs of the days up to the first that acted."""
    runs: list[dict[str, Any]] = []
    for day in range(1, MOST_DAYS + 1):
        runs += runs_of(rule_id, pass_day())
        say(f"  day {day}: {told(runs[-1])}")
        if runs[-1]["acted"]:
            break
    return runs


def told(run: dict[str, Any]) -> str:
    """One run in a line: how many objects, and why those that were left alone were."""
    reasons = sorted({item["reason"] for item in (*run["skipped"], *run["undecidable"])})
    because = f" ({', '.join(reasons)})" if reasons else ""
    return f"looked at {run['evaluated']}, {run['matched']} matched, {run['acted']} changed{because}"


def runs_of(rule_id: str, fired: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item["answer"] for item in fired if item["schedule"] == rule_id]


def calendar(cloud: Cloud) -> PassDay:
    """Lets a day pass for platforms and schedules; answers what fired."""

    def pass_day() -> list[dict[str, Any]]:
        httpx.post(f"{cloud.info['sandbox']['admin']}/clock", json={"advance_days": 1}).raise_for_status()
        return list(httpx.post(f"{cloud.info['api_url']}/_local/tick", json={}, timeout=120).json()["fired"])

    return pass_day
