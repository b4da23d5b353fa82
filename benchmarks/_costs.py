"""Costs from counted calls (counts.json) and list prices (prices.toml); nothing here is measured."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from local.source import template

HERE = Path(__file__).parent
COUNTS = HERE / "counts.json"
RESOURCES: Mapping[str, Any] = template()["Resources"]
SWEEPS = {  # minutes
    "CollectInsightsFunction": 60,
    "OutboxFunction": 5,
    "ReconcileCampaignsFunction": 2,
    "ReconcileRulesFunction": 15,
}
# A run costs the sum of these counts, each at the price of this name.
PRICED = {
    "api_requests": "api_request",
    "transitions": "transition",
    "write_units": "write_unit",
    "schedule_runs": "schedule_run",
    "traces": "trace",
    "secret_reads": "secret_read",
    "messages": "message",
    "tokens": "token",
}

Counts = Mapping[str, Any]
# Actions that the bench does not run, the counted one that does the same kind of work, and the difference.
UNCOUNTED: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("search_audit", "find_request"), "get_audit", "they read as many rows as they find"),
    (("get_health",), "list_rules", "it reads nothing"),
    (("check_health",), "list_rules", "it asks each part once"),
    (("list_limits", "list_dead_letters", "list_quarantined_messages"), "list_rules", "operators' lists"),
    (("create_rule_from_template",), "create_rule", "the same checks and schedule"),
    (("approve_proposal",), "update_campaign", "as the plan's writes, or starts a creation"),
    (
        ("list_proposals", "get_proposal", "link_proposal", "link_page"),
        "list_rules",
        "rows of the table and no platform",
    ),
    (("reject_proposal",), "list_rules", "two writes and no platform"),
    (("stop_all",), "manage_campaign", "as often as campaigns are paused"),
    (("get_pacing",), "get_campaign_status", "as a report since a month, and a look at each campaign"),
    (("set_monthly_budget",), "create_rule", "single writes"),
    (("get_notifications",), "list_rules", "rows of the table and no platform"),
    (("set_notifications", "try_webhook"), "create_rule", "single writes, and one call of the webhook"),
    (("set_account_cap", "set_kill_switch", "release_commitment"), "create_rule", "operators' single writes"),
    (
        ("redrive_dead_letters", "resend_quarantined_messages"),
        "get_audit",
        "calls by the messages sent again",
    ),
)


class Prices:
    """The price list; `given` replaces prices and assumptions by name."""

    def __init__(self, given: Mapping[str, float] | None = None) -> None:
        table = tomllib.loads((HERE / "prices.toml").read_text())
        self.assumed: dict[str, Any] = table.pop("assumed")
        self.rows: dict[str, dict[str, Any]] = table
        self._usd = {name: float(row["usd"]) for name, row in table.items()}
        for name, value in (given or {}).items():
            known = self.assumed if name in self.assumed else self._usd
            if name not in known:
                raise SystemExit(f"no price or assumption is named {name}")
            known[name] = value

    def __getitem__(self, name: str) -> float:
        return self._usd[name]


class Cost(NamedTuple):
    """Dollars of one run by service."""

    functions: float
    table: float
    steps: float
    tokens: float
    rest: float

    @property
    def total(self) -> float:
        return sum(self)


def counts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(COUNTS.read_text())
    return found


def memory_mb(function: str) -> int:
    properties = RESOURCES[function]["Properties"]
    return int(properties.get("MemorySize", template()["Globals"]["Function"]["MemorySize"]))


def billed_seconds(run: Counts, prices: Prices) -> dict[str, float]:
    """Return the seconds of each function in a run: what was measured, stretched to its share of a processor,
    and the platform's answers, one after the other."""
    share = float(prices.assumed["vcpu_mb"])
    seconds = {
        name: entry["ms"] / 1000 * max(1.0, share / memory_mb(name))
        for name, entry in run["functions"].items()
    }
    # Where a state machine calls the platform, the function that started it waits as well.
    waiting = sorted(seconds, key=lambda name: -seconds[name])[: 2 if run["transitions"] else 1]
    for name in waiting:
        seconds[name] += run["platform_calls"] * float(prices.assumed["platform_call_seconds"])
    return seconds


