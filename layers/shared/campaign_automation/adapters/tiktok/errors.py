"""TikTok's errors as ours, by the envelope's code, since all of them come with HTTP 200.

Source: platforms.md section 3.7, after the vendor's table of return codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from campaign_automation.adapters.common.outcomes import is_gone
from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    PlatformAuthError,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
from campaign_automation.utils.validation import words_of

__all__ = ["is_gone", "is_nothing_to_update", "translate", "unavailable"]

OK, PARTLY_DONE, NOTHING_TO_UPDATE = 0, 20001, 40012
# Breaking the limit per minute asks for five minutes without a call. Source: "Rate limits".
QUIET_SECONDS = 300
# The limit per second is over with the second. Both speak with code 40100; only the text tells them apart.
PER_SECOND_WAIT = 1
_PER_SECOND_WORDS = ("qps", "per second")

_TOKEN_LOST = frozenset({40102, 40103, 40104, 40105, 40107, 40110})
_FORBIDDEN = frozenset({40001, 40003, 40113, 40117, 40118, 40130, 40301, 41000})
_UNAUTHORIZED = frozenset({40101, 40106, 40108, 40109, 40115, 40116})
_TOO_FREQUENT = frozenset({40100, 40132, 61000})
_FLOW_CONTROL = 40016  # that it is a rate limit is unverified
_QUOTA = frozenset({40011, 40502})
_NOT_FOUND = frozenset({40007, 40300, 40302, 40905})
# An earlier request, of ours or of another client, may have acted: find by name before asking again.
_CONFLICTS = frozenset({40050, 40202})
_DUPLICATE_MATERIAL = 40911
_NOT_READY = 40201
_FILES = range(40901, 40917)
_FILES_LATER = frozenset({40902, 40913, 40914})
_FAULTS = frozenset({PARTLY_DONE, 50000, 50002, 60001, 70001, *range(51000, 53000)})

unavailable = partial(outcome_unknown, PLATFORM)


def translate(body: Mapping[str, Any]) -> PlatformError:
    """Return our error for an envelope {code, message, request_id} whose code is not 0.

    A fault or a conflict says `outcome_unknown`: TikTok may have acted.
    """
    code, text = int(body.get("code", -1)), words_of(body.get("message")) or "no reason given"
    facts = {"platform_code": str(code), "platform_request_id": words_of(body.get("request_id"))}
    return (
        _access_problem(code, text, facts)
        or _limit(code, text, facts)
        or _conflict(code, text, facts)
        or _refusal(code, text, facts)
    )


def _access_problem(code: int, text: str, facts: dict[str, Any]) -> PlatformError | None:
    if code in _TOKEN_LOST:
        text = "the ad account's token is no longer valid: connect the account again"
        return PlatformAuthError(f"tiktok: {text}", platform=PLATFORM, code="6001", **facts)
    if code in _FORBIDDEN:
        return PlatformAuthError(f"tiktok: {text}", platform=PLATFORM, code="1004", **facts)
    if code in _UNAUTHORIZED:
        return PlatformAuthError(f"tiktok: {text}", platform=PLATFORM, code="1002", **facts)
    return None


def _limit(code: int, text: str, facts: dict[str, Any]) -> PlatformError | None:
    if code in _TOO_FREQUENT:
        is_per_second = any(word in text.lower() for word in _PER_SECOND_WORDS)
        wait = PER_SECOND_WAIT if is_per_second else QUIET_SECONDS
        facts["rate_scope"] = "app"  # TikTok counts the calls of an app, not those of an advertiser
        return PlatformRateLimitError(f"tiktok: {text}", platform=PLATFORM, retry_after=wait, **facts)
    if code == _FLOW_CONTROL:
        return PlatformRateLimitError(f"tiktok: {text}", platform=PLATFORM, **facts)
    if code in _QUOTA:
        return PlatformQuotaError(f"tiktok: {text}", platform=PLATFORM, **facts)
    return None


def _conflict(code: int, text: str, facts: dict[str, Any]) -> PlatformError | None:
    # Our names end with our tag, so an object that has the name already is ours. The text is unverified.
    if code in _CONFLICTS or (code == 40002 and "already exists" in text):
        return unavailable(f"tiktok: {text}", code="5004", retryable=True, **facts)
    if code == _DUPLICATE_MATERIAL:
        return PlatformRejectedError(f"tiktok: {text}", platform=PLATFORM, code="5004", **facts)
    return None


def _refusal(code: int, text: str, facts: dict[str, Any]) -> PlatformError:
    if code in _FAULTS:
        return unavailable(f"tiktok: {text}", **facts)
    if code == _NOT_READY or code in _FILES_LATER:
        ours = "4002" if code == _NOT_READY else "6003"
        return PlatformUnavailableError(
            f"tiktok: {text}", platform=PLATFORM, code=ours, retryable=True, **facts
        )
    if code in _NOT_FOUND:
        return PlatformRejectedError(f"tiktok: {text}", platform=PLATFORM, code="5000", **facts)
    if code in _FILES:
        return PlatformRejectedError(f"tiktok: {text}", platform=PLATFORM, code="6003", **facts)
    is_known = 40000 <= code < 42000
    return PlatformRejectedError(
        f"tiktok: {text}", platform=PLATFORM, code="1001" if is_known else "4002", retryable=False, **facts
    )


def with_smart_plus_advice(error: PlatformError) -> PlatformError:
    """Return a refusal of Smart+ with the steps that open it; any other error as it is."""
    # Third parties report that TikTok opens it by allow-list, and to apps with its three scopes only.
    if error.code != "1004":
        return error
    return PlatformAuthError(
        f"{error.message} (Upgraded Smart+ has to be open to the advertiser: ask TikTok to allow-list it, and"
        " give the app the scopes of Smart+ campaigns, ad groups and ads)",
        code="1004",
        **error.details,
    )


def is_per_second(error: CampaignAutomationError) -> bool:
    """Return whether the app made more calls in a second than it may; TikTok has not acted then."""
    return isinstance(error, PlatformRateLimitError) and error.details.get("retry_after") == PER_SECOND_WAIT


def is_nothing_to_update(error: Exception | None) -> bool:
    return isinstance(error, PlatformError) and error.details.get("platform_code") == str(NOTHING_TO_UPDATE)
