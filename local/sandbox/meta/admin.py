"""What the admin API may change on Meta."""

from datetime import datetime
from typing import Any

from local.sandbox.meta.graph import Graph, expire_token
from local.sandbox.meta.store import Account, Json
from local.sandbox.seeds import MetaSeed

_PLAIN = {
    "currency",
    "timezone_name",
    "account_status",
    "disable_reason",
    "min_daily_budget",
    "pages",
    "pixels",
    "audiences",
    "default_dsa_beneficiary",
    "default_dsa_payor",
    "rate_limit_calls",
    "locale",
}


def patch_account(graph: Graph, account_id: str, changes: Json) -> Json:
    """Changes an account, or creates it when `user_id` is given. Raises LookupError and ValueError."""
    unknown = changes.keys() - _PLAIN - {"user_id", "token_expired"}
    if unknown:
        raise ValueError(f"unknown account fields: {sorted(unknown)}")
    now = graph.world.clock.now()
    digits = account_id.removeprefix("act_")
    account = graph.store.accounts.get(digits)
    if account is None:
        if "user_id" not in changes:
            raise LookupError(f"no account {account_id}; give user_id to create it")
        account = graph.add_account(_seed(graph, digits, int(changes["user_id"])), now)
    _apply(account, changes, now)
    return {"id": f"act_{digits}", "ad_account_id": account.binding.number}


def set_review(graph: Graph, ad_id: str, changes: Json) -> Json:
    """{"outcome": "approved"|"disapproved", "policy"?, "text"?}: ends the review of one ad at once."""
    ad = graph.store.nodes.get(ad_id)
    if ad is None or ad.kind != "ad":
        raise LookupError(f"no ad {ad_id}")
    if changes.get("outcome") not in ("approved", "disapproved"):
        raise ValueError("outcome must be approved or disapproved")
    ad.submitted = datetime.fromtimestamp(0, tz=graph.world.clock.now().tzinfo)
    policy = str(changes.get("policy", "Unacceptable Business Practices"))
    text = str(changes.get("text", "The ad does not follow our policies."))
    ad.refusal = {"global": {policy: text}} if changes["outcome"] == "disapproved" else None
    return {"id": ad_id, "outcome": changes["outcome"]}


def _seed(graph: Graph, digits: str, user_id: int) -> MetaSeed:
    number = graph.world.accounts.next_number()
    return MetaSeed(
        number=number,
        user_id=user_id,
        digits=digits,
        name=f"Account {number}",
        currency="USD",
        timezone_name="UTC",
        page_id=f"3{number:014d}",
        pixel_id=f"4{number:014d}",
        token=f"sandbox-meta-token-{user_id}",
    )


def _apply(account: Account, changes: Json, now: datetime) -> None:
    for name in _PLAIN & changes.keys():
        value: Any = changes[name]
        setattr(account, name, value)
    if "token_expired" in changes:
        expire_token(account, now, expired=bool(changes["token_expired"]))
