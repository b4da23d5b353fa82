"""`GET /debug_token`: what Meta tells an app of a token.

https://developers.facebook.com/docs/graph-api/reference/v26.0/debug_token
"""

from datetime import MAXYEAR, UTC, datetime
from typing import Any

from local.sandbox.core.accounts import Accounts
from local.sandbox.meta import errors
from local.sandbox.meta.params import Params
from local.sandbox.seeds import META_APP_ID, META_APP_SECRET

PATH = "debug_token"
NEVER = datetime(MAXYEAR, 1, 1, tzinfo=UTC)  # of a system user's token


def debugged(accounts: Accounts, params: Params, now: datetime) -> Any:
    """Return {"data"} about `input_token` for the app's own token. Raises GraphError for any other caller."""
    if params.text("access_token") != f"{META_APP_ID}|{META_APP_SECRET}":
        raise errors.unparsable_token()
    bindings = accounts.by_token("meta", params.text("input_token"))
    if not bindings:
        refused = {"code": 190, "message": "Invalid OAuth access token."}
        return {"data": {"error": refused, "is_valid": False, "scopes": []}}
    ends = bindings[0].token_expires_at
    seconds = 0 if ends == NEVER else int(ends.timestamp())
    return {
        "data": {
            "app_id": META_APP_ID,
            "type": "USER" if seconds else "SYSTEM_USER",
            "application": "Campaign Automation",
            "expires_at": seconds,
            "data_access_expires_at": seconds,
            "is_valid": not bindings[0].expired(now),
            "scopes": ["ads_management", "ads_read", "business_management"],
            "user_id": str(bindings[0].user_id),
        }
    }
