"""Meta's errors as ours: by code and subcode, never by text where a code exists (user texts are localised).

Source: platforms.md section 2.6, after the vendor's "Error codes" and "Rate Limits" pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from campaign_automation.adapters.common.calls import TOO_MANY_REQUESTS, wait_seconds
from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.adapters.meta.facts import PLATFORM
from campaign_automation.adapters.meta.usage import parsed, regain_seconds
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
from campaign_automation.utils.validation import words_of

_APP_LIMIT = 4
_RATE_LIMITS = {_APP_LIMIT, 17, 32, 613, *range(80000, 80015)}
_PERMISSIONS = {3, 10, *range(200, 300)}
# Subcodes of error 100 that say more than "invalid parameter", with our codes.
_INVALID_PARAMETER_CODES = {33: "5000", 1885183: "1004", 1487390: "6003", 3858495: "6005"}
# A report that ran out of time, or of more figures than one call may ask for: both want fewer days.
_TOO_WIDE = {1504018, 1487534}

unavailable = partial(outcome_unknown, PLATFORM)


def translate(error: Mapping[str, Any], http_status: int | None, headers: Mapping[str, str]) -> PlatformError:
    """Return our error for the `error` member of Meta's body.

    A transient failure says `outcome_unknown`: Meta may have acted before it failed.
    """
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    facts = _facts(error, code, subcode, headers)
    text = words_of(error.get("message")) or ""
    if code == 190 or code in {102, 104}:
        return _auth(code, subcode, text, facts)
    if code in _RATE_LIMITS or http_status == TOO_MANY_REQUESTS:
        retry_after = regain_seconds(headers) or wait_seconds(headers.get("retry-after"))
        scope = "app" if code == _APP_LIMIT else None
        return PlatformRateLimitError(
            _say(error), platform=PLATFORM, retry_after=retry_after, rate_scope=scope, **facts
        )
    if code in _PERMISSIONS:
        return PlatformAuthError(_say(error), platform=PLATFORM, code="1004", **facts)
    if code == 368:
        return PlatformRejectedError(_say(error), platform=PLATFORM, code="6005", **facts)
    if code == 100 and not _is_server_side(http_status):
        return _invalid_parameter(error, subcode, text, facts)
    if code in {2500, 2635}:
        return PlatformRejectedError(_say(error), platform=PLATFORM, code="1001", **facts)
    return _fault(error, code, http_status, facts)


def _number(value: Any) -> int | None:
    """A code, which may come as text; None for anything that is no whole number."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


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
    if subcode in _TOO_WIDE:
        return PlatformUnavailableError(_say(error), platform=PLATFORM, reduce_days=True, **facts)
    return PlatformRejectedError(_say(error), platform=PLATFORM, code=ours, **facts)


def _fault(
    error: Mapping[str, Any], code: int | None, http_status: int | None, facts: dict[str, Any]
) -> PlatformError:
    transient = error.get("is_transient")
    transient = transient if isinstance(transient, bool) else None
    if "reduce the amount of data" in (words_of(error.get("message")) or ""):
        return PlatformUnavailableError(_say(error), platform=PLATFORM, reduce_page=True, **facts)
    is_fault = (
        transient or _is_server_side(http_status) or code in {-2, 2} or (code == 1 and transient is None)
    )
    if is_fault and transient is not False:
        return unavailable(_say(error), **facts)
    return PlatformRejectedError(_say(error), platform=PLATFORM, code="4002", retryable=False, **facts)


def is_too_much(error: PlatformError) -> bool:
    """Return whether Meta asks for less data at once, such as a smaller page."""
    return bool(error.details.get("reduce_page"))


def is_too_wide(error: PlatformError) -> bool:
    """Return whether fewer days of a report may be answered where its pages cannot be smaller."""
    return is_too_much(error) or bool(error.details.get("reduce_days"))


def _is_server_side(http_status: int | None) -> bool:
    return http_status is not None and http_status >= 500


def _say(error: Mapping[str, Any]) -> str:
    told = (words_of(error.get(name)) for name in ("error_user_msg", "message", "error_user_title"))
    return f"meta: {next(filter(None, told), 'no reason given')}"


def _facts(
    error: Mapping[str, Any], code: int | None, subcode: int | None, headers: Mapping[str, str]
) -> dict[str, Any]:
    told = f"{code}/{subcode}" if subcode else str(code)
    return {
        "platform_code": None if code is None else told,
        "platform_request_id": words_of(error.get("fbtrace_id")) or headers.get("x-fb-trace-id"),
        "field": _blamed_field(error.get("error_data")),
    }


def _blamed_field(error_data: Any) -> str | None:
    """`error_data` may be an object or a JSON string, and empty in either form."""
    if isinstance(error_data, str):
        error_data = parsed(error_data)
    specs = error_data.get("blame_field_specs") if isinstance(error_data, dict) else None
    first = specs[0] if isinstance(specs, list) and specs else None
    return ".".join(filter(None, map(words_of, first))) or None if isinstance(first, list) else None
