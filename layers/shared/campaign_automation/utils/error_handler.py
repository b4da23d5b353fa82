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

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from campaign_automation.utils import clock


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
        # What others answer may quote a whole request, and warnings, receipts and notes quote this.
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


# Texts arrive in JSON within JSON, in URLs within URLs, in HTML: each mark has all these spellings. What
# repeats is possessive or has an end, since a pattern that tries again takes minutes over a hostile text.
_PERCENT = r"%(?:25)*+"
_ESCAPED = rf"(?:\\|{_PERCENT}5C)"
_HTML = r"&(?:amp;)*+"
_QUOTE = rf"(?:{_ESCAPED}*+(?:[\"']|{_PERCENT}2[27]|u002[27]|{_HTML}(?:quot|apos|#34|#39|#x27);))"
_LINE = rf"(?:[\r\n]|{_ESCAPED}++[rn]|{_PERCENT}0[AD])"
_SPACE = rf"(?:[\s+]|{_PERCENT}2[0B]|{_LINE})"
_LESS, _MORE = (
    rf"(?:<|{_HTML}lt;|{_PERCENT}3C|\\{{1,9}}+u003C)",
    rf"(?:>|{_HTML}gt;|{_PERCENT}3E|\\{{1,9}}+u003E)",
)
_IS = rf"(?:={_MORE}|[=:]|{_PERCENT}3[DA]|\\{{1,9}}+u003[DA])"
_COMMA = rf"(?:,|{_PERCENT}2C)"
_SLASH = rf"(?:{_ESCAPED}*+(?:/|{_PERCENT}2F))"
_ALONE = r"(?:(?<![a-z-])|(?<=\d[A-F])|(?<=\\[nrt])|(?<=5C[nrt]))"
_NO_WORD = r"(?!: [a-z]{1,15}(?![\w.~+/=-]))"  # which follows in a sentence
_API_KEY = rf"api(?:[_-]|{_SPACE})?key"
_NAMES = (
    rf"(?:access|refresh|auth|id|session|security|developer)[_-]?token|{_ALONE}token{_NO_WORD}"
    rf"|(?:client|app)[_-]?secret|{_ALONE}(?<!\d:)secret{_NO_WORD}"  # and no ARN
    rf"|appsecret_proof|secret[_-]?(?:access[_-]?key|string)|(?:(?<=[?&])|(?<=%26)|(?<=%3F))key"
    rf"|{_API_KEY}|private[_-]?key|password|passwd|passphrase|authorization|cookie|signature|credentials?"
)
_SCHEME = rf"(?:(?:bearer|basic|oauth|token|digest|key){_SPACE}++)?"
_QUOTED = r"(?P<quote>\\*+[\"'])(?:(?!(?P=quote))(?:\\.|.))*+"
_PLAIN = r"[^\s&\"',;(){}\[\]\\<>]++"
_VALUE = rf"(?:{_QUOTED}|{_QUOTE}?{_PLAIN}(?:;{_SPACE}*+{_PLAIN})*+)"  # cookies are several
# Several values in brackets, or one that is no text.
_HELD = r"(?:[\[({](?:[^\[\](){}]|[\[({][^\[\](){}]*+[\])}]?)*+[\])}]?|[\w.+-]++(?![\"'(%&\\]))"
# Texts, which `re` compiles when a line first needs them: a function that starts has no time for it.
_NAMED = (
    # After its scheme; "basic" is a word too.
    rf"(?i)(?P<name>bearer|\bbasic(?!(?-i:\s++[A-Z]?[a-z]{{1,15}}(?![\w=+/]))))(?P<between>{_SPACE}++)[\w.~+/=%-]++",
    # As in a mapping, a URL, a header or a form of several parts. A value in JSON becomes a text.
    rf"(?is)(?P<name>{_NAMES})(?:(?P<held>(?P<mark>{_QUOTE}){_SPACE}*+{_IS}{_SPACE}*+){_HELD}"
    rf"|(?P<between>(?:{_QUOTE}?{_SPACE}*+{_IS}|{_QUOTE}{_LINE}{{2,}}+){_SPACE}*+\[?(?:b(?={_QUOTE}))?{_SCHEME})"
    rf"{_VALUE})",
    # As a pair: ('name', b'value'), (key='name', value='value'), ["b'name'", "b'value'"].
    rf"(?is)(?<=[\"';27])(?P<name>[\w-]{{0,40}}(?:{_NAMES}))(?P<between>{_QUOTE}{{1,2}}+{_SPACE}*+{_COMMA}{_SPACE}*+"
    rf"(?:{_QUOTE}?value{_QUOTE}?{_SPACE}*+{_IS}{_SPACE}*+)?(?:{_QUOTE}?b)?)(?={_QUOTE}){_VALUE}",
    # As an element.
    rf"(?is)(?P<name>{_LESS}[\w:.%-]{{0,40}}?(?:{_NAMES}))"
    rf"(?P<between>(?:{_SPACE}[^<>]{{0,99}}?)?{_MORE}{_SPACE}*+(?:{_LESS}!\[CDATA\[)?){_VALUE}",
    # As in a sentence: there only what looks like a key, with letters among its digits, and is no id of ours.
    rf"(?is)(?P<name>token|secret|password|passphrase|{_API_KEY}|credential)"
    rf"(?P<between>(?:{_SPACE}++(?:is|was|value))?(?:{_SPACE}|{_QUOTE}|[=:`(<\[])++)"
    r"(?!(?:cmp|run|abt|prop|rule|req|act|user)_)(?=[a-z]*+\d++[a-z]++\d)[a-z\d]{16}[\w.~+/=-]*+",
    # Before a host.
    rf"(?i)(?P<name>(?::|{_PERCENT}3A){_SLASH}{{2}})(?P<between>[^/\s:@\"']{{0,200}}:)[^/\s@\"']++(?=@)",
    rf"(?i)(?P<name>(?::|{_PERCENT}3A){_SLASH}{{2}})(?P<between>)"
    rf"(?:[^/\s:@\"'?#]{{16,}}+(?=@)|(?:(?!{_PERCENT}(?:2F|40))[\w.%~+-]){{1,200}}?(?={_PERCENT}40))",
)
# Keys that tell by themselves what they are: of Meta, Google, webhooks, signed tokens and key files.
_SHAPES = (
    r"EAA[A-Za-z0-9]{24,}+|ya29\.[\w.-]{10,}+|1(?:(?:\\|%(?:25)*+5[Cc])*+(?:/|%(?:25)*+2[Ff])){2}0[\w-]{10,}+"
    r"|AIza[\w-]{30,}+|GOCSPX-[\w-]{10,}+|whsec_[\w+/=-]{16,}+|(?<!\d)\d{6,20}+(?:\||%(?:25)*+7[Cc])[\w-]{20,}+"
    r"|eyJ[\w-]{1,500}\.eyJ[\w-]++\.[\w-]*+|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*+"
)
# Without any of these in a text none of the patterns matches. None has an i, of which they take more kinds,
# but where the case matters.
_SIGNS = (
    "token secret key pass author cook nature credent bearer bas @ %40 2540"
    " eaa ya29. //0 \\/0 2f0 aiza gocspx whsec_ | %7c 257c eyj"
).split()
REDACTED = "[redacted]"
_LEAST_SECRET = 16  # what is shorter may be a word
_MOST_SECRETS = 200
_secrets: dict[str, None] = {}  # that this process holds, the latest last


def keep_secret(value: str) -> None:
    """Have `redact` take `value` out wherever it stands: a platform may not say what it quotes."""
    if len(value) >= _LEAST_SECRET and value not in _secrets:
        _secrets[value] = None
        if len(_secrets) > _MOST_SECRETS:
            _secrets.pop(next(iter(_secrets)), None)


def redact(text: str) -> str:
    """Return `text` without the values of tokens, proofs, keys and passwords: SDKs quote whole requests."""
    for secret in tuple(_secrets):
        if secret in text:
            text = text.replace(secret, REDACTED)
    folded = text.casefold()
    if not any(sign in folded for sign in _SIGNS):
        return text  # as most lines of a log: the patterns would take longer than writing it
    text = re.sub(_SHAPES, REDACTED, text)
    for pattern in _NAMED:
        text = re.sub(pattern, _without_value, text)
    return text


def _without_value(found: re.Match[str]) -> str:
    of = found.groupdict(default="")
    if held := of.get("held"):
        return f"{of['name']}{held}{of['mark']}{REDACTED}{of['mark']}"
    return f"{of['name']}{of['between']}{of.get('quote', '')}{REDACTED}"


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
