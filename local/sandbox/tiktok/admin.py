"""What the admin API may change on TikTok."""

from datetime import UTC, datetime, timedelta

from local.sandbox.core.accounts import TOKEN_LIFETIME
from local.sandbox.seeds import TikTokSeed
from local.sandbox.tiktok.errors import Json
from local.sandbox.tiktok.store import Account, TikTokStore

_PLAIN = {
    "ads_per_adgroup",
    "apps",
    "audiences",
    "balance",
    "calls_per_minute",
    "currency",
    "display_timezone",
    "identities",
    "pixels",
    "smart_plus_allowed",
    "status",
}


def patch(account: Account, changes: Json, now: datetime) -> None:
    """Sets fields of the account; `token_expired` moves its token's expiry. Raises ValueError."""
    unknown = changes.keys() - _PLAIN - {"user_id", "token_expired"}
    if unknown:
        raise ValueError(f"unknown account fields: {sorted(unknown)}")
    for name in _PLAIN & changes.keys():
        setattr(account, name, changes[name])
    if "token_expired" in changes:
        left = timedelta(days=-1) if changes["token_expired"] else TOKEN_LIFETIME
        account.binding.token_expires_at = now + left


def default_seed(number: int, advertiser_id: str, user_id: int) -> TikTokSeed:
    """A plain account for a user who gets one by the admin API."""
    return TikTokSeed(
        number=number,
        user_id=user_id,
        advertiser_id=advertiser_id,
        name=f"Account {number}",
        currency="USD",
        time_zone="UTC",
        identity_id=f"71{number:014d}",
        pixel_id=f"73{number:014d}",
        token=f"sandbox-tiktok-token-{user_id}",
    )


def set_review(store: TikTokStore, ad_id: str, changes: Json) -> Json:
    """{"outcome": "approved" or "disapproved", "text"?}: ends one ad's review at once.

    Raises LookupError for an unknown ad, ValueError for another outcome.
    """
    ad = store.nodes.get(ad_id)
    if ad is None or ad.kind != "ad":
        raise LookupError(f"no ad {ad_id}")
    if changes.get("outcome") not in ("approved", "disapproved"):
        raise ValueError("outcome must be approved or disapproved")
    ad.submitted = datetime.fromtimestamp(0, UTC)
    refusal = {"reasons": [str(changes.get("text", "Against the policies."))], "suggestion": "Change the ad."}
    ad.refusal = refusal if changes["outcome"] == "disapproved" else None
    return {"id": ad_id, "outcome": changes["outcome"]}
