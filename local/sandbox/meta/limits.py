"""The platform's rate limits: a rolling hour of calls per ad account."""

import json
import math
from datetime import datetime, timedelta

from local.sandbox.core.limits import RollingWindow
from local.sandbox.meta.errors import too_many_calls
from local.sandbox.meta.store import Account

INSIGHTS_CODE, MANAGEMENT_CODE = 80000, 80004


class UsageMeter:
    """Counts calls per account on the virtual clock."""

    def __init__(self) -> None:
        self._window = RollingWindow(timedelta(hours=1))

    def count(self, account: Account, now: datetime, operation: str) -> None:
        """Count one call. Raises GraphError 80004 or 80000 beyond the account's limit."""
        if len(self._window.calls(account.id, now)) >= account.rate_limit_calls:
            raise too_many_calls(code_for(operation), self.headers(account, now, operation))
        self._window.add(account.id, now)

    def headers(self, account: Account, now: datetime, operation: str) -> dict[str, str]:
        """The usage headers; none while usage is below one percent."""
        calls = self._window.calls(account.id, now)
        percent = min(100, math.floor(100 * len(calls) / max(account.rate_limit_calls, 1)))
        if percent < 1 and calls:
            return {}
        wait = calls[0] + self._window.length - now if calls and percent >= 100 else timedelta()
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
