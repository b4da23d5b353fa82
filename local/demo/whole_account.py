"""The demo's chapter on an account with campaigns made elsewhere: found, taken in, raised and undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from local.cloud import Cloud
from local.demo.control import Caller, show_trail

ACCOUNT, COUNT = "act_100000000000001", 8
RAISE = 1.1


def whole_account(api: Caller, cloud: Cloud, say: Callable[[str], None]) -> dict[str, Any]:
    """Take over an account that others filled; what came of it."""
    url = f"{cloud.info['sandbox']['admin']}/elsewhere/meta/{ACCOUNT}"
    made = httpx.post(url, json={"count": COUNT}).raise_for_status().json()
    theirs = {item["id"]: item for item in made if item["state"] != "archived"}
    listed = api.get("/v1/account-campaigns?platform=meta&limit=200")
    show_found(listed, say)
    found = {item["platform_campaign_id"] for item in listed["campaigns"] if item["owner"] == "nobody"}
    body: dict[str, Any] = {"platform": "meta", "platform_campaign_ids": list(theirs)}
    planned = api.post("/v1/campaign-imports", body | {"dry_run": True})
    say(f"  dry run: {planned['message']}")
    imported = api.post("/v1/campaign-imports", body)
    say(f"  {imported['message']}; {imported['committed_daily_budget']} a day count into the account's cap")
    for item in imported["imported"]:
        for limit in item["limits"]:
            say(f"    {item['name']}: {limit}")
    first = next(item for item in imported["imported"] if not item["limits"] and item["daily_budget"])
    changed = raise_and_undo(api, first, say)
    return {
        "ok": set(theirs) <= found and len(imported["imported"]) == len(theirs) and changed,
        "found": len(found),
        "imported": len(imported["imported"]),
    }


def show_found(listed: dict[str, Any], say: Callable[[str], None]) -> None:
    say(f"  {listed['total']} campaigns on the platform:")
    for item in listed["campaigns"]:
        budget = item["daily_budget"]
        money = "budgets of its ad sets, or a total" if budget is None else f"{budget} a day"
        say(f"    {item['name']}: {item['owner']}, {item['status']}, {item['objective']}, {money}")


def raise_and_undo(api: Caller, item: dict[str, Any], say: Callable[[str], None]) -> bool:
    """Raise one campaign's budget and put it back; whether it is as before."""
    path, before = f"/v1/campaigns/{item['campaign_id']}", item["daily_budget"]
    wanted = {"daily_budget": round(before * RAISE, 2), "reason": "it sells well"}
    raised = api.patch(path, wanted)
    say(f"  {item['name']}: {raised['message']}, {before} to {wanted['daily_budget']} a day")
    after_raise = api.get(path)["campaign"]["daily_budget"]
    undone = api.post(f"{path}/undo", {"run_id": raised["run_id"], "reason": "it was a try"})
    say(f"  {undone['message']}")
    show_trail(api.get(f"{path}/audit?limit=500")["records"], say)
    after_undo = api.get(path)["campaign"]["daily_budget"]
    return (after_raise, after_undo) == (wanted["daily_budget"], before)
