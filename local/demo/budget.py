"""The budget chapter of `make demo`: a week passes, plans are laid side by side, one is carried out, and the
next week is lived twice in the same market: with the plan, and with nothing done."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx

from local.cloud import Cloud
from local.sandbox import simulation

SEED = 4
FIRST_WEEK_DAYS = 8  # seven full ones
NOW = "2026-11-23T13:00:00+00:00"  # a Monday morning in New York
REQUEST: dict[str, Any] = {
    "objective": "sales",
    "daily_budget": 600,
    "creative_ids": ["1", "2"],
    "target_countries": ["US", "GB"],
    "split_by": "country_age",
    "target_cpa": 6,
    "name": "Winter boots",
}
PLANS: dict[str, dict[str, Any]] = {
    "written rules": {"optimization_strategy": "rules", "guard": False},
    "rules and guard": {"optimization_strategy": "rules"},
    "allocate": {"optimization_strategy": "allocate", "target_metric": "cpa"},
}
APPLIED = "allocate"
_ARROWS = {"increase_budget": "up", "decrease_budget": "down", "pause": "paused", "keep": ""}


def budget_chapter(cloud: Cloud) -> dict[str, Any]:
    """What the plan brought; `ok` when it was carried out and kept the total. Resets the sandbox."""
    print("\nBudgets: a campaign of six ad sets runs for a week on Meta ...", flush=True)
    with _Stage(cloud) as stage:
        created = stage.first_week()
        campaign_id = created["campaign_id"]
        plans = {name: stage.optimize(campaign_id, dry_run=True, **body) for name, body in PLANS.items()}
        _show_plans(plans)
        done = stage.optimize(campaign_id, plan_digest=plans[APPLIED]["plan_digest"], **PLANS[APPLIED])
    print(f"  applied: {APPLIED}, {done['message']}, total {done['total_after']:.2f} as before", flush=True)
    (with_plan, expected), (without, before) = (
        next_week(created, done, name) for name in ("new_budget", "old_budget")
    )
    print(
        f"  the next week on the same seed: {with_plan} conversions with the plan,"
        f" {without} with nothing done ({_percent(with_plan, without)})\n"
        f"  without that week's luck the market would give {expected:.0f} and {before:.0f}"
        f" ({_percent(expected, before)}); months of many seeds: make bench",
        flush=True,
    )
    outcomes = {item["outcome"] for item in done["optimizations"]}
    return {
        "ok": outcomes <= {"applied", None} and done["total_after"] == REQUEST["daily_budget"],
        "campaign_id": campaign_id,
        "conversions_with_plan": with_plan,
        "conversions_with_nothing_done": without,
        "expected_gain": round(expected / before - 1, 4),
        "relative_gap": done["allocation"]["relative_gap"],
    }


def next_week(created: dict[str, Any], done: dict[str, Any], which: str) -> tuple[int, float]:
    """Conversions of seven days with the old or the new budgets, as they fell and as they were to be
    expected. A day's luck belongs to the ad set and the day, so both live through the same week, which no two
    runs of a real week could."""
    people = {item["platform_adset_id"]: item["targeting"] for item in created["adsets"]}
    first = datetime.fromisoformat(NOW).date() + timedelta(days=FIRST_WEEK_DAYS + 1)
    adsets = [(_adset(people[item["platform_id"]]), float(item[which])) for item in done["optimizations"]]
    days = [first + timedelta(days=day) for day in range(7)]
    lived = [simulation.run_day(SEED, adset, day, budget) for adset, budget in adsets for day in days]
    expected = [simulation.expected(SEED, adset, budget, day) for adset, budget in adsets for day in days]
    return sum(item.conversions for item in lived), sum(item.conversions for item in expected)


def _percent(new: float, old: float) -> str:
    return f"{100 * (new / old - 1):+.1f} %"


def _adset(people: dict[str, Any]) -> simulation.Adset:
    """The sandbox names an audience by place, ages and genders; each of these has one ad set."""
    audience = f"{people['countries']}/{people['age_min']}-{people['age_max']}/None"
    return simulation.Adset(audience, audience, tuple(REQUEST["creative_ids"]), 0)


class _Stage:
    """The API as user_123 calls it, and a market whose days pass when it says so."""

    def __init__(self, cloud: Cloud) -> None:
        token = cloud.info["tokens"]["user_123"]
        self._admin = httpx.Client(base_url=cloud.info["sandbox"]["admin"], timeout=60)
        self._api = httpx.Client(
            base_url=cloud.info["api_url"], headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def __enter__(self) -> _Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        self._api.close()

    def first_week(self) -> dict[str, Any]:
        """A campaign that has run for a week."""
        self._admin.post("/reset", json={"seed": SEED, "now": NOW}).raise_for_status()
        # A key of its own, so that it is created anew and not answered from memory.
        created = self._post("/v1/campaigns", REQUEST, {"Idempotency-Key": uuid.uuid4().hex})
        self._post(f"/v1/campaigns/{created['campaign_id']}/status", {"action": "start"})
        self._admin.post("/clock", json={"advance_days": FIRST_WEEK_DAYS}).raise_for_status()
        return created

    def optimize(self, campaign_id: str, **body: Any) -> dict[str, Any]:
        return self._post(f"/v1/campaigns/{campaign_id}/budget-optimizations", body)

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = dict(self._api.post(path, json=body, headers=headers).json())
        if answer["status"] == "error":
            raise RuntimeError(f"{path}: {answer['error']['message']}")
        return answer


def _show_plans(plans: dict[str, dict[str, Any]]) -> None:
    """One row for each ad set, one column for each plan, all three as dry runs."""
    by_name = {
        name: {item["adset_id"]: item for item in plan["optimizations"]} for name, plan in plans.items()
    }
    print(
        f"  {'ad set':<14} {'spent':>8} {'conv.':>6} {'CPA':>6} {'now':>8}"
        + "".join(f"{name:>18}" for name in plans)
    )
    for adset_id, item in next(iter(by_name.values())).items():
        figures = item["evidence"]
        cells = "".join(f"{_cell(plan[adset_id]):>18}" for plan in by_name.values())
        print(
            f"  {adset_id:<14} {figures['spend']:>8.2f} {figures['conversions']:>6.0f}"
            f" {figures['cpa'] or 0:>6.2f} {item['old_budget']:>8.2f}{cells}",
            flush=True,
        )
    report = plans[APPLIED]["allocation"]
    if report:
        gain = report["expected_gain"]
        print(
            f"  allocate: expected gain {100 * gain['mean']:+.1f} % ({100 * gain['p10']:+.1f} to"
            f" {100 * gain['p90']:+.1f}), proven within {report['relative_gap']:.0e} of the optimum",
            flush=True,
        )


def _cell(item: dict[str, Any]) -> str:
    if item["reason"] == "held_by_guard":
        return "held"
    if item["action"] == "keep":
        return "-"
    return f"{item['new_budget']:.2f} {_ARROWS[item['action']]}".strip()
