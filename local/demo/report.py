"""The demo's chapter on reports: a campaign's week by day, and as CSV."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from local.cloud import Cloud
from local.demo.control import Caller

_PATIENCE_SECONDS = 120


def report(api: Caller, cloud: Cloud, campaign_id: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Report the seven days up to today by day; what came of it."""
    path = report_path(cloud, campaign_id)
    answer = api.get(path)
    until = time.monotonic() + _PATIENCE_SECONDS
    while answer["status"] == "accepted" and time.monotonic() < until:
        time.sleep(0.5)
        answer = api.get(answer["status_url"])
    (block,) = answer["blocks"]
    for row in block["rows"]:
        say(
            f"    {row['day']}: {row['spend']} {block['currency']}, {row['conversions']} conversions,"
            f" revenue {row['revenue']} (the shop: {row['first_party_revenue']}), ROAS {row['roas']}"
        )
    total = block["total"]
    say(f"  {answer['message']}: {total['spend']} {block['currency']} spent, as of {block['as_of']}")
    names, *lines = api.text(f"{path}&format=csv").splitlines()
    say(f"  as CSV: {len(lines)} lines of {names.count(',') + 1} columns")
    spent = sum((Decimal(str(row["spend"])) for row in block["rows"]), Decimal(0))
    is_sum = spent == Decimal(str(total["spend"])) > 0
    return {
        "ok": is_sum and len(lines) == len(block["rows"]),
        "days": len(block["rows"]),
        "source": block["source"],
    }


def report_path(cloud: Cloud, campaign_id: str) -> str:
    """Return the route of a campaign's last seven days, by the platforms' clock."""
    clock = httpx.get(f"{cloud.info['sandbox']['admin']}/clock").raise_for_status().json()
    today = datetime.fromisoformat(clock["now"]).date()
    return f"/v1/reports?from={today - timedelta(days=6)}&to={today}&campaigns={campaign_id}"
