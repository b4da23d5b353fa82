"""Refusals in Google's words: an error enum, a message, and where in the request."""

from collections.abc import Iterable, Sequence
from typing import Any

import grpc

from local.sandbox.core.faults import Kind as FaultKind
from local.sandbox.google.messages import GoogleAdsFailure, Message

FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"
SHORT_RETRY_SECONDS = 5
DAY_RETRY_SECONDS = 40_591  # as once recorded for the daily quota

Path = Sequence[tuple[str, int | None]]


class AdsError(Exception):
    """One refused thing. `code` is "family.NAME"; `path` the fields from the operation on."""

    def __init__(self, code: str, message: str, *path: str, **details: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.path: Path = [(field, None) for field in path]
        self.details = details

    @property
    def family(self) -> str:
        return self.code.partition(".")[0]

    def at(self, index: int) -> "AdsError":
        """The same error inside an operation of a mutate."""
        self.path = [("mutate_operations", index), *self.path]
        return self

    def write(self, failure: Message) -> None:
        error = failure.errors.add()
        family, _, name = self.code.partition(".")
        enum = error.error_code.DESCRIPTOR.fields_by_name[family].enum_type
        setattr(error.error_code, family, enum.values_by_name[name].number)
        error.message = self.message
        for field, index in self.path:
            element = error.location.field_path_elements.add()
            element.field_name = field
            if index is not None:
                element.index = index
        _write_details(error.details, self.details)


class Refusal(Exception):
    """A whole call that is refused, with every error found."""

    def __init__(self, errors: Iterable[AdsError]) -> None:
        self.errors = list(errors)
        super().__init__(str(self.errors[0]))

    @property
    def status(self) -> grpc.StatusCode:
        return _STATUS.get(self.errors[0].family, grpc.StatusCode.INVALID_ARGUMENT)

    def failure(self, request_id: str) -> Message:
        failure = GoogleAdsFailure(request_id=request_id)
        for error in self.errors:
            error.write(failure)
        return failure


_STATUS = {
    "authentication_error": grpc.StatusCode.UNAUTHENTICATED,
    "authorization_error": grpc.StatusCode.PERMISSION_DENIED,
    "quota_error": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "internal_error": grpc.StatusCode.INTERNAL,
}


def _write_details(target: Message, details: dict[str, Any]) -> None:
    if "retry_seconds" in details:
        quota = target.quota_error_details
        quota.rate_name = details["rate_name"]
        scope = quota.DESCRIPTOR.fields_by_name["rate_scope"].enum_type
        quota.rate_scope = scope.values_by_name[details["rate_scope"]].number
        quota.retry_delay.seconds = details["retry_seconds"]
    if "policy" in details:
        violation = target.policy_violation_details
        violation.external_policy_name = details["policy"]
        violation.key.policy_name = details["policy"]
        violation.is_exemptible = False


def required(*path: str) -> AdsError:
    return AdsError("field_error.REQUIRED", "The required field was not present.", *path)


def not_found(*path: str) -> AdsError:
    return AdsError("mutate_error.RESOURCE_NOT_FOUND", "Resource was not found.", *path)


def too_long(limit: int, *path: str) -> AdsError:
    return AdsError("string_length_error.TOO_LONG", f"Too long; at most {limit} are allowed.", *path)


def removed() -> AdsError:
    return AdsError(
        "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE",
        "The operation is not allowed for removed resources.",
    )


def too_many_calls() -> AdsError:
    return AdsError(
        "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED",
        "Too many requests. Retry in a while.",
        rate_name="Requests per service per method",
        rate_scope="ACCOUNT",
        retry_seconds=SHORT_RETRY_SECONDS,
    )


def day_used_up() -> AdsError:
    return AdsError(
        "quota_error.RESOURCE_EXHAUSTED",
        "Too many requests. Retry in 40591 seconds.",
        rate_name="Number of operations for explorer access",
        rate_scope="DEVELOPER",
        retry_seconds=DAY_RETRY_SECONDS,
    )


def injected(kind: FaultKind) -> AdsError:
    """The refusal of an injected failure that Google itself words."""
    if kind == "rate_limit":
        return too_many_calls()
    if kind == "auth_expired":
        return expired_token()
    if kind == "policy":
        return AdsError(
            "policy_violation_error.POLICY_ERROR",
            "A policy was violated. See PolicyViolationDetails for more detail.",
            policy="Circumventing systems",
        )
    return AdsError("internal_error.INTERNAL_ERROR", "Google Ads API encountered an unexpected error.")


def expired_token() -> AdsError:
    return AdsError(
        "authentication_error.OAUTH_TOKEN_EXPIRED", "The OAuth access token in the header has expired."
    )
