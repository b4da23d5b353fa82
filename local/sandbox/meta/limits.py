"""The platform's rate limits: a rolling hour of calls per ad account."""

import json
import math
from collections import defaultdict, deque
from datetime import datetime, timedelta

from local.sandbox.meta.errors import too_many_calls
from local.sandbox.meta.store import Account

WINDOW = timedelta(hours=1)
INSIGHTS_CODE, MANAGEMENT_CODE = 80000, 80004


class UsageMeter:
    """Counts calls per account on the virtual clock."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[datetime]] = defaultdict(deque)

    def count(self, account: Account, now: datetime, operation: str) -> None:
        """Counts one call. Raises GraphError 80004 or 80000 beyond the account's limit."""
        calls = self._calls[account.id]
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= account.rate_limit_calls:
            raise too_many_calls(code_for(operation), self.headers(account, now, operation))
        calls.append(now)

    def headers(self, account: Account, now: datetime, operation: str) -> dict[str, str]:
        """The usage headers; none while usage is below one percent."""
        calls = self._calls[account.id]
        percent = min(100, math.floor(100 * len(calls) / max(account.rate_limit_calls, 1)))
        if percent < 1 and calls:
            return {}
        wait = calls[0] + WINDOW - now if calls and percent >= 100 else timedelta()
        return usage_headers(account.business_id, percent, math.ceil(wait.total_seconds() / 60), operation)


def code_for(operation: str) -> int:
    return INSIGHTS_CODE if operation == "insights" else MANAGEMENT_CODE


def usage_headers(business_id: str, percent: int, wait_minutes: int, operation: str) -> dict[str, str]:
    load = {"call_count": percent, "total_cputime": percent // 2, "total_time": percent // 2}
    kind = "ads_insights" if operation == "insights" else "ads_management"
    business = {
        "type": kind,
        **load,
        "estimated_time_to_regain_access": wait_minutes,
        "ads_api_access_tier": "standard_access",
    }
    return {
        "X-App-Usage": json.dumps(load),
        "X-Business-Use-Case-Usage": json.dumps({business_id: [business]}),
    }
