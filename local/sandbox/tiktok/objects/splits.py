"""Split tests of two ad groups."""

from datetime import UTC, datetime

from local.sandbox.tiktok.errors import Json, TikTokError, not_found, wrong
from local.sandbox.tiktok.objects.campaigns import TOTAL
from local.sandbox.tiktok.objects.money import read_budget
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account, Node, Split, TikTokStore

VARIABLES = ("BIDDING_OPTIMIZATION", "CREATIVE", "CUSTOM", "TARGTING")
METRICS = ("CLICK_THROUGH_RATE", "CONVERT_RATE", "COST_PER_CLICK", "COST_PER_CONVERT", "UNSET")
_TIME = "%Y-%m-%d %H:%M:%S"
_CREATE = {
    "split_test_level",
    "object_ids",
    "test_variable",
    "key_metric",
    "budget",
    "start_time",
    "end_time",
}


def new_split(store: TikTokStore, account: Account, params: Params, now: datetime) -> Split:
    """split_test/create/: the budget is that of both ad groups and overwrites theirs. Raises TikTokError."""
    params.only(_CREATE)
    if params.choice("split_test_level", ("ADGROUP", "CAMPAIGN"), "ADGROUP") == "CAMPAIGN":
        raise TikTokError(40113, "Campaign level split tests need an allowlist.")
    params.choice("test_variable", VARIABLES)
    params.choice("key_metric", METRICS, "UNSET")
    start, end = (_moment(params, f"{edge}_time") for edge in ("start", "end"))
    if end <= start:
        raise wrong("end_time: The end must be after the start.")
    groups = _groups(store, account, params, now)
    total = read_budget(params, account, "adgroup", days=2)  # two ad groups share it
    for group in groups:
        group.data["budget"] = float(total / 2)
    split = Split(store.next_id(), account.id, [group.id for group in groups], start, end)
    store.splits[split.id] = split
    return split


def end_split(store: TikTokStore, split: Split, now: datetime) -> None:
    """split_test/end/: both ad groups stop with it. Raises TikTokError."""
    if split.status(now) in ("CANCELLED", "COMPLETED"):
        raise wrong("split_test_group_id: The split test has already ended.")
    split.ended = True
    for group in (store.nodes[group_id] for group_id in split.adgroup_ids):
        if not group.gone:
            group.operation_status = "DISABLE"


def split_fields(store: TikTokStore, node: Node, now: datetime) -> Json:
    """The fields by which an ad group names the test that it is in."""
    for split in store.splits.values():
        if node.id in split.adgroup_ids and not split.ended:
            return {"split_test_group_id": split.id, "split_test_status": split.status(now)}
    return {}


def _groups(store: TikTokStore, account: Account, params: Params, now: datetime) -> list[Node]:
    ids = params.ids("object_ids", 2)
    if len(set(ids)) != 2:
        raise wrong("object_ids: A split test needs two ad groups.")
    groups = []
    for group_id in ids:
        group = store.own(account, "adgroup", group_id)
        if group is None or group.gone:
            raise not_found("ad group", group_id)
        if group.family != "manual" or group.data["budget_mode"] == TOTAL:
            raise wrong(f"object_ids: The ad group {group_id} does not support split tests.")
        if split_fields(store, group, now):
            raise wrong(f"object_ids: The ad group {group_id} is in a split test.")
        groups.append(group)
    return groups


def _moment(params: Params, name: str) -> datetime:
    try:
        return datetime.strptime(params.required(name), _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise wrong(f"{name}: Not a valid datetime.") from None
