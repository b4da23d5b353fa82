"""Reviews of ads: their length, and their end by the admin API."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

REVIEW_TIME = timedelta(hours=1)
LONG_AGO = datetime.fromtimestamp(0, UTC)


def is_refused(changes: Mapping[str, Any]) -> bool:
    """Whether {"outcome": "approved" or "disapproved"} refuses the ad. Raises ValueError for another."""
    if changes.get("outcome") not in ("approved", "disapproved"):
        raise ValueError("outcome must be approved or disapproved")
    return bool(changes["outcome"] == "disapproved")
