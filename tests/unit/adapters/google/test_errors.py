"""Every error class of Google becomes the right one of ours."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.api_core import exceptions
from google.auth.exceptions import RefreshError

from campaign_automation.adapters.google.errors import FAILURE_KEY, from_exception, translate
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)

AUTH, REJECTED, LIMIT, QUOTA, FAULT = (
    PlatformAuthError,
    PlatformRejectedError,
    PlatformRateLimitError,
    PlatformQuotaError,
    PlatformUnavailableError,
)

# family.NAME -> our class, our code, retryable
CASES: list[tuple[str, type[PlatformError], str, bool]] = [
    ("authentication_error.OAUTH_TOKEN_EXPIRED", AUTH, "6001", False),
    ("authentication_error.OAUTH_TOKEN_REVOKED", AUTH, "6001", False),
    ("authentication_error.OAUTH_TOKEN_INVALID", AUTH, "6001", False),
    ("authentication_error.OAUTH_TOKEN_DISABLED", AUTH, "6001", False),
    ("authentication_error.GOOGLE_ACCOUNT_COOKIE_INVALID", AUTH, "6001", False),
    ("authentication_error.CLIENT_CUSTOMER_ID_INVALID", AUTH, "1002", False),
    ("authentication_error.TWO_STEP_VERIFICATION_NOT_ENROLLED", AUTH, "1002", False),
    ("authentication_error.NOT_ADS_USER", AUTH, "1002", False),
    ("authentication_error.CUSTOMER_NOT_FOUND", REJECTED, "5000", False),
    ("authorization_error.USER_PERMISSION_DENIED", AUTH, "1004", False),
    ("authorization_error.DEVELOPER_TOKEN_NOT_APPROVED", AUTH, "1004", False),
    ("authorization_error.DEVELOPER_TOKEN_PROHIBITED", AUTH, "1004", False),
    ("authorization_error.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", AUTH, "1004", False),
    ("authorization_error.PROJECT_DISABLED", AUTH, "1004", False),
    ("authorization_error.SERVICE_ACCESS_DENIED", AUTH, "1004", False),
    ("authorization_error.CUSTOMER_NOT_ENABLED", AUTH, "1004", False),
    ("authorization_error.ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT", REJECTED, "6005", False),
    ("quota_error.RESOURCE_EXHAUSTED", QUOTA, "1005", False),
    ("quota_error.RESOURCE_TEMPORARILY_EXHAUSTED", LIMIT, "1003", True),
    ("quota_error.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", LIMIT, "1003", True),
    ("quota_error.EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION", QUOTA, "1005", False),
    ("quota_error.ACCESS_PROHIBITED", QUOTA, "1005", False),
    ("internal_error.TRANSIENT_ERROR", FAULT, "4002", True),
    ("internal_error.INTERNAL_ERROR", FAULT, "4002", True),
    ("internal_error.DEADLINE_EXCEEDED", FAULT, "4002", True),
    ("database_error.CONCURRENT_MODIFICATION", FAULT, "5004", True),
    ("campaign_error.DUPLICATE_CAMPAIGN_NAME", REJECTED, "5004", False),
    ("ad_group_error.DUPLICATE_ADGROUP_NAME", REJECTED, "5004", False),
    ("campaign_budget_error.DUPLICATE_NAME", REJECTED, "5004", False),
    ("asset_group_error.DUPLICATE_NAME", REJECTED, "5004", False),
    ("experiment_error.DUPLICATE_EXPERIMENT_NAME", REJECTED, "5004", False),
    ("mutate_error.RESOURCE_ALREADY_EXISTS", REJECTED, "5004", False),
    ("mutate_error.RESOURCE_NOT_FOUND", REJECTED, "5000", False),
    ("request_error.RESOURCE_NOT_FOUND", REJECTED, "5000", False),
    (
        "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE",
        REJECTED,
        "5004",
        False,
    ),
    ("policy_finding_error.POLICY_FINDING", REJECTED, "6003", False),
    ("policy_violation_error.POLICY_ERROR", REJECTED, "6005", False),
    ("mutate_error.EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED", REJECTED, "6005", False),
    ("ad_group_error.MISSING_EU_POLITICAL_ADVERTISING_SELF_DECLARATION", REJECTED, "6005", False),
    ("campaign_budget_error.BUDGET_BELOW_PER_DAY_MINIMUM", REJECTED, "1001", False),
    ("campaign_budget_error.NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT", REJECTED, "1001", False),
    ("field_error.REQUIRED", REJECTED, "1001", False),
    ("range_error.TOO_LOW", REJECTED, "1001", False),
    ("string_length_error.TOO_LONG", REJECTED, "1001", False),
    ("date_range_error.INVALID_DATE", REJECTED, "1001", False),
    ("query_error.UNRECOGNIZED_FIELD", REJECTED, "1001", False),
    ("ad_error.LINE_TOO_WIDE", REJECTED, "1001", False),
    ("asset_error.DUPLICATE_ASSET", REJECTED, "1001", False),
    ("image_error.IMAGE_TOO_SMALL", REJECTED, "6003", False),
    ("resource_count_limit_exceeded_error.CAMPAIGN_LIMIT", QUOTA, "1005", False),
]


def failure(*codes: str) -> Any:
    """A raw failure with one error per "family.NAME"."""
    made = GoogleAdsFailure.pb(GoogleAdsFailure())
    for code in codes:
        family, _, name = code.partition(".")
        error = made.errors.add(message=f"about {name}")
        enum = error.error_code.DESCRIPTOR.fields_by_name[family].enum_type
        setattr(error.error_code, family, enum.values_by_name[name].number)
    return made


class LostCall(grpc.RpcError):
    """What the transport raises: a status and a trailer."""

    def __init__(self, trailer: tuple[tuple[str, Any], ...] = ()) -> None:
        self._trailer = trailer

    def trailing_metadata(self) -> tuple[tuple[str, Any], ...]:
        return self._trailer


@pytest.mark.parametrize(("code", "kind", "ours", "retryable"), CASES)
def test_every_class_of_error_is_mapped(
    code: str, kind: type[PlatformError], ours: str, retryable: bool
) -> None:
    error = translate(failure(code), "r-1")
    assert type(error) is kind
    assert (error.code, error.retryable) == (ours, retryable)
    assert error.details["platform_code"] == code
    assert error.details["platform_request_id"] == "r-1"
    assert bool(error.details.get("outcome_unknown")) is (ours == "4002")


@pytest.mark.parametrize(
    ("codes", "decides"),
    [
        (
            ("field_error.REQUIRED", "policy_violation_error.POLICY_ERROR"),
            "policy_violation_error.POLICY_ERROR",
        ),
        (
            ("campaign_error.DUPLICATE_CAMPAIGN_NAME", "authentication_error.OAUTH_TOKEN_EXPIRED"),
            "authentication_error.OAUTH_TOKEN_EXPIRED",
        ),
        (
            ("new_resource_creation_error.TEMP_ID_RESOURCE_HAD_ERRORS", "field_error.REQUIRED"),
            "field_error.REQUIRED",
        ),
    ],
)
def test_gravest_of_several_errors_decides(codes: tuple[str, ...], decides: str) -> None:
    assert translate(failure(*codes)).details["platform_code"] == decides


def test_field_is_named_without_the_operation() -> None:
    made = failure("field_error.REQUIRED")
    for name in ("mutate_operations", "campaign_operation", "create", "name"):
        made.errors[0].location.field_path_elements.add(field_name=name)
    assert translate(made).details["field"] == "create.name"


def test_newer_code_is_read_from_the_details() -> None:
    made = GoogleAdsFailure.pb(GoogleAdsFailure())
    made.errors.add(message="new").details.unpublished_error_code = "CampaignError.TOMORROW"
    error = translate(made)
    assert (error.code, error.details["platform_code"]) == ("1001", "CampaignError.TOMORROW")


def test_failure_without_errors_is_unknown() -> None:
    assert translate(failure()).details["outcome_unknown"]


def test_policy_topics_travel_along() -> None:
    made = failure("policy_finding_error.POLICY_FINDING")
    made.errors[0].details.policy_finding_details.policy_topic_entries.add(topic="ALCOHOL")
    assert translate(made).details["policy_topics"] == ["ALCOHOL"]


def test_exemptible_violation_is_told() -> None:
    made = failure("policy_violation_error.POLICY_ERROR")
    violation = made.errors[0].details.policy_violation_details
    violation.external_policy_name, violation.is_exemptible = "Trademarks", True
    details = translate(made).details
    assert (details["policy"], details["is_exemptible"]) == ("Trademarks", True)


def test_vendors_own_exception_is_read() -> None:
    wrapped = GoogleAdsFailure.deserialize(failure("field_error.REQUIRED").SerializeToString())
    error = from_exception(GoogleAdsException(LostCall(), LostCall(), wrapped, "r-2"))
    assert (error.code, error.details["platform_request_id"]) == ("1001", "r-2")


@pytest.mark.parametrize(
    ("raised", "code", "ours"),
    [
        (exceptions.ResourceExhausted, "quota_error.RESOURCE_EXHAUSTED", "1005"),
        (exceptions.ResourceExhausted, "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED", "1003"),
        (exceptions.InternalServerError, "internal_error.TRANSIENT_ERROR", "4002"),
    ],
)
def test_failure_in_the_trailer_is_read_where_the_client_does_not(raised: Any, code: str, ours: str) -> None:
    made = failure(code)
    made.errors[0].details.quota_error_details.retry_delay.seconds = 40591
    trailer = ((FAILURE_KEY, made.SerializeToString()), ("request-id", "r-3"))
    error = from_exception(raised("no", errors=[LostCall(trailer)]))
    assert (error.code, error.details["platform_code"]) == (ours, code)
    assert error.details["retry_after"] == 40591
    assert error.details["platform_request_id"] == "r-3"


UNREADABLE = LostCall(((FAILURE_KEY, b"\xff"),))
INVALID_GRANT = "Getting metadata from plugin failed with error: ('invalid_grant: Token has been expired')"


@pytest.mark.parametrize(
    ("raised", "kind", "ours", "unknown"),
    [
        (exceptions.ServiceUnavailable(INVALID_GRANT), AUTH, "6001", False),
        (RefreshError("invalid_grant: Bad Request"), AUTH, "6001", False),
        (exceptions.ServiceUnavailable("403:Forbidden"), AUTH, "1004", False),
        (exceptions.ServiceUnavailable("Socket closed"), FAULT, "4002", True),
        (exceptions.DeadlineExceeded("Deadline Exceeded"), FAULT, "4002", True),
        (exceptions.InternalServerError("stream removed"), FAULT, "4002", True),
        (exceptions.Unknown("Stream removed"), FAULT, "4002", True),
        (exceptions.Unauthenticated("no token"), AUTH, "6001", False),
        (exceptions.PermissionDenied("SERVICE_DISABLED"), AUTH, "1004", False),
        (exceptions.ResourceExhausted("slow down"), LIMIT, "1003", False),
        (exceptions.ResourceExhausted("Received message larger than max"), REJECTED, "1001", False),
        (exceptions.InvalidArgument("bad"), REJECTED, "1001", False),
        (LostCall(), FAULT, "4002", True),
        (
            exceptions.InternalServerError("x", errors=[LostCall(((FAILURE_KEY, b"\xff"),))]),
            FAULT,
            "4002",
            True,
        ),
    ],
)
def test_answers_without_a_failure(
    raised: Exception, kind: type[PlatformError], ours: str, unknown: bool
) -> None:
    error = from_exception(raised)
    assert type(error) is kind
    assert error.code == ours
    assert bool(error.details.get("outcome_unknown")) is unknown
