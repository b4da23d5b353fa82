"""Insights: delivered days added up by level and period."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from local.sandbox.core.records import DayRecord, Level, added_up
from local.sandbox.meta.answers.fields import parse_fields
from local.sandbox.meta.answers.listing import filters, page_size
from local.sandbox.meta.answers.metrics import METRICS, Row
from local.sandbox.meta.answers.periods import asked_period, steps
from local.sandbox.meta.answers.render import nonexisting
from local.sandbox.meta.errors import wrong_param
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, MetaStore, Node

# From the outside in: a row tells about its own level and those before it.
LEVELS: dict[str, Level] = {"account": "account", "campaign": "campaign", "adset": "adset", "ad": "ad"}
WINDOWS = ("1d_click", "7d_click", "28d_click", "1d_view", "1d_ev")
_KNOWN = {
    "action_attribution_windows",
    "after",
    "date_preset",
    "default_summary",
    "filtering",
    "level",
    "limit",
    "sort",
    "summary",
    "time_increment",
    "time_range",
    "use_account_attribution_setting",
    "use_unified_attribution_setting",
}


@dataclass
class Query:
    """One insights request about `node`, or about the whole account."""

    store: MetaStore
    account: Account
    node: Node | None
    params: Params
    today: date

    @property
    def level(self) -> Level:
        own = LEVELS[self.node.kind] if self.node else "account"
        return LEVELS[self.params.choice("level", LEVELS)] if "level" in self.params else own

    @property
    def windows(self) -> list[str]:
        if "action_attribution_windows" not in self.params:
            return []
        windows = self.params.array("action_attribution_windows")
        if not set(windows) <= set(WINDOWS):
            allowed = ", ".join(WINDOWS)
            name = "action_attribution_windows"
            raise wrong_param(f"Param {name} must hold only {{{allowed}}}", name)
        return windows

    def records(self, first: date, last: date) -> list[DayRecord]:
        level: Level = LEVELS[self.node.kind] if self.node else "account"
        own = self.node.id if self.node else self.account.id
        found = [
            record.known(self.today)
            for record in self.store.records.values()
            if record.id_at(level) == own and first <= record.day <= last and record.impressions
        ]
        return self._filtered(found)

    def _filtered(self, records: list[DayRecord]) -> list[DayRecord]:
        for entry in filters(self.params.values):
            level = LEVELS.get(entry["field"].removesuffix(".id"))
            if level is None or entry["operator"] not in ("IN", "EQUAL"):
                raise wrong_param(f"Filtering field {entry['field']} is invalid", "filtering")
            value = entry.get("value")
            wanted = set(map(str, value)) if isinstance(value, list) else {str(value)}
            records = [record for record in records if record.id_at(level) in wanted]
        return records


def insights(query: Query, path: str, overlap: int = 0) -> Json:
    """The answer of GET <object>/insights; objects without delivery have no row. Raises GraphError."""
    query.params.only(_KNOWN)
    first, last = asked_period(query.params, query.today)
    names = [field.name for field in parse_fields(query.params.text("fields"))]
    rows = [_shown(query, row, names or ["impressions", "spend"]) for row in _rows(query, first, last)]
    return _page(rows, query.params, path, overlap)


def _rows(query: Query, first: date, last: date) -> Iterator[Row]:
    records, level, windows = query.records(first, last), query.level, query.windows
    for start, end in steps(query.params, first, last):
        groups: dict[str, list[DayRecord]] = defaultdict(list)
        for record in records:
            if start <= record.day <= end:
                groups[record.id_at(level)].append(record)
        for members in groups.values():
            events = _by_event(query.store, members)
            yield Row(query.account, added_up(members, members[0]), events, start, end, windows)


def _by_event(store: MetaStore, members: list[DayRecord]) -> dict[str, DayRecord]:
    groups: dict[str, list[DayRecord]] = defaultdict(list)
    for record in members:
        groups[_conversion_event(store.nodes[record.adset_id])].append(record)
    return {event: added_up(group, group[0]) for event, group in groups.items()}


def _conversion_event(adset: Node) -> str:
    promoted = adset.data.get("promoted_object", {})
    return "INSTALL" if "application_id" in promoted else str(promoted.get("custom_event_type", "NONE"))


def _shown(query: Query, row: Row, names: list[str]) -> Json:
    shown: Json = {name: _value(query, row, name) for name in names}
    shown |= {"date_start": row.first.isoformat(), "date_stop": row.last.isoformat()}
    return {name: value for name, value in shown.items() if value is not None}


def _value(query: Query, row: Row, name: str) -> Any:
    if name in METRICS:
        return METRICS[name](row)
    if name in ("date_start", "date_stop"):
        return None
    owner, part = _owner_and_part(name)
    order = list(LEVELS)
    if order.index(owner) > order.index(query.level):
        return None
    object_id = row.total.id_at(owner)
    return object_id if part == "id" else query.store.nodes[object_id].data[part]


def _owner_and_part(name: str) -> tuple[Level, str]:
    """`adset_name` is the ad set's name; `objective` belongs to the campaign."""
    special: dict[str, Level] = {"objective": "campaign", "optimization_goal": "adset"}
    if name in special:
        return special[name], name
    owner, _, part = name.partition("_")
    if owner not in ("campaign", "adset", "ad") or part not in ("id", "name"):
        raise nonexisting(name, "AdsInsights")
    return LEVELS[owner], part


def _page(rows: list[Json], params: Params, path: str, overlap: int) -> Json:
    """Insights rows page by position; the order is stable while no time passes."""
    after = params.text("after", "0")
    if not after.isdigit():
        raise wrong_param("Invalid cursor", "after")
    start = int(after)
    end = start + page_size(params.values)
    answer: Json = {"data": rows[max(start - overlap, 0) : end]}
    if answer["data"]:
        answer["paging"] = {"cursors": {"before": str(start), "after": str(min(end, len(rows)))}}
        if end < len(rows):
            answer["paging"]["next"] = f"https://graph.facebook.com/v26.0/{path}?after={end}"
    return answer
