"""The text of a scrape, in Prometheus' own format (0.0.4) and in OpenMetrics 1.0.

prometheus_client was weighed: its collectors would be built anew from stored sums for each scrape, which is
more code than the two formats. Its parser reads both in the tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal

from campaign_automation.utils.metrics.families import BUCKETS, FAMILIES, Family, Tally

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def content_type(accept: str) -> str:
    """Return the format for a scraper with this Accept header."""
    return OPENMETRICS if "application/openmetrics-text" in accept else TEXT


def exposition(totals: Tally, form: str = TEXT) -> str:
    """Return the scrape's text of what all invocations counted together."""
    lines: list[str] = []
    for name, family in FAMILIES.items():
        # OpenMetrics names a counter without the ending that its samples have.
        title = name.removesuffix("_total") if form == OPENMETRICS else name
        lines += [f"# HELP {title} {family.help}", f"# TYPE {title} {family.kind}"]
        lines += _samples(name, family, totals)
    return "\n".join([*lines, *(["# EOF"] if form == OPENMETRICS else [])]) + "\n"


def _samples(name: str, family: Family, totals: Tally) -> Iterator[str]:
    if family.kind == "gauge":
        if family.code in totals.gauges:
            yield f"{name} {totals.gauges[family.code]}"
    elif family.kind == "counter":
        for labels, count in sorted(_series(totals.counts, family.code).items()):
            yield f"{name}{_braces(family, labels)} {count}"
    else:
        yield from _histograms(name, family, totals.counts)


def _histograms(name: str, family: Family, counts: Mapping[str, int]) -> Iterator[str]:
    by_bucket = {index: _series(counts, f"{family.code}#{index}") for index in range(len(BUCKETS) + 1)}
    for labels, milliseconds in sorted(_series(counts, f"{family.code}+").items()):
        total = 0
        for index, found in by_bucket.items():
            total += found.get(labels, 0)
            bound = str(BUCKETS[index]) if index < len(BUCKETS) else "+Inf"
            yield f"{name}_bucket{_braces(family, labels, le=bound)} {total}"
        yield f"{name}_sum{_braces(family, labels)} {Decimal(milliseconds) / 1000}"
        yield f"{name}_count{_braces(family, labels)} {total}"


def _series(counts: Mapping[str, int], code: str) -> dict[tuple[str, ...], int]:
    """Return the counts under `code` by the values of their labels."""
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for key, count in counts.items():
        head, *labels = key.split("|")
        if head == code:
            found[tuple(labels)] += count
    return found


def _braces(family: Family, labels: tuple[str, ...], **more: str) -> str:
    pairs = {**dict(zip(family.labels, labels, strict=False)), **more}
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
