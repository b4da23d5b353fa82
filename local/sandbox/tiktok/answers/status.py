"""secondary_status and primary_status, computed from parents, review, account and schedule."""

from datetime import datetime

from local.sandbox.tiktok.objects.adgroups import schedule_end, schedule_start
from local.sandbox.tiktok.store import Account, Node, TikTokStore

CLOSED = ("STATUS_LIMIT", "STATUS_DISABLE")


def secondary_status(store: TikTokStore, node: Node, now: datetime) -> str:
    """One of platforms.md 3.5's values for the node's kind. A parent's state wins over the node's own."""
    account = store.accounts[node.account_id]
    if node.kind == "campaign":
        return _campaign(account, node)
    prefix = node.kind.upper()
    held_back = _ended(store, node) or _held_back(store, account, node)
    if node.kind == "adgroup":
        return f"{prefix}_STATUS_{held_back or _adgroup(store, node, now)}"
    return f"{prefix}_STATUS_{held_back or _ad(store, node, now)}"


def primary_status(secondary: str) -> str:
    """The coarse status that belongs to a secondary one."""
    if secondary.endswith("_DELETE"):
        return "STATUS_DELETE"
    if secondary.endswith("_DISABLE"):
        return "STATUS_DISABLE"
    if secondary.endswith(("TIME_DONE", "STATUS_DONE")):
        return "STATUS_TIME_DONE"
    is_running = secondary.endswith(("STATUS_ENABLE", "DELIVERY_OK"))
    return "STATUS_DELIVERY_OK" if is_running else "STATUS_NOT_DELIVERY"


def may_deliver(store: TikTokStore, ad: Node, now: datetime) -> bool:
    """Whether the ad runs; its ad group may be shown as reviewed because of other ads."""
    adgroup = store.nodes[ad.data["adgroup_id"]]
    starts_later = now < schedule_start(adgroup.data)
    running = secondary_status(store, ad, now) == "AD_STATUS_DELIVERY_OK"
    return running and not starts_later and now < schedule_end(adgroup.data)


def _campaign(account: Account, node: Node) -> str:
    if node.gone:
        return "CAMPAIGN_STATUS_DELETE"
    if account.status in CLOSED:
        return "ADVERTISER_ACCOUNT_PUNISH"
    return f"CAMPAIGN_STATUS_{node.operation_status}"


def _ended(store: TikTokStore, node: Node) -> str | None:
    if _parent(store, node, "campaign").gone:
        return "CAMPAIGN_DELETE" if node.kind == "adgroup" else "DELETE"
    return "DELETE" if node.gone else None


def _held_back(store: TikTokStore, account: Account, node: Node) -> str | None:
    if _parent(store, node, "campaign").operation_status == "DISABLE":
        return "CAMPAIGN_DISABLE"
    if node.kind == "ad" and _parent(store, node, "adgroup").operation_status == "DISABLE":
        return "ADGROUP_DISABLE"
    if node.operation_status == "DISABLE":
        return "DISABLE"
    return "BALANCE_EXCEED" if account.balance <= 0 else None


def _adgroup(store: TikTokStore, node: Node, now: datetime) -> str:
    ads = [ad for ad in store.children(node, "ad") if not ad.gone]
    if not ads:
        return "CREATE"
    if now >= schedule_end(node.data):
        return "TIME_DONE"
    if now < schedule_start(node.data):
        return "NOT_START"
    return _reviews([_review(ad, now) for ad in ads])


def _reviews(found: list[str]) -> str:
    """The review state of an ad group, from those of its ads."""
    if len(set(found)) == 1:
        return found[0]
    return "PARTIAL_AUDIT_DELIVERY_OK" if "DELIVERY_OK" in found else "PARTIAL_AUDIT_NO_DELIVERY"


def _ad(store: TikTokStore, node: Node, now: datetime) -> str:
    if now >= schedule_end(_parent(store, node, "adgroup").data):
        return "DONE"
    return _review(node, now)


def _review(ad: Node, now: datetime) -> str:
    if now < ad.review_ends():
        return "REAUDIT" if ad.data.get("edited") else "AUDIT"
    return "AUDIT_DENY" if ad.refusal else "DELIVERY_OK"


def _parent(store: TikTokStore, node: Node, level: str) -> Node:
    return store.nodes[node.data[f"{level}_id"]]
