"""Objects as the Business API shows them."""

from datetime import datetime

from local.sandbox.tiktok.answers.status import primary_status, secondary_status
from local.sandbox.tiktok.errors import Json
from local.sandbox.tiktok.objects.adgroups import AGE_GROUPS
from local.sandbox.tiktok.objects.splits import split_fields
from local.sandbox.tiktok.store import AUTOMATION, Node, TikTokStore

_TIME = "%Y-%m-%d %H:%M:%S"


def shown(store: TikTokStore, node: Node, now: datetime) -> Json:
    """A campaign, ad group or ad with its own data, its parents' names and its states."""
    secondary = secondary_status(store, node, now)
    view: Json = {
        "advertiser_id": node.account_id,
        id_name(node): node.id,
        **node.data,
        **_parent_names(store, node),
        "operation_status": node.operation_status,
        "secondary_status": secondary,
        "campaign_automation_type": AUTOMATION[node.family],
        "create_time": node.created.strftime(_TIME),
        "modify_time": node.updated.strftime(_TIME),
    }
    if node.kind == "campaign":
        view["objective_type"] = _objective(node.data["objective_type"])
    if node.kind == "adgroup":
        view |= split_fields(store, node, now)
        # The windows of an ad group that was made without any.
        view.setdefault("click_attribution_window", "SEVEN_DAYS")
        view.setdefault("view_attribution_window", "ONE_DAY")
        view["scheduled_budget"] = float(node.next_budget[1]) if node.next_budget else 0
        _write_ages(view)
    return view


def _write_ages(view: Json) -> None:
    """Show all age groups together as none."""
    holder = "targeting_spec" if view.get("targeting_spec") else None
    targeting = view[holder] if holder else view
    if set(targeting.get("age_groups") or ()) == set(AGE_GROUPS):
        view |= {holder: targeting | {"age_groups": None}} if holder else {"age_groups": None}


def has_primary(store: TikTokStore, node: Node, now: datetime, wanted: str) -> bool:
    """Whether the node falls under a primary_status filter."""
    if wanted == "STATUS_ALL":
        return True
    primary = primary_status(secondary_status(store, node, now))
    return primary != "STATUS_DELETE" if wanted == "STATUS_NOT_DELETE" else primary == wanted


def id_name(node: Node) -> str:
    """Smart+ ads carry an id of a kind of their own."""
    if node.kind == "ad" and node.family == "smart_plus":
        return "smart_plus_ad_id"
    return f"{node.kind}_id"


def _objective(objective: str) -> str:
    """Traffic campaigns read back under another name."""
    return "LANDING_PAGE" if objective == "TRAFFIC" else objective


def _parent_names(store: TikTokStore, node: Node) -> Json:
    parents = [
        store.nodes[node.data[f"{kind}_id"]] for kind in ("campaign", "adgroup") if f"{kind}_id" in node.data
    ]
    return {f"{parent.kind}_name": parent.data[f"{parent.kind}_name"] for parent in parents}
