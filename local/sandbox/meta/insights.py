"""Insights: delivered days added up by level and period, in the platform's shapes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from local.sandbox.meta.errors import GraphError, wrong_param
from local.sandbox.meta.fields import parse_fields
from local.sandbox.meta.listing import page_size
from local.sandbox.meta.params import Params
from local.sandbox.meta.render import nonexisting
from local.sandbox.meta.store import Account, DayRecord, Json, MetaStore, Node

LEVELS = ("account", "campaign", "adset", "ad")
MAX_MONTHS_BACK = 37
WINDOWS = ("1d_click", "7d_click", "28d_click", "1d_view", "1d_ev")
_KNOWN = {
    "level",
    "time_range",
    "date_preset",
    "time_increment",
    "filtering",
    "limit",
    "after",
    "sort",
    "summary",
    "default_summary",
    "action_attribution_windows",
    "use_account_attribution_setting",
    "use_unified_attribution_setting",
}
# The same conversions under overlapping names: whoever adds them up counts thrice.
_ACTION_TYPES = {
    "PURCHASE": ("purchase", "omni_purchase", "offsite_conversion.fb_pixel_purchase"),
    "LEAD": ("lead", "offsite_conversion.fb_pixel_lead"),
    "ADD_TO_CART": ("add_to_cart", "omni_add_to_cart", "offsite_conversion.fb_pixel_add_to_cart"),
    "INSTALL": ("mobile_app_install", "omni_app_install"),
}
_OTHER = ("offsite_conversion.fb_pixel_custom",)


@dataclass
class Row:
    """The records of one object in one period, added up; money in major units."""

    account: Account
    record: DayRecord
    first: date
    last: date
    conversions: dict[str, int]
    revenue: dict[str, Decimal]
    windows: list[str]

    @property
    def spend(self) -> Decimal:
        return self.record.spend

    @property
    def reach(self) -> int:
        return round(self.record.impressions / self.frequency)

    @property
    def frequency(self) -> float:
        return 1 + 0.04 * min((self.last - self.first).days + 1, 30)


def insights(
    store: MetaStore, account: Account, node: Node | None, params: Params, now: datetime, path: str
) -> Json:
    """The answer of GET <object>/insights; objects without delivery have no row. Raises GraphError."""
    params.only(_KNOWN)
    level = params.choice("level", LEVELS) if "level" in params else node.kind if node else "account"
    first, last = _period(params, now.astimezone(account.zone).date())
    records = [r for r in store.records.values() if _wanted(r, account, node, first, last)]
    rows = list(_rows(store, account, _filtered(records, params), level, first, last, params))
    names = [field.name for field in parse_fields(params.text("fields"))] or ["impressions", "spend"]
    return _page([_shown(store, row, level, names) for row in rows], params, path)


def _wanted(record: DayRecord, account: Account, node: Node | None, first: date, last: date) -> bool:
    ids = (record.campaign_id, record.adset_id, record.ad_id)
    inside = record.account_id == account.id if node is None else node.id in ids
    return inside and first <= record.day <= last and record.impressions > 0


def _filtered(records: list[DayRecord], params: Params) -> list[DayRecord]:
    for entry in params.json("filtering") or []:
        name = str(entry.get("field", "")).replace(".", "_")
        if name not in ("campaign_id", "adset_id", "ad_id") or entry.get("operator") not in ("IN", "EQUAL"):
            raise wrong_param(f"Filtering field {entry.get('field')} is invalid", "filtering")
        value = entry.get("value")
        wanted = {str(v) for v in value} if isinstance(value, list) else {str(value)}
        records = [record for record in records if getattr(record, name) in wanted]
    return records


# Periods


def _period(params: Params, today: date) -> tuple[date, date]:
    if "time_range" not in params:
        return _preset(params.text("date_preset", "last_30d"), today)
    raw = params.mapping("time_range")
    try:
        first, last = date.fromisoformat(raw["since"]), date.fromisoformat(raw["until"])
    except (KeyError, TypeError, ValueError):
        raise wrong_param("Param time_range needs since and until as YYYY-MM-DD", "time_range") from None
    if first > last:
        raise wrong_param("time_range since must not be later than until", "time_range")
    if first < today - timedelta(days=MAX_MONTHS_BACK * 30):
        raise GraphError("(#3018) The start date of the time range cannot be beyond 37 months", 3018)
    return first, last


def _preset(name: str, today: date) -> tuple[date, date]:
    yesterday = today - timedelta(days=1)
    month = today.replace(day=1)
    fixed = {
        "today": (today, today),
        "yesterday": (yesterday, yesterday),
        "this_month": (month, today),
        "last_month": ((month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        "maximum": (today - timedelta(days=MAX_MONTHS_BACK * 30), today),
    }
    days = {f"last_{n}d": (today - timedelta(days=n), yesterday) for n in (3, 7, 14, 28, 30, 90)}
    known = fixed | days
    if name not in known:
        raise wrong_param(f"Param date_preset must be one of {{{', '.join(sorted(known))}}}", "date_preset")
    return known[name]


def _buckets(params: Params, first: date, last: date) -> Iterator[tuple[date, date]]:
    step = params.text("time_increment", "all_days")
    if step == "all_days":
        yield first, last
        return
    if not step.isdigit() or not 1 <= int(step) <= 90:
        raise wrong_param("Param time_increment must be all_days or 1 to 90", "time_increment")
    while first <= last:
        end = min(first + timedelta(days=int(step) - 1), last)
        yield first, end
        first = end + timedelta(days=1)


# Rows


def _rows(
    store: MetaStore,
    account: Account,
    records: list[DayRecord],
    level: str,
    first: date,
    last: date,
    params: Params,
) -> Iterator[Row]:
    windows = params.array("action_attribution_windows") if "action_attribution_windows" in params else []
    for window in windows:
        if window not in WINDOWS:
            allowed = ", ".join(WINDOWS)
            raise wrong_param(
                f"Param action_attribution_windows[0] must be one of {{{allowed}}}",
                "action_attribution_windows",
            )
    for start, end in _buckets(params, first, last):
        groups: dict[str, list[DayRecord]] = defaultdict(list)
        for record in records:
            if start <= record.day <= end:
                groups[getattr(record, f"{level}_id")].append(record)
        for members in groups.values():
            yield _added_up(store, account, members, start, end, windows)


def _added_up(
    store: MetaStore, account: Account, members: list[DayRecord], first: date, last: date, windows: list[str]
) -> Row:
    head = members[0]
    total = DayRecord(head.ad_id, head.adset_id, head.campaign_id, head.account_id, first)
    conversions: dict[str, int] = defaultdict(int)
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for record in members:
        total.spend += record.spend
        total.impressions += record.impressions
        total.clicks += record.clicks
        event = conversion_event(store.nodes[record.adset_id])
        conversions[event] += record.conversions
        revenue[event] += record.revenue
    return Row(account, total, first, last, conversions, revenue, windows)


def conversion_event(adset: Node) -> str:
    promoted = adset.data.get("promoted_object", {})
    return "INSTALL" if "application_id" in promoted else str(promoted.get("custom_event_type", "NONE"))


def _actions(row: Row) -> list[Json] | None:
    counts: list[tuple[str, int]] = []
    if row.record.clicks:
        counts.append(("link_click", row.record.clicks))
    for event, count in row.conversions.items():
        if count:
            counts += [(action, count) for action in _ACTION_TYPES.get(event, _OTHER)]
    return [_windowed(action, count, row.windows) for action, count in counts] or None


def _windowed(action: str, count: int, windows: list[str]) -> Json:
    """The count, and with windows asked for, which part came after a view and which after a click."""
    viewed = count // 8
    parts = {"1d_view": viewed, "7d_click": count - viewed, "28d_click": count - viewed}
    parts["1d_click"] = parts["7d_click"] * 3 // 4
    shown = {window: str(parts[window]) for window in windows if parts.get(window)}
    return {"action_type": action, "value": str(count), **shown}


def _action_values(row: Row) -> list[Json] | None:
    found = [
        {"action_type": action, "value": _money(row, amount)}
        for event, amount in row.revenue.items()
        if event == "PURCHASE" and amount
        for action in _ACTION_TYPES[event]
    ]
    return found or None


def _purchase_roas(row: Row) -> list[Json] | None:
    revenue = row.revenue.get("PURCHASE")
    if not revenue or not row.spend:
        return None
    return [{"action_type": "omni_purchase", "value": f"{revenue / row.spend:.6f}"}]


def _cost_per_action(row: Row) -> list[Json] | None:
    actions = _actions(row) or []
    costs = [
        {"action_type": action["action_type"], "value": f"{row.spend / int(action['value']):.6f}"}
        for action in actions
    ]
    return costs or None


def _money(row: Row, amount: Decimal) -> str:
    return f"{amount:.2f}" if row.account.offset == 100 else f"{amount:.0f}"


def _ratio(above: Decimal | int, below: int) -> str | None:
    return f"{Decimal(above) / below:.6f}" if below else None


_METRICS: dict[str, Callable[[Row], Any]] = {
    "account_id": lambda row: row.account.id,
    "account_name": lambda row: row.account.binding.account_name,
    "account_currency": lambda row: row.account.currency,
    "impressions": lambda row: str(row.record.impressions),
    "reach": lambda row: str(row.reach),
    "frequency": lambda row: f"{row.frequency:.6f}",
    "clicks": lambda row: str(row.record.clicks),
    "inline_link_clicks": lambda row: str(row.record.clicks) if row.record.clicks else None,
    "spend": lambda row: _money(row, row.spend),
    "ctr": lambda row: _ratio(100 * row.record.clicks, row.record.impressions),
    "cpc": lambda row: _ratio(row.spend, row.record.clicks),
    "cpm": lambda row: _ratio(1000 * row.spend, row.record.impressions),
    "actions": _actions,
    "action_values": _action_values,
    "purchase_roas": _purchase_roas,
    "cost_per_action_type": _cost_per_action,
}


def _shown(store: MetaStore, row: Row, level: str, names: Iterable[str]) -> Json:
    shown: Json = {name: _value(store, row, level, name) for name in names}
    shown |= {"date_start": row.first.isoformat(), "date_stop": row.last.isoformat()}
    return {name: value for name, value in shown.items() if value is not None}


def _value(store: MetaStore, row: Row, level: str, name: str) -> Any:
    if name in _METRICS:
        return _METRICS[name](row)
    if name in ("date_start", "date_stop"):
        return None
    owner, _, part = name.partition("_")
    if name in ("objective", "optimization_goal"):
        owner, part = ("campaign" if name == "objective" else "adset"), name
    if owner not in LEVELS[1:] or part not in ("id", "name", "objective", "optimization_goal"):
        raise nonexisting(name, "AdsInsights")
    if LEVELS.index(owner) > LEVELS.index(level):
        return None
    object_id = getattr(row.record, f"{owner}_id")
    return object_id if part == "id" else store.nodes[object_id].data[part]


def _page(rows: list[Json], params: Params, path: str) -> Json:
    """Insights rows page by position; the order is stable while no time passes."""
    start = int(params.text("after", "0") or 0)
    limit = page_size(params.values)
    shown = list(islice(rows, start, start + limit))
    answer: Json = {"data": shown}
    if shown:
        answer["paging"] = {"cursors": {"before": str(start), "after": str(start + len(shown))}}
        if start + limit < len(rows):
            answer["paging"]["next"] = f"https://graph.facebook.com/v26.0/{path}?after={start + limit}"
    return answer
