"""The quotas that bind first when the load grows, from the counts of cost.py; averages, without peaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks._costs import Counts, Prices, billed_seconds
from campaign_automation.adapters.google import facts as google
from campaign_automation.adapters.limits.limit import CallLimit
from campaign_automation.adapters.meta import facts as meta
from campaign_automation.adapters.tiktok import facts as tiktok

# Runs an hour of the base load.
LOAD = {
    "create_campaign": 10,
    "get_campaign_status": 1000,
    "optimize_budget": 10,
    "evaluation of a rule": 1000,
}
TIMES = (1, 10, 100, 1000)
_API = "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_STEPS = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_TABLE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
_SCHEDULER = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html"


class Quota(NamedTuple):
    """A limit for each second, or of functions at once, and what one run needs of it."""

    name: str
    most: float
    source: str
    needs: Callable[[Counts], float]


def _of_platform(name: str, limit: CallLimit, needs: Callable[[Counts], float]) -> Quota:
    return Quota(f"{name}: {limit.most:,} {limit.unit}", limit.most / limit.seconds, "platforms.md", needs)


def _named(name: str) -> Callable[[Counts], float]:
    return lambda run: float(run.get(name, 0))


def _busy_seconds(run: Counts) -> float:
    return sum(billed_seconds(run, Prices()).values())


def _points(run: Counts) -> float:
    # As if each call wrote: a write counts three times as much as a read.
    return float(run["platform_calls"] * meta.LIMIT.write)


def quotas() -> list[Quota]:
    of_table = {"reads": lambda run: run["half_read_units"] / 2, "writes": _named("write_units")}
    return [
        Quota("Lambda: functions at once, new account", 10, _LAMBDA, _busy_seconds),
        Quota("Lambda: functions at once, usual", 1000, _LAMBDA, _busy_seconds),
        Quota("API Gateway: requests a second, this stage", 50, "template.yaml", _named("api_requests")),
        Quota("API Gateway: requests a second, account", 10_000, _API, _named("api_requests")),
        Quota("Step Functions: StartExecution a second", 300, _STEPS, lambda run: bool(run["transitions"])),
        Quota("Step Functions: transitions a second", 5000, _STEPS, _named("transitions")),
        Quota("DynamoDB: write units a second, new table", 4000, _TABLE, of_table["writes"]),
        Quota("DynamoDB: write units a second, table", 40_000, _TABLE, of_table["writes"]),
        Quota("DynamoDB: read units a second, table", 40_000, _TABLE, of_table["reads"]),
        Quota("EventBridge Scheduler: runs a second", 1000, _SCHEDULER, _named("schedule_runs")),
        _of_platform("Meta, all in one account", meta.LIMIT, _points),
        _of_platform("TikTok", tiktok.LIMIT, _named("platform_calls")),
        _of_platform("Google Ads", google.LIMIT, _named("platform_calls")),
    ]


def shares(found: Mapping[str, Any]) -> list[tuple[Quota, float]]:
    """Return the part of each quota that the base load needs, the one that binds first at the top."""
    runs = found["runs"]
    needed = [
        (quota, sum(quota.needs(runs[name]) * rate for name, rate in LOAD.items()) / 3600 / quota.most)
        for quota in quotas()
    ]
    return sorted(needed, key=lambda each: -each[1])


def table(found: Mapping[str, Any]) -> str:
    """Return the table of quotas as the documentation shows it; what does not suffice is bold."""
    return "\n".join(_rows(found))


def sources() -> str:
    """Return the links to the documented quotas."""
    found = {quota.name.partition(":")[0]: quota.source for quota in quotas() if "://" in quota.source}
    return ", ".join(f"[{name}]({source})" for name, source in found.items())


def _rows(found: Mapping[str, Any]) -> Iterator[str]:
    yield "| quota | limit a second | " + " | ".join(f"{times:,} x" for times in TIMES) + " |"
    yield "|---|" + "---|" * (len(TIMES) + 1)
    for quota, share in shares(found):
        cells = " | ".join(_cell(share * times) for times in TIMES)
        limit = f"{quota.most:,.0f}" if quota.most >= 1 else f"{quota.most:.2f}"
        yield f"| {quota.name} | {limit} | {cells} |"


def _cell(share: float) -> str:
    text = f"{share:,.1%}" if share < 1 else f"{share:,.1f} times"
    return f"**{text}**" if share > 1 else text
