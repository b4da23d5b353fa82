"""Failures to come: which call fails, and how."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

Kind = Literal[
    "timeout_before",
    "timeout_after",
    "drop_connection",
    "drop_after",
    "late_success",
    "http_500",
    "garbage",
    "rate_limit",
    "rate_limit_bare",
    "auth_expired",
    "auth_withdrawn",
    "denied_bare",
    "internal_bare",
    "policy",
    "reduce_data",
    "reduce_days",
    "rate_limit_second",
    "raw",
    "partial_unnamed",
    "same_page",
    "empty_page",
    "endless_pages",
    "lost_id",
]
# Those that end in "_bare" come without what usually explains them: Meta's limit with X-App-Usage alone,
# Google's statuses without a failure. "auth_withdrawn" is Google's: UNAVAILABLE around an invalid_grant.
KINDS: tuple[str, ...] = get_args(Kind)
# The platform acts and answers, but its answer is odd: a part that was not done and that nothing names; pages
# that begin anew, hold nothing though more follow, or never end; a list whose last row has no id.
TWISTS = ("partial_unnamed", "same_page", "empty_page", "endless_pages", "lost_id")
MAX_HANG_SECONDS = 60.0


@dataclass
class Fault:
    """Fires on the `nth` matching call after it was set, and on `times` calls from there (0: on all).

    The kind "raw" answers with `status`, `body` and `headers` as they are: any answer that was once recorded.
    """

    platform: str
    operation: str
    kind: Kind
    nth: int = 1
    times: int = 1
    hang_seconds: float = MAX_HANG_SECONDS
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seen: int = 0

    @property
    def acts_first(self) -> bool:
        return self.kind in ("timeout_after", "drop_after")

    @property
    def acts_late(self) -> bool:
        """Whether the platform gives no answer and acts only when it is told to (POST /late)."""
        return self.kind == "late_success"

    @property
    def is_twist(self) -> bool:
        return self.kind in TWISTS

    @property
    def unanswered_after(self) -> float | None:
        """Seconds until the connection closes without an answer; None when the platform answers."""
        if self.kind in ("timeout_before", "timeout_after", "late_success"):
            return self.hang_seconds
        return 0.0 if self.kind in ("drop_connection", "drop_after") else None

    def matches(self, platform: str, operation: str) -> bool:
        return self.platform in (platform, "*") and self.operation in (operation, "*")

    def count_and_fire(self) -> bool:
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


class FaultBook:
    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def clear(self) -> None:
        self._faults.clear()

    def add(self, raw: Mapping[str, Any]) -> None:
        """Raises ValueError naming what is wrong with the description."""
        self._faults.append(_parse(raw))

    def take(self, platform: str, operation: str) -> Fault | None:
        """The fault for this call, if any; every matching fault counts the call."""
        matching = [fault for fault in self._faults if fault.matches(platform, operation)]
        firing = [fault for fault in matching if fault.count_and_fire()]
        return firing[0] if firing else None

    def listing(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]


_FIELDS = {item.name for item in fields(Fault)} - {"seen"}


def _parse(raw: Mapping[str, Any]) -> Fault:
    unknown = raw.keys() - _FIELDS
    if unknown:
        raise ValueError(f"unknown fault fields: {sorted(unknown)}")
    if raw.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, not {raw.get('kind')!r}")
    return Fault(
        platform=str(raw.get("platform", "*")),
        operation=str(raw.get("operation", "*")),
        kind=raw["kind"],
        nth=int(raw.get("nth", 1)),
        times=int(raw.get("times", 1)),
        hang_seconds=min(float(raw.get("hang_seconds", MAX_HANG_SECONDS)), MAX_HANG_SECONDS),
        status=int(raw.get("status", 200)),
        body=str(raw.get("body", "")),
        headers=dict(raw.get("headers", {})),
    )
