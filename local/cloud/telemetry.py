"""What the workers print: log lines kept in memory, and metrics in the embedded format summed up."""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

KEPT_LINES = 50_000
SETTLE_SECONDS = 60.0

Record = dict[str, Any]
Sums = dict[str, dict[str, dict[str, float]]]


class Telemetry:
    """Collects the output of all workers, from their start to the end of the local cloud."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT_LINES)
        self._sums: dict[str, dict[str, dict[str, float]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(float))
        )
        self._bytes = 0
        self._lock = threading.Lock()
        self._pumps: set[Pump] = set()

    def follow(self, descriptor: int, function_name: str) -> Pump:
        """Read a worker's output in the background until it ends."""
        pump = Pump(self, descriptor, function_name)
        with self._lock:
            self._pumps.add(pump)
        pump.start()
        return pump

    def ended(self, pump: Pump) -> None:
        with self._lock:
            self._pumps.discard(pump)

    def take(self, line: str, function_name: str) -> None:
        """File one line of output under what it is: metrics, a JSON log record, or plain text."""
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            record = {"message": line}
        with self._lock:
            self._bytes += len(line.encode())
            if not self._add_metrics(record):
                self._records.append({"function_name": function_name, **record})

    def report(self, record: Record) -> None:
        """Add a record of the platform itself, such as the end of an invocation."""
        with self._lock:
            self._bytes += len(json.dumps(record))
            self._records.append(record)

    def logs(self, correlation_id: str | None = None) -> list[Record]:
        """Log records so far, oldest first; with a correlation id, only those that carry it."""
        self._settle()
        with self._lock:
            return [r for r in self._records if correlation_id in (None, r.get("correlation_id"))]

    def logged_bytes(self) -> int:
        """The size of all that was printed, metrics included: both are billed as logs."""
        self._settle()
        with self._lock:
            return self._bytes

    def metrics(self) -> Sums:
        """{namespace: {metric: {"dimension=value,...": sum}}}, the dimensions in alphabetical order."""
        self._settle()
        with self._lock:
            return {
                space: {name: dict(sums) for name, sums in names.items()}
                for space, names in self._sums.items()
            }

    def _settle(self) -> None:
        # An answer may overtake the lines printed before it, so whoever asks waits for those first.
        deadline = time.monotonic() + SETTLE_SECONDS
        with self._lock:
            pumps = list(self._pumps)
        for pump in pumps:
            while not pump.drained() and time.monotonic() < deadline:
                time.sleep(0.001)

    def _add_metrics(self, record: Record) -> bool:
        """Whether the record holds metrics; a broken one is no more than a log record, as for CloudWatch."""
        try:
            sums = list(_metrics(record))
        except (KeyError, TypeError):
            return False
        for space, name, key, value in sums:
            self._sums[space][name][key] += value
        return True


def _metrics(record: Record) -> Iterator[tuple[str, str, str, float]]:
    """Namespace, metric, dimensions and value of everything in an embedded metric format record."""
    for directive in record["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            key = ",".join(f"{name}={record[name]}" for name in sorted(dimensions))
            for metric in directive["Metrics"]:
                values = record[metric["Name"]]
                total = sum(values) if isinstance(values, list) else values + 0.0
                yield directive["Namespace"], metric["Name"], key, total


class Pump(threading.Thread):
    """Carries lines from one worker's output to the telemetry."""

    def __init__(self, telemetry: Telemetry, descriptor: int, function_name: str) -> None:
        super().__init__(daemon=True, name=f"output of {function_name}")
        self._telemetry = telemetry
        self._descriptor = descriptor
        self._function_name = function_name
        self._rest = b""
        self._open = True
        self._busy = threading.Lock()

    def run(self) -> None:
        while self._open:
            select.select([self._descriptor], [], [])
            with self._busy:
                self._read()
        self._telemetry.ended(self)

    def drained(self) -> bool:
        """Whether everything written so far has been filed."""
        with self._busy:
            return not self._open or not select.select([self._descriptor], [], [], 0)[0]

    def _read(self) -> None:
        chunk = os.read(self._descriptor, 65536)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if not chunk:
            self._open = False
            os.close(self._descriptor)
            lines = [self._rest]
        for line in lines:
            if text := line.decode(errors="replace").strip():
                self._telemetry.take(text, self._function_name)
