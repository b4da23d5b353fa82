"""What the admin API may change on Meta."""

from datetime import UTC, datetime, timedelta

from local.sandbox.core.accounts import TOKEN_LIFETIME
from local.sandbox.meta.store import Account, Json, MetaStore
from local.sandbox.seeds import MetaSeed

_PLAIN = {
    "account_status",
    "audiences",
    "currency",
    "default_dsa_beneficiary",
    "default_dsa_payor",
    "disable_reason",
    "has_business",
    "locale",
    "min_daily_budget",
    "pages",
    "pixels",
    "rate_limit_calls",
    "timezone_name",
}


def patch(account: Account, changes: Json, now: datetime) -> None:
    """Sets fields of the account; `token_expired` and `token_days` move its token's expiry, `token` replaces
    it. Raises ValueError."""
    unknown = changes.keys() - _PLAIN - {"user_id", "token_expired", "token_days", "token"}
    if unknown:
        raise ValueError(f"unknown account fields: {sorted(unknown)}")
    for name in _PLAIN & changes.keys():
        setattr(account, name, changes[name])
    if "token_expired" in changes:
        left = timedelta(days=-1) if changes["token_expired"] else TOKEN_LIFETIME
        account.binding.token_expires_at = now + left
    if "token_days" in changes:
        account.binding.token_expires_at = now + timedelta(days=changes["token_days"], minutes=5)
    account.binding.access_token = changes.get("token", account.binding.access_token)


def default_seed(number: int, digits: str, user_id: int) -> MetaSeed:
    """A plain account for a user who gets one by the admin API."""
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


def set_review(store: MetaStore, ad_id: str, changes: Json) -> Json:
    """{"outcome": "approved" or "disapproved", "policy"?, "text"?}: ends one ad's review at once.

    Raises LookupError for an unknown ad, ValueError for another outcome.
    """
    ad = store.nodes.get(ad_id)
    if ad is None or ad.kind != "ad":
        raise LookupError(f"no ad {ad_id}")
    if changes.get("outcome") not in ("approved", "disapproved"):
        raise ValueError("outcome must be approved or disapproved")
    ad.submitted = datetime.fromtimestamp(0, UTC)
    policy = str(changes.get("policy", "Unacceptable Business Practices"))
    text = str(changes.get("text", "The ad does not follow our policies."))
    ad.refusal = {"global": {policy: text}} if changes["outcome"] == "disapproved" else None
    return {"id": ad_id, "outcome": changes["outcome"]}
