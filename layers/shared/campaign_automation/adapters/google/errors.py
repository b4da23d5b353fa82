"""Google's errors as ours: by the enum of each error, the gravest one deciding.

Source: platforms.md sections 4.2 and 4.5, after the enums of the v26 package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.protobuf.message import DecodeError

from campaign_automation.adapters.common.calls import wait_seconds
from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.adapters.google.facts import PLATFORM
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)

FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"

unavailable = partial(outcome_unknown, PLATFORM)


class _Class(NamedTuple):
    """Our class and code of an error; a lower rank is graver."""

    rank: int
    error: type[PlatformError]
    code: str


_TOKEN = _Class(0, PlatformAuthError, "6001")
_WRONG_LOGIN = _Class(1, PlatformAuthError, "1002")
_FORBIDDEN = _Class(2, PlatformAuthError, "1004")
_SUSPENDED = _Class(2, PlatformRejectedError, "6005")
_QUOTA = _Class(3, PlatformQuotaError, "1005")
_RATE = _Class(3, PlatformRateLimitError, "1003")
_FAULT = _Class(4, PlatformUnavailableError, "4002")
_BUSY = _Class(4, PlatformUnavailableError, "5004")
_POLICY = _Class(5, PlatformRejectedError, "6005")
_CREATIVE = _Class(6, PlatformRejectedError, "6003")
_CONFLICT = _Class(7, PlatformRejectedError, "5004")
_MISSING = _Class(8, PlatformRejectedError, "5000")
_FULL = _Class(9, PlatformQuotaError, "1005")
_WRONG = _Class(10, PlatformRejectedError, "1001")
# Google reports one root error and then this one for every operation that refers to it.
_CONSEQUENCE = _Class(11, PlatformRejectedError, "1001")

_NAMED: dict[str, _Class] = {
    **dict.fromkeys(
        (
            "authentication_error.OAUTH_TOKEN_EXPIRED",
            "authentication_error.OAUTH_TOKEN_REVOKED",
            "authentication_error.OAUTH_TOKEN_INVALID",
            "authentication_error.OAUTH_TOKEN_DISABLED",
            "authentication_error.GOOGLE_ACCOUNT_COOKIE_INVALID",
        ),
        _TOKEN,
    ),
    "authentication_error.CUSTOMER_NOT_FOUND": _MISSING,
    "authorization_error.ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT": _SUSPENDED,
    "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED": _RATE,
    "quota_error.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": _RATE,
    "database_error.CONCURRENT_MODIFICATION": _BUSY,
    **dict.fromkeys(
        (
            "campaign_error.DUPLICATE_CAMPAIGN_NAME",
            "ad_group_error.DUPLICATE_ADGROUP_NAME",
            "campaign_budget_error.DUPLICATE_NAME",
            "asset_group_error.DUPLICATE_NAME",
            "experiment_error.DUPLICATE_EXPERIMENT_NAME",
            "mutate_error.RESOURCE_ALREADY_EXISTS",
            "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE",
        ),
        _CONFLICT,
    ),
    "mutate_error.RESOURCE_NOT_FOUND": _MISSING,
    "request_error.RESOURCE_NOT_FOUND": _MISSING,
    "mutate_error.EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": _POLICY,
    "new_resource_creation_error.TEMP_ID_RESOURCE_HAD_ERRORS": _CONSEQUENCE,
}
_RATE_SCOPES = {2: "account", 3: "app"}  # QuotaErrorDetails.RateScope; a developer token is our app
_FAMILIES: dict[str, _Class] = {
    "authentication_error": _WRONG_LOGIN,
    "authorization_error": _FORBIDDEN,
    "quota_error": _QUOTA,
    "internal_error": _FAULT,
    "policy_violation_error": _POLICY,
    "policy_finding_error": _CREATIVE,
    "image_error": _CREATIVE,
    "resource_count_limit_exceeded_error": _FULL,
}
_UNDECLARED = (
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED",
    "MISSING_EU_POLITICAL_ADVERTISING_SELF_DECLARATION",
)
_UNDECLARED_WORDS = (
    "google: the ad account holds a campaign without a declaration on EU political advertising, and until"
    " every campaign has one Google changes none of them: declare it in the settings of the campaigns, or set"
    " contains_eu_political_advertising where missing_eu_political_advertising_declaration is true"
)


def from_exception(error: Exception) -> PlatformError:
    """Return our error for any exception of the vendor's client."""
    if isinstance(error, GoogleAdsException):
        return translate(type(error.failure).pb(error.failure), error.request_id)
    if isinstance(error, GoogleAPICallError):
        return _from_call(error)
    if isinstance(error, GoogleAuthError):
        return _from_text(str(error), type(error).__name__)
    return unavailable(f"google: the call failed ({type(error).__name__})")


def translate(failure: Any, request_id: str | None = None) -> PlatformError:
    """Return our error for a raw GoogleAdsFailure; of several errors the gravest decides."""
    found = [(_class_of(code), code, error) for error in failure.errors for code in (code_of(error),)]
    if not found:
        return unavailable("google: a failure without an error", platform_request_id=request_id)
    chosen, code, error = min(found, key=lambda item: item[0].rank)
    facts = _facts(error, chosen)
    facts |= {"platform_code": code, "platform_request_id": request_id or failure.request_id or None}
    words = _UNDECLARED_WORDS if code.endswith(_UNDECLARED) else f"google: {error.message or code}"
    return chosen.error(words, platform=PLATFORM, code=chosen.code, **facts)


