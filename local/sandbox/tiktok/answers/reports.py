"""Synchronous reports: delivered days added up by level and, if asked, by day."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from local.sandbox.core.records import DayRecord, Level, added_up
from local.sandbox.tiktok.answers.listing import paged
from local.sandbox.tiktok.errors import Json, wrong
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account, Kind, Node, TikTokStore

LEVELS: dict[str, tuple[Level, Kind]] = {
    "AUCTION_CAMPAIGN": ("campaign", "campaign"),
    "AUCTION_ADGROUP": ("adset", "adgroup"),
    "AUCTION_AD": ("ad", "ad"),
}
DAILY = "stat_time_day"
MAX_DAYS, MAX_DAYS_DAILY = 365, 30
_FILTERS = ("campaign_ids", "adgroup_ids", "ad_ids", "ad_ids_v2")

_UNDER_AD = {"AUCTION_ADGROUP": {"campaign_id"}, "AUCTION_AD": {"campaign_id", "adgroup_id"}}
METRICS: dict[str, Callable[[DayRecord, str], str]] = {
    "campaign_id": lambda total, _: total.campaign_id,
    "adgroup_id": lambda total, _: total.adset_id,
    "spend": lambda total, _: f"{total.spend:.3f}",
    "impressions": lambda total, _: str(total.impressions),
    "clicks": lambda total, _: str(total.clicks),
    "ctr": lambda total, _: _ratio(100 * total.clicks, total.impressions),
    "cpc": lambda total, _: _ratio(total.spend, total.clicks),
    "cpm": lambda total, _: _ratio(1000 * total.spend, total.impressions),
    "conversion": lambda total, _: str(total.conversions),
    "real_time_conversion": lambda total, _: str(total.conversions),
    "complete_payment": lambda total, event: str(total.conversions if event == "SHOPPING" else 0),
    # The VALUE of the payments, whatever its name says.
    "total_complete_payment_rate": lambda total, event: f"{total.revenue if event == 'SHOPPING' else 0:.3f}",
    "total_purchase_value": lambda total, event: f"{total.revenue if event == 'INSTALL' else 0:.3f}",
}


def report(store: TikTokStore, account: Account, params: Params, today: date, overlap: int = 0) -> Json:
    """report/integrated/get/: every live object of the level has its row, of zeros if need be."""
    params.only(
        {
            "report_type",
            "data_level",
            "dimensions",
            "metrics",
            "start_date",
            "end_date",
            "filtering",
            "page",
            "page_size",
        }
    )
    params.choice("report_type", ("BASIC",))
    level, kind = LEVELS[params.choice("data_level", LEVELS)]
    id_name, is_daily = _dimensions(params, kind)
    first, last = _period(params, is_daily)
    metrics = _metrics(params)
    foreign = {"campaign_id", "adgroup_id"} & set(metrics) - _UNDER_AD.get(params.text("data_level"), set())
    if foreign:
        raise wrong(f"metrics: {min(foreign)} is not supported at this data level.")
    nodes = [node for node in _nodes(store, account, kind, id_name) if _wanted(node, params)]
    by_node: dict[str, list[DayRecord]] = defaultdict(list)
    for record in store.records.values():
        if first <= record.day <= last:
            by_node[record.id_at(level)].append(record)
    rows = [
        _row(store, node, by_node[node.id], id_name, days, is_daily, metrics, today)
        for node in nodes
        for days in _spans(first, last, is_daily)
    ]
    return paged(rows, params, overlap)


def _dimensions(params: Params, kind: Kind) -> tuple[str, bool]:
    names = [str(name) for name in params.listed("dimensions")]
    ids = {f"{kind}_id"} | ({"ad_id_v2"} if kind == "ad" else set())
    found = [name for name in names if name in ids]
    if len(found) != 1 or not set(names) <= ids | {DAILY}:
        raise wrong(f"dimensions: Must hold one of {', '.join(sorted(ids))}, and may hold {DAILY}.")
    return found[0], DAILY in names


def _period(params: Params, is_daily: bool) -> tuple[date, date]:
    try:
        first, last = (date.fromisoformat(params.required(f"{edge}_date")) for edge in ("start", "end"))
    except ValueError:
        raise wrong("start_date: Not a valid date.") from None
    longest = MAX_DAYS_DAILY if is_daily else MAX_DAYS
    if not timedelta() <= last - first < timedelta(days=longest):
        raise wrong(f"end_date: The range must be at most {longest} days.")
    return first, last


def _metrics(params: Params) -> list[str]:
    names = [str(name) for name in params.listed("metrics")]
    if not names or not set(names) <= METRICS.keys():
        raise wrong(f"metrics: Must be among: {', '.join(METRICS)}.")
    return names


def _nodes(store: TikTokStore, account: Account, kind: Kind, id_name: str) -> list[Node]:
    """Deleted objects are left out. Smart+ ads show only under their own id."""
    nodes = [node for node in store.of_kind(account.id, kind) if not node.gone]
    return [node for node in nodes if id_name != "ad_id" or node.family == "manual"]


def _wanted(node: Node, params: Params) -> bool:
    for entry in params.entries("filtering", 0, 10):
        name = entry.choice("field_name", _FILTERS)
        entry.choice("filter_type", ("IN",))
        owner = name.removesuffix("_v2").removesuffix("_ids")
        own = node.id if node.kind == owner else node.data.get(f"{owner}_id")
        if own not in [str(value) for value in entry.listed("filter_value")]:
            return False
    return True


def _spans(first: date, last: date, is_daily: bool) -> Iterator[tuple[date, date]]:
    if not is_daily:
        yield first, last
        return
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        yield day, day


def _row(
    store: TikTokStore,
    node: Node,
    delivered: list[DayRecord],
    id_name: str,
    days: tuple[date, date],
    is_daily: bool,
    metrics: list[str],
    today: date,
) -> Json:
    records = [record.known(today) for record in delivered if days[0] <= record.day <= days[1]]
    total = added_up(records, _head(node, days[0]))
    event = _event(store, records)
    # Ids are numbers here, unlike everywhere else.
    dimensions = {id_name: int(node.id)} | ({DAILY: f"{days[0]} 00:00:00"} if is_daily else {})
    return {"dimensions": dimensions, "metrics": {name: METRICS[name](total, event) for name in metrics}}


def _head(node: Node, day: date) -> DayRecord:
    """The ids of the node and of those above it; its own stands for what is below."""
    campaign_id = str(node.data.get("campaign_id", node.id))
    return DayRecord(node.id, str(node.data.get("adgroup_id", node.id)), campaign_id, node.account_id, day)


def _event(store: TikTokStore, records: list[DayRecord]) -> str:
    """The events that count as a conversion; all ad groups of a campaign have the same."""
    if not records:
        return "NONE"
    adgroup = store.nodes[records[0].adset_id].data
    return "INSTALL" if "app_id" in adgroup else str(adgroup.get("optimization_event", "NONE"))


def _ratio(above: Decimal | int, below: int) -> str:
    return f"{Decimal(above) / below:.2f}" if below else "0.00"
