"""Meta's errors as ours: by code and subcode, never by text where a code exists (user texts are localised).

Source: platforms.md section 2.6, after the vendor's "Error codes" and "Rate Limits" pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.adapters.meta.facts import PLATFORM
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)

_RATE_LIMITS = {4, 17, 32, 613, *range(80000, 80015)}
_PERMISSIONS = {3, 10, *range(200, 300)}
# Subcodes of error 100 that say more than "invalid parameter", with our codes.
_INVALID_PARAMETER_CODES = {33: "5000", 1885183: "1004", 1487390: "6003", 3858495: "6005"}

unavailable = partial(outcome_unknown, PLATFORM)


def translate(error: Mapping[str, Any], http_status: int | None, headers: Mapping[str, str]) -> PlatformError:
    """Return our error for the `error` member of Meta's body.

    A transient failure says `outcome_unknown`: Meta may have acted before it failed.
    """
    code, subcode = error.get("code"), error.get("error_subcode")
    facts = _facts(error, headers)
    text = str(error.get("message", ""))
    if code == 190 or code in {102, 104}:
        return _auth(code, subcode, text, facts)
    if code in _RATE_LIMITS:
        retry_after = _regain_seconds(headers)
        return PlatformRateLimitError(_say(error), platform=PLATFORM, retry_after=retry_after, **facts)
    if code in _PERMISSIONS:
        return PlatformAuthError(_say(error), platform=PLATFORM, code="1004", **facts)
    if code == 368:
        return PlatformRejectedError(_say(error), platform=PLATFORM, code="6005", **facts)
    if code == 100 and not _is_server_side(http_status):
        return _invalid_parameter(error, subcode, text, facts)
    if code in {2500, 2635}:
        return PlatformRejectedError(_say(error), platform=PLATFORM, code="1001", **facts)
    return _fault(error, http_status, facts)


def _auth(code: int | None, subcode: int | None, text: str, facts: dict[str, Any]) -> PlatformError:
    needs_person = subcode == 459 or (subcode is None and "permission(s) must be granted" in text)
    if code == 104:
        ours, text = "1002", "the app secret does not fit the token: check the secret's app_secret"
    elif code == 190 and needs_person:
        ours, text = "1004", "the token is valid but lacks a permission: its owner must act on Meta"
    else:
        ours, text = "6001", "the ad account's token is no longer valid: connect the account again"
    return PlatformAuthError(f"meta: {text}", platform=PLATFORM, code=ours, **facts)


def _invalid_parameter(
    error: Mapping[str, Any], subcode: int | None, text: str, facts: dict[str, Any]
) -> PlatformError:
    ours = _INVALID_PARAMETER_CODES.get(subcode or 0, "1001")
    if "Missing permissions" in text:
        return PlatformAuthError(_say(error), platform=PLATFORM, code="1004", **facts)
    if subcode == 1504018:  # an insights query that ran out of time
        return PlatformUnavailableError(_say(error), platform=PLATFORM, **facts)
    return PlatformRejectedError(_say(error), platform=PLATFORM, code=ours, **facts)


def _fault(error: Mapping[str, Any], http_status: int | None, facts: dict[str, Any]) -> PlatformError:
    code, transient = error.get("code"), error.get("is_transient")
    if "reduce the amount of data" in str(error.get("message", "")):
        return PlatformUnavailableError(_say(error), platform=PLATFORM, reduce_page=True, **facts)
    is_fault = (
        transient or _is_server_side(http_status) or code in {-2, 2} or (code == 1 and transient is None)
    )
    if is_fault and transient is not False:
        return unavailable(_say(error), **facts)
    return PlatformRejectedError(_say(error), platform=PLATFORM, code="4002", retryable=False, **facts)


def _is_server_side(http_status: int | None) -> bool:
    return http_status is not None and http_status >= 500


def _say(error: Mapping[str, Any]) -> str:
    return f"meta: {error.get('error_user_msg') or error.get('message') or 'no reason given'}"


def _facts(error: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    subcode = error.get("error_subcode")
    return {
        "platform_code": f"{error.get('code')}/{subcode}" if subcode else str(error.get("code")),
        "platform_request_id": error.get("fbtrace_id") or headers.get("x-fb-trace-id"),
        "field": _blamed_field(error.get("error_data")),
    }


def _blamed_field(error_data: Any) -> str | None:
    """`error_data` may be an object or a JSON string."""
    if isinstance(error_data, str):
        try:
            error_data = json.loads(error_data)
        except ValueError:
            return None
    specs = error_data.get("blame_field_specs") if isinstance(error_data, dict) else None
    return ".".join(str(part) for part in specs[0]) if specs and specs[0] else None


def _regain_seconds(headers: Mapping[str, str]) -> int | None:
    """The longest waiting time in the usage header, in seconds; Meta gives it in minutes."""
    try:
        usage = json.loads(headers.get("x-business-use-case-usage", "{}"))
        minutes = [
            entry.get("estimated_time_to_regain_access", 0) for entries in usage.values() for entry in entries
        ]
    except (ValueError, AttributeError, TypeError):
        return None
    return max(minutes, default=0) * 60 or None
