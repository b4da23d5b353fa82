"""The demo's chapter on changing what exists: start, status, pause, undo, and the trail that they leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Caller(Protocol):
    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]: ...
    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]: ...
    def get(self, path: str) -> dict[str, Any]: ...
    def text(self, path: str) -> str: ...


def control(api: Caller, campaign_id: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Switches one campaign on and off and takes the last change back; what came of it."""
    path = f"/v1/campaigns/{campaign_id}"
    started = api.post(f"{path}/status", {"action": "start", "reason": "the season begins"})
    say(f"  start: {started['message']}, ads first, the campaign last (run {started['run_id']})")
    for _ in range(2):
        show(api.get(path), say)
    paused = api.post(f"{path}/status", {"action": "pause", "reason": "stock is out"})
    say(f"  pause: {paused['message']}")
    show(after_pause := api.get(path), say)
    undone = api.post(f"{path}/undo", {"run_id": paused["run_id"], "reason": "stock is back"})
    say(f"  undo of {paused['run_id']}: {undone['message']}")
    show(after_undo := api.get(path), say)
    trail = api.get(f"{path}/audit?limit=500")["records"]
    show_trail(trail[-3:], say)
    statuses = [answer["campaign"]["status"] for answer in (after_pause, after_undo)]
    return {
        "ok": statuses == ["paused", "active"] and all(item["outcome"] == "applied" for item in trail),
        "audit_records": len(trail),
    }


def show(answer: dict[str, Any], say: Callable[[str], None]) -> None:
    campaign = answer["campaign"]
    say(
        f"  status ({answer['source']}): {campaign['status']}, spent today {campaign['spend_today']}"
        f" {campaign['currency']}, token good for {answer['token']['days_left']} days"
    )


def show_trail(records: list[dict[str, Any]], say: Callable[[str], None]) -> None:
    say("  the trail ends with:")
    for record in records:
        say(
            f"    {record['at'][:16]} {record['actor']}, {record['level']}: {change_of(record)}"
            f" ({record['reason']}): {record['outcome']}"
        )


def change_of(record: dict[str, Any]) -> str:
    """Return the values of a change before and after: "status paused -> active"."""
    before, after = record["before"] or {}, record["after"] or {}
    names = dict.fromkeys([*before, *after])
    return ", ".join(f"{name} {before.get(name, '–')} -> {after.get(name, '–')}" for name in names)
