"""The logger and the metrics of contract.md section 6, both by Powertools, both without secrets."""

from __future__ import annotations

import logging
import os
import sys
from contextvars import ContextVar
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.logging.types import LogRecord
from aws_lambda_powertools.metrics import MetricUnit

from campaign_automation.utils.metrics.families import Tally
from campaign_automation.utils.redaction import redact

NAMESPACE = "CampaignAutomation"
# The caller's, of what is being answered; None in what no caller asked for.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
session_id: ContextVar[str | None] = ContextVar("session_id", default=None)
# They log every request, some with its whole URL.
LIBRARIES = (
    "asyncio",
    "boto3",
    "botocore",
    "facebook_business",
    "google",
    "grpc",
    "httpcore",
    "httpx",
    "redis",
    "requests",
    "s3transfer",
    "urllib3",
)


class _RedactingFormatter(LambdaPowertoolsFormatter):
    """The formatter that redacts whole lines, stack traces too: SDK exceptions quote URLs with tokens."""

    def serialize(self, log: LogRecord) -> str:
        try:
            line = super().serialize(log)
        except Exception:  # of any class: an object's own text may raise, and a log line must not
            line = super().serialize({name: _shown(value) for name, value in log.items()})
        # Texts of the world outside may hold what no log can carry.
        return redact(line).encode(errors="backslashreplace").decode()


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"


class _Redacted(logging.Formatter):
    """The redaction of another formatter's output: message, arguments, extras and exception."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._formatter.format(record)).encode(errors="backslashreplace").decode()


def keep_secrets() -> None:
    """Let libraries log warnings only, and redact what the handlers of Lambda's own log write."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.root.handlers:
        if not isinstance(handler.formatter, _Redacted):
            handler.setFormatter(_Redacted(handler.formatter or logging.Formatter()))


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # elsewhere logging belongs to the caller
    keep_secrets()

logger = Logger(
    # Standard output belongs to Lambda's log there, and to the embedding program elsewhere.
    stream=sys.stdout if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else sys.stderr,
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "campaign-automation"),
    logger_formatter=_RedactingFormatter(),
)

_UNITS = {"seconds": MetricUnit.Seconds}

tally = Tally()  # of this process, stored after each invocation where a scrape is to see it


def emit(name: str, value: float = 1, *, at_ms: int | None = None, **dimensions: str) -> None:
    """Count one metric, and in Lambda emit it as EMF; elsewhere nobody reads standard output for metrics.

    `at_ms` is the time that it is counted at, in place of now.
    """
    tally.count(name, value, dimensions)
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return
    unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), MetricUnit.Count)
    # Metrics differ in their dimensions, so each travels in an EMF line of its own.
    with single_metric(name=name, unit=unit, value=value, namespace=NAMESPACE) as metric:
        for key, dimension in dimensions.items():
            metric.add_dimension(name=key, value=dimension)
        if at_ms is not None:
            metric.set_timestamp(at_ms)


def internal_error(message: str, **facts: Any) -> None:
    """Log the exception at hand, which is a fault of the module itself, and count it for the alarms."""
    logger.exception(message, stacklevel=3, **facts)
    count_internal_error()


def count_internal_error() -> None:
    """Count a fault of the module itself that its function answers for, so that Lambda sees no error."""
    emit("internal_errors_total", function=_function())


def raised_as_answer(started_ms: int) -> None:
    """Count an invocation whose error is an answer: Lambda counts it as failed, and the alarms take it off.

    `started_ms` puts it beside Lambda's own count, which is of the time of the call.
    """
    emit("errors_as_answers_total", at_ms=started_ms, function=_function())


def _function() -> str:
    """Return the function's name, which alarms watch; a process of its own has none."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "process")


def platform_call(platform: str, operation: str, status: str) -> None:
    """Count one request to an ad platform; `status` is ok or our error type."""
    emit("platform_api_calls_total", platform=platform, operation=operation, status=status)
