"""The demo's chapter on a proposal: planned, told to its owner, and approved from the page of its link."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx

from local.cloud import Cloud
from local.demo.control import Caller

BUDGET = 120


def proposals(
    api: Caller,
    cloud: Cloud,
    campaign_id: str,
    say: Callable[[str], None],
    waits: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Ask before a budget is raised; what came of it. `waits` is called while the proposal waits."""
    path = f"/v1/campaigns/{campaign_id}"
    asked = {"daily_budget": BUDGET, "reason": "it sells well", "mode": "propose"}
    made = api.patch(path, asked)
    say(f"  {made['message']}")
    for item in made["plan"]["changed"]:
        say(f"    {item['id']}: {item['before']} to {item['after']} a day")
    waits()
    page, state = decide(cloud, made["proposal_id"])
    say(f"  the owner opens the link of the notice, reads {page} changes, approves: {state}")
    shown = api.get(f"/v1/proposals/{made['proposal_id']}")["proposal"]
    for item in shown["receipts"]:
        read_back = ", ".join(f"{name} {value}" for name, value in (item["read_back"] or {}).items())
        say(f"    {item['platform_id']}: {item['outcome']}, read back {read_back}")
    total = total_budget(api.get(path))
    ok = (shown["state"], shown["decided_by"], total) == ("verified", "user:user_123", BUDGET)
    return {
        "ok": ok,
        "proposal_id": made["proposal_id"],
        "state": shown["state"],
        "receipts": len(shown["receipts"]),
    }


def total_budget(status: dict[str, Any]) -> float:
    """The budgets of our ad sets a day; on Google Ads the campaign has it, and they have none."""
    own = [item["daily_budget"] for item in status["adsets"] if not item["foreign"]]
    return float(status["campaign"]["daily_budget"] if None in own else sum(own))


def decide(cloud: Cloud, proposal_id: str) -> tuple[int, str]:
    """Approve as the owner does in a browser; the number of changes on the page, and the state after it."""
    url = f"{cloud.info['api_url']}/_local/schedules/OutboxFunctionEveryFiveMinutes/fire"
    with httpx.Client(timeout=60) as browser:
        browser.post(url).raise_for_status()
        told = browser.get(f"{cloud.info['sandbox']['admin']}/state").json()["web_platform"]["notifications"]
        (link,) = [item["action_url"] for item in told if proposal_id in str(item["action_url"])]
        page = browser.get(link).raise_for_status().text
        (token,) = re.findall(r'action="\?token=([\w.-]+)"', page)
        place = link.partition("?")[0]
        done = browser.post(f"{place}?token={token}", data={"decision": "approve"})
    (state,) = re.findall(r'class="state">(\w+)<', done.raise_for_status().text)
    return page.count("<td>daily_budget</td>"), state
