"""effective_status and what explains it, computed from parents, review and account."""

from datetime import datetime

from local.sandbox.meta.store import Account, Json, MetaStore, Node

UNPAID = (3, 8, 9)
CLOSED = (2, 7, 100, 101)


def effective_status(store: MetaStore, node: Node, now: datetime) -> str:
    """One of platforms.md 2.3's values for the node's kind."""
    if node.gone or node.kind not in ("campaign", "adset", "ad"):
        return node.status
    account = store.accounts[node.account_id]
    held_back = _review_status(node, now) or _account_status(account, node)
    if held_back is None and has_lost_image(store, node):
        held_back = "WITH_ISSUES"
    return held_back or _paused_by(store, node) or "ACTIVE"


def _review_status(node: Node, now: datetime) -> str | None:
    if node.kind != "ad":
        return None
    if now < node.review_ends():
        return "PENDING_REVIEW"
    return "DISAPPROVED" if node.refusal else None


def has_lost_image(store: MetaStore, node: Node) -> bool:
    """Whether somebody removed the ad's image from the account's library."""
    if node.kind != "ad":
        return False
    story = store.nodes[node.data["creative_id"]].data["object_story_spec"]
    image_hash = story.get("link_data", {}).get("image_hash")
    return bool(image_hash) and store.image(node.account_id, image_hash) is None


def _account_status(account: Account, node: Node) -> str | None:
    if account.account_status in CLOSED:
        return "WITH_ISSUES"
    if account.account_status in UNPAID and node.kind == "ad":
        return "PENDING_BILLING_INFO"
    return None


def _paused_by(store: MetaStore, node: Node) -> str | None:
    if node.status == "PAUSED":
        return "PAUSED"
    if _parent_paused(store, node, "campaign"):
        return "CAMPAIGN_PAUSED"
    return "ADSET_PAUSED" if _parent_paused(store, node, "adset") else None


def _parent_paused(store: MetaStore, node: Node, level: str) -> bool:
    parent = store.nodes.get(node.data.get(f"{level}_id", ""))
    return parent is not None and parent.status == "PAUSED"


def issues(store: MetaStore, node: Node, now: datetime) -> list[Json] | None:
    """`issues_info` of a node that is WITH_ISSUES."""
    if effective_status(store, node, now) != "WITH_ISSUES":
        return None
    level = {"campaign": "CAMPAIGN", "adset": "AD_SET", "ad": "AD"}[node.kind]
    found = {"level": level, "error_type": "HARD_ERROR"}
    if has_lost_image(store, node):
        return [found | _LOST_IMAGE]
    return [found | _DISABLED]


_LOST_IMAGE = {
    "error_code": 2490408,
    "error_summary": "Image Not Found",
    "error_message": "The image of this ad was removed from the account's library.",
}
_DISABLED = {
    "error_code": 1359188,
    "error_summary": "Ad Account Disabled",
    "error_message": "Ads cannot run because the ad account is disabled.",
}


def may_deliver(store: MetaStore, ad: Node, now: datetime) -> bool:
    return effective_status(store, ad, now) == "ACTIVE"