def code_of(error: Any) -> str:
    """Return "family.NAME" of one error; a code newer than this API version stands in its details."""
    family = error.error_code.WhichOneof("error_code")
    if family is None:
        return error.details.unpublished_error_code or "unknown"
    enum = error.error_code.DESCRIPTOR.fields_by_name[family].enum_type
    value = enum.values_by_number.get(getattr(error.error_code, family))
    name = value.name if value else "UNKNOWN"
    unpublished = error.details.unpublished_error_code.rpartition(".")[2]
    return f"{family}.{unpublished}" if name == "UNKNOWN" and unpublished else f"{family}.{name}"


def _class_of(code: str) -> _Class:
    if code.endswith(_UNDECLARED):
        return _POLICY
    return _NAMED.get(code) or _FAMILIES.get(code.partition(".")[0], _WRONG)


def _facts(error: Any, chosen: _Class) -> dict[str, Any]:
    facts: dict[str, Any] = {"field": _field_of(error)}
    if chosen is _FAULT:
        facts["outcome_unknown"] = True
    if chosen is _BUSY:
        facts["retryable"] = True
    details = error.details
    if details.HasField("quota_error_details"):
        quota = details.quota_error_details
        facts["retry_after"] = wait_seconds(quota.retry_delay.seconds)
        facts["rate_scope"] = _RATE_SCOPES.get(quota.rate_scope)
    if details.HasField("policy_violation_details"):
        facts["policy"] = details.policy_violation_details.external_policy_name
        facts["is_exemptible"] = details.policy_violation_details.is_exemptible
    if details.HasField("policy_finding_details"):
        entries = details.policy_finding_details.policy_topic_entries
        facts["policy_topics"] = [entry.topic for entry in entries]
    if details.HasField("budget_per_day_minimum_error_details"):
        minimum = details.budget_per_day_minimum_error_details
        facts["minimum_micros"] = minimum.budget_per_day_minimum_micros
    return facts


def _field_of(error: Any) -> str | None:
    """The path of the field inside its operation, as create.name."""
    names = [element.field_name for element in error.location.field_path_elements]
    inner = [name for name in names if name != "mutate_operations" and not name.endswith("_operation")]
    return ".".join(inner) or None


def _from_call(error: GoogleAPICallError) -> PlatformError:
    """Our error for a call error of gRPC."""
    # The client leaves RESOURCE_EXHAUSTED and INTERNAL untranslated, with their failure in the trailer.
    trailer = _trailer(error)
    packed = trailer.get(FAILURE_KEY)
    failure = _unpacked(packed) if isinstance(packed, bytes) else None
    if failure is not None and failure.errors:
        return translate(failure, trailer.get("request-id"))
    return _from_text(error.message or "", type(error).__name__, trailer.get("request-id"))


def _unpacked(packed: bytes) -> Any:
    """The raw failure of a trailer; None when it cannot be read, and the status alone has to tell."""
    try:
        return GoogleAdsFailure.pb(GoogleAdsFailure.deserialize(packed))
    except DecodeError:
        return None


def _trailer(error: GoogleAPICallError) -> Mapping[str, Any]:
    for cause in error.errors:
        entries: Iterable[tuple[str, Any]] | None = getattr(cause, "trailing_metadata", lambda: None)()
        if entries:
            return {entry[0]: entry[1] for entry in entries}
    return {}


_WITHOUT_FAILURE: dict[str, _Class] = {
    "Unauthenticated": _TOKEN,
    "PermissionDenied": _FORBIDDEN,
    "Forbidden": _FORBIDDEN,
    "ResourceExhausted": _RATE,
    "TooManyRequests": _RATE,
    "InvalidArgument": _WRONG,
    "BadRequest": _WRONG,
    "NotFound": _MISSING,
    "MethodNotImplemented": _WRONG,
}


def _from_text(text: str, name: str, request_id: str | None = None) -> PlatformError:
    """Our error for a status without a failure, which only its text explains."""
    # Lost connections and faults are UNAVAILABLE, and so is a refresh token that was revoked.
    facts = {"platform_code": name, "platform_request_id": request_id}
    if "invalid_grant" in text:
        words = "google: the account's authorisation was withdrawn or has ended: connect the account again"
        return PlatformAuthError(words, platform=PLATFORM, code="6001", **facts)
    if "403" in text and "Forbidden" in text:
        words = "google: access was refused (403 Forbidden)"
        return PlatformAuthError(words, platform=PLATFORM, code="1004", **facts)
    chosen = _WITHOUT_FAILURE.get(name)
    if chosen is None:
        return unavailable(f"google: no usable answer ({name})", **facts)
    if "larger than max" in text.lower():
        chosen = _WRONG  # the message itself is too big: asking again would not help
    return chosen.error(f"google: {text or name}", platform=PLATFORM, code=chosen.code, **facts)
