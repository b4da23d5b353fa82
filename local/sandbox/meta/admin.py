"""The admin API's view of Meta: fields of accounts, plain accounts, refusals of ads."""

from datetime import datetime, timedelta

from local.sandbox.meta.store import Account, Json
from local.sandbox.meta.tokens import NEVER
from local.sandbox.seeds import MetaSeed

PATCHED = frozenset(
    {
        "account_status",
        "audiences",
        "currency",
        "default_dsa_beneficiary",
        "default_dsa_payor",
        "disable_reason",
        "has_business",
        "has_catalog",
        "locale",
        "min_daily_budget",
        "pages",
        "pixels",
        "rate_limit_calls",
        "spend_bursts",
        "timezone_name",
    }
)


def patch_token(account: Account, changes: Json, now: datetime) -> None:
    """`token_days` moves the expiry of the account's token (None: it has none), `token` replaces it."""
    if "token_days" in changes:
        days = changes["token_days"]
        account.binding.token_expires_at = NEVER if days is None else now + timedelta(days=days, minutes=5)
    account.binding.access_token = changes.get("token", account.binding.access_token)


def default_seed(number: int, digits: str, user_id: int) -> MetaSeed:
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


def refusal(changes: Json) -> Json:
    """`ad_review_feedback` of a disapproved ad; with "placement" it is refused there only."""
    policy = str(changes.get("policy", "Unacceptable Business Practices"))
    reasons = {policy: str(changes.get("text", "The ad does not follow our policies."))}
    if "placement" in changes:
        return {"placement_specific": {str(changes["placement"]): reasons}}
    return {"global": reasons}
