"""The errors that a caller can see, and the envelope they travel in.

CampaignAutomationError            has code, details
├── ConfigurationError             4000, not retryable: the operator's to mend
├── InvalidRequestError            1001: a field, what is wrong with it, what would be right
├── ForbiddenError                  1004: the caller's roles do not allow the action
├── NotFoundError, ConflictError, StoreError, GuardRefusedError
├── AccountError                   6000 to 6012: the ad account or its owner lacks something
├── AiModelError                    4001
├── WebPlatformError               3000 to 3004
│   └── WebPlatformUnavailableError    asking again later may help
└── PlatformError                  has platform, platform_code, platform_request_id
    ├── PlatformRejectedError, PlatformAuthError, PlatformQuotaError     asking again will not help
    └── PlatformRateLimitError, PlatformUnavailableError                 asking later may; retry_after

Step Functions matches the exact class name of what a Lambda raised, so a name here is a public name:
rename it together with statemachines/.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from campaign_automation.utils import clock
from campaign_automation.utils.redaction import redact


class Code(NamedTuple):
    type: str
    http_status: int
    retryable: bool = False


CODES: dict[str, Code] = {
    "1000": Code("UNKNOWN_ERROR", 500),
    "1001": Code("INVALID_REQUEST", 400),
    "1002": Code("UNAUTHORIZED", 401),
    "1003": Code("RATE_LIMIT_EXCEEDED", 429, retryable=True),
    "1004": Code("FORBIDDEN", 403),
    "1005": Code("QUOTA_EXCEEDED", 429),
    "3000": Code("MCP_CONNECTION_FAILED", 502, retryable=True),
    "3001": Code("MCP_TOOL_NOT_FOUND", 502),
    "3002": Code("MCP_INVALID_PARAMETERS", 502),
    "3003": Code("MCP_EXECUTION_FAILED", 502, retryable=True),
    "3004": Code("MCP_TIMEOUT", 502, retryable=True),
    "4000": Code("MODULE_NOT_AVAILABLE", 503, retryable=True),
    "4001": Code("AI_MODEL_FAILED", 502, retryable=True),
    "4002": Code("EXTERNAL_API_FAILED", 502, retryable=True),
    "4003": Code("GENERATION_FAILED", 502, retryable=True),
    "4005": Code("VALIDATION_FAILED", 422),
    "5000": Code("DATA_NOT_FOUND", 404),
    "5002": Code("DATABASE_ERROR", 503, retryable=True),
    "5004": Code("DATA_CONFLICT", 409),
    "6000": Code("AD_ACCOUNT_NOT_BOUND", 422),
    "6001": Code("AD_ACCOUNT_TOKEN_EXPIRED", 422),
    "6002": Code("AD_ACCOUNT_INSUFFICIENT_BALANCE", 422),
    "6003": Code("AD_CREATIVE_REJECTED", 422),
    "6004": Code("AD_CAMPAIGN_REVIEW_FAILED", 422),
    "6005": Code("AD_PLATFORM_POLICY_VIOLATION", 422),
    "6006": Code("PRODUCT_URL_INVALID", 422),
    "6011": Code("INSUFFICIENT_CREDITS", 402),
    "6012": Code("CREDIT_DEDUCTION_FAILED", 502, retryable=True),
}


class CampaignAutomationError(Exception):
    """An expected failure: `code` is one of CODES, `details` helps the caller to act."""

    code = "1000"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        # Answers of others may quote a whole request, and warnings, receipts and notes quote this message.
        self.message = redact(message)
        super().__init__(self.message)
        self.code = code or type(self).code
        self.details = {key: value for key, value in details.items() if value is not None}

    @property
    def http_status(self) -> int:
        return CODES[self.code].http_status

    @property
    def retryable(self) -> bool:
        return bool(self.details.get("retryable", CODES[self.code].retryable))


class ConfigurationError(CampaignAutomationError):
    """The error of a deployment or embedding process that lacks something; no request can mend it."""

    code = "4000"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, retryable=False, **details)


class InvalidRequestError(CampaignAutomationError):
    code = "1001"


class ForbiddenError(CampaignAutomationError):
    code = "1004"


class GuardRefusedError(CampaignAutomationError):
    code = "4005"


class NotFoundError(CampaignAutomationError):
    code = "5000"


class StoreError(CampaignAutomationError):
    code = "5002"


class ConflictError(CampaignAutomationError):
    code = "5004"


class AccountError(CampaignAutomationError):
    code = "6000"


class AiModelError(CampaignAutomationError):
    code = "4001"


class WebPlatformError(CampaignAutomationError):
    code = "3003"


class WebPlatformUnavailableError(WebPlatformError):
    code = "3000"


class PlatformError(CampaignAutomationError):
    """A platform refused or did not answer. `platform_code` is its own code, as "190/463".

    `outcome_unknown` in details: the platform may have acted, so read it before you send again.
    """

    code = "4002"

    def __init__(self, message: str, *, platform: str, code: str | None = None, **details: Any) -> None:
        super().__init__(message, code=code, platform=platform, **details)


class PlatformRejectedError(PlatformError):
    code = "1001"


class PlatformAuthError(PlatformError):
    code = "6001"


class PlatformQuotaError(PlatformError):
    code = "1005"


class PlatformRateLimitError(PlatformError):
    code = "1003"


class PlatformUnavailableError(PlatformError):
    code = "4002"


# The classes that statemachines/ retries too; every other error goes straight to Undo.
TRANSIENT = (PlatformRateLimitError, PlatformUnavailableError, WebPlatformUnavailableError, StoreError)


def not_in_time(platform: str) -> PlatformUnavailableError:
    return PlatformUnavailableError(f"{platform} did not answer in time", platform=platform)


def without_secrets(error: Exception) -> Exception:
    """Return `error`, or one of the same class name without the secrets that its text quotes.

    Lambda writes the text of what a handler raises into its log, past every formatter.
    """
    text = str(error)
    clean = redact(text)
    if clean == text:
        return error
    # Of the same name, since the state machine matches the class by it.
    namesake: type[Exception] = type(type(error).__name__, (Exception,), {})
    return namesake(clean).with_traceback(error.__traceback__)


def error_body(error: CampaignAutomationError) -> dict[str, Any]:
    """Return the `error` member of the envelope without its time and request, as the store keeps it."""
    return {
        "code": error.code,
        "type": CODES[error.code].type,
        "message": error.message,
        "details": {**error.details, "retryable": error.retryable},
    }


def error_from_body(body: dict[str, Any]) -> CampaignAutomationError:
    """Return the error that `error_body` described, for an answer that is given later."""
    return CampaignAutomationError(body["message"], code=body["code"], **body["details"])


@contextmanager
def needing_extra(extra: str) -> Iterator[None]:
    """Raise ConfigurationError for a library that is not installed, with the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed; `pip install campaign-automation[{extra}]` brings it",
            extra=extra,
        ) from error


def envelope(error: Exception, request_id: str) -> dict[str, Any]:
    """Return the error answer of contract.md section 4, without details of an unexpected exception."""
    if not isinstance(error, CampaignAutomationError):
        error = CampaignAutomationError("an internal error; quote the request id when you report it")
    body = {**error_body(error), "timestamp": clock.iso_now(), "request_id": request_id}
    return {"status": "error", "error": body}
