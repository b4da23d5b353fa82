"""The admin API's view of TikTok: fields of accounts, plain accounts, refusals of ads."""

from local.sandbox.core.store import Json
from local.sandbox.seeds import TikTokSeed

PATCHED = frozenset(
    {
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
)


def default_seed(number: int, advertiser_id: str, user_id: int) -> TikTokSeed:
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


def refusal(changes: Json) -> Json:
    """`reject_info` of a disapproved ad."""
    return {"reasons": [str(changes.get("text", "Against the policies."))], "suggestion": "Change the ad."}