def cost(run: Counts, prices: Prices) -> Cost:
    """Return the cost of one run of an action, a tick or a sweep."""
    functions = sum(entry["calls"] for entry in run["functions"].values()) * prices["lambda_request"]
    for name, seconds in billed_seconds(run, prices).items():
        functions += seconds * memory_mb(name) / 1024 * prices["lambda_gb_second"]
    priced = {name: run.get(name, 0) * prices[price] for name, price in PRICED.items()}
    table = run["half_read_units"] / 2 * prices["read_unit"] + priced.pop("write_units")
    steps, tokens = priced.pop("transitions"), priced.pop("tokens")
    rest = sum(priced.values()) + run["log_bytes"] / 1e9 * prices["log_gb"]
    return Cost(functions, table, steps, tokens, rest)


def idle(found: Counts, prices: Prices) -> dict[str, float]:
    """Return the dollars of a month in which nobody asks for anything, by what they are for."""
    hours = float(prices.assumed["hours_a_month"])
    snapshots = sum(memory_mb(name) for name in snapshotted()) / 1024 * hours * 3600
    rows = {
        f"snapshots of {len(snapshotted())} functions (`SnapStart`)": snapshots
        * prices["snapshot_cached_gb_second"],
        f"{alarm_metrics()} metrics of alarms": alarm_metrics() * prices["alarm_metric"],
        f"{found['idle_metrics']} custom metrics": found["idle_metrics"] * prices["custom_metric"],
        "dashboard": of_type("AWS::CloudWatch::Dashboard") * prices["dashboard"],
        f"{of_type('AWS::SecretsManager::Secret')} secrets": of_type("AWS::SecretsManager::Secret")
        * prices["secret"],
    }
    for name, minutes in SWEEPS.items():
        runs = hours * 60 / minutes
        rows[f"{name}, every {minutes} minutes"] = runs * cost(found["sweeps"][name], prices).total
    return rows


def snapshotted() -> list[str]:
    return [
        name
        for name, resource in RESOURCES.items()
        if resource["Type"] == "AWS::Serverless::Function" and "SnapStart" not in resource["Properties"]
    ]


def of_type(kind: str) -> int:
    return sum(resource["Type"] == kind for resource in RESOURCES.values())


def alarm_metrics() -> int:
    """Return the metrics that alarms watch; an expression is billed for each metric in it."""
    alarms = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    return sum(
        sum("MetricStat" in metric for metric in alarm["Metrics"]) if "Metrics" in alarm else 1
        for alarm in alarms
    )


def tables(found: Counts, prices: Prices) -> str:
    """Return the tables of costs as the documentation shows them."""
    return "\n".join(
        [
            *(*_idle_table(found, prices), ""),
            *(*_run_table(found, prices), ""),
            *(*_uncounted_table(), ""),
            *_counted(found, prices),
        ]
    )


def _idle_table(found: Counts, prices: Prices) -> Iterator[str]:
    rows = idle(found, prices)
    yield from ("| idle, a month | $ |", "|---|---|")
    yield from (f"| {name} | {usd:.2f} |" for name, usd in rows.items())
    yield f"| together | {sum(rows.values()):.2f} |"


def _uncounted_table() -> Iterator[str]:
    yield "| not counted | of the kind of | since |"
    yield "|---|---|---|"
    yield from (f"| {', '.join(names)} | {like} | {reason} |" for names, like, reason in UNCOUNTED)


def _run_table(found: Counts, prices: Prices) -> Iterator[str]:
    yield "| 1,000 of | $ | functions | table | steps | tokens | the rest |"
    yield "|---|---|---|---|---|---|---|"
    for name, run in found["runs"].items():
        of = cost(run, prices)
        parts = " | ".join(f"{usd * 1000:.3f}" for usd in of)
        yield f"| {name} | {of.total * 1000:.3f} | {parts} |"


def _counted(found: Counts, prices: Prices) -> Iterator[str]:
    off, on = (found["prometheus"][name] for name in ("off", "on"))
    extra = cost(on, prices).table - cost(off, prices).table
    yield "| Prometheus | write units of a status | its table, $ per 1,000 | more |"
    yield "|---|---|---|---|"
    for name, run in (("off", off), ("on", on)):
        more = f"{extra * 1000:.4f}" if name == "on" else "-"
        yield f"| {name} | {run['write_units']} | {cost(run, prices).table * 1000:.4f} | {more} |"


def page(found: Counts, quotas: str, sources: str) -> str:
    """Return docs/costs.md."""
    prices = Prices()
    listed = "\n".join(
        f"| {name} | {_usd(row['usd'])} | {row['unit']} | [list]({row['source']}) | {row['checked']} |"
        for name, row in prices.rows.items()
    )
    text = (HERE / "costs_page.txt").read_text()
    return text.format(
        tables=tables(found, prices), quotas=quotas, sources=sources, prices=listed, **prices.assumed
    )


def _usd(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")
