"""The metrics that a scrape shows: their table, and what this process counted since it last stored that.

prometheus_client was weighed: it keeps its numbers in one process, and an invocation's are gone with it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from decimal import Decimal
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

# In seconds. The promises (status 3 s, optimisation 5 s, creation 10 s) are bounds, so a scrape tells them.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)


class Family(NamedTuple):
    """One metric: its type, its help, the code that stands for it in stored rows, and its labels.

    The labels' values are the module's own words, never a caller's, so the number of series is bounded.
    """

    code: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


FAMILIES: dict[str, Family] = {
    "campaign_automation_requests_total": Family(
        "rq", "counter", "Answers of the module.", ("action", "status")
    ),
    "campaign_automation_request_duration_seconds": Family(
        "rd", "histogram", "Time from parsing a request to its answer.", ("action",)
    ),
    "platform_api_calls_total": Family(
        "pc",
        "counter",
        "Requests and batch items sent to an ad platform.",
        ("platform", "operation", "status"),
    ),
    "campaign_automation_active_rules": Family("ar", "gauge", "Enabled schedules of rules."),
    "retries_total": Family("rt", "counter", "Tries after the first.", ("what",)),
    "platform_writes_total": Family("pw", "counter", "Objects changed at the gate.", ("field", "outcome")),
    "compensations_total": Family(
        "cp", "counter", "Creations that were taken back or could not be.", ("outcome",)
    ),
    "rule_evaluations_total": Family("re", "counter", "Ticks of rules.", ("result",)),
    "internal_errors_total": Family(
        "ie", "counter", "Faults of the module itself, answered for as code 1000.", ("function",)
    ),
    "cache_requests_total": Family("ca", "counter", "Hits and misses of the cache.", ("result",)),
    "reconcile_age_seconds": Family("ra", "gauge", "Age of the oldest campaign that awaits a visit."),
    "outbox_age_seconds": Family("oa", "gauge", "Age of the oldest message to the Web Platform."),
    "outbox_quarantined": Family("oq", "gauge", "Messages that are sent no more."),
    "rules_overdue": Family("ro", "gauge", "Rules that were due and did not run."),
}


class Tally:
    """Counts that are not stored yet. Keys are attributes of a stored row: `code|label|label`; a
    histogram has one per bucket (`code#bucket|label`) and one for its sum in milliseconds (`code+|label`)."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, Decimal] = {}

    def __bool__(self) -> bool:
        return bool(self.counts or self.gauges)

    def count(self, name: str, value: float, labels: dict[str, str]) -> None:
        """Count one emitted metric; one that no scrape shows is left out."""
        family = FAMILIES.get(name)
        if family is None:
            return
        suffix = "".join(f"|{labels.get(label, '')}" for label in family.labels)
        if family.kind == "gauge":
            self.gauges[family.code] = Decimal(str(round(value, 3)))
        elif family.kind == "counter":
            self.counts[family.code + suffix] += int(value)
        else:
            self.counts[f"{family.code}#{bisect_left(BUCKETS, value)}{suffix}"] += 1
            self.counts[f"{family.code}+{suffix}"] += round(value * 1000)

    def take(self) -> Tally:
        """Return what was counted, and begin anew."""
        taken = Tally()
        taken.counts, taken.gauges = self.counts, self.gauges
        self.counts, self.gauges = Counter(), {}
        return taken
