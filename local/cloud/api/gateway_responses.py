"""The answers API Gateway gives by itself, and the templates that customise them.

Source: API Gateway developer guide, "Gateway response types" and "$context variables".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

VARIABLE = re.compile(r"\$context\.([A-Za-z][\w.]*[\w])")
DEFAULT_TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
HEADER = "gatewayresponse.header."

# response type: (status, x-amzn-ErrorType)
TYPES = {
    "ACCESS_DENIED": (403, "AccessDeniedException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": (500, "AuthorizerConfigurationException"),
    "BAD_REQUEST_BODY": (400, "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": (400, "BadRequestException"),
    "INTEGRATION_TIMEOUT": (504, "InternalServerErrorException"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "MissingAuthenticationTokenException"),
    "REQUEST_TOO_LARGE": (413, "RequestTooLargeException"),
    "UNAUTHORIZED": (401, "UnauthorizedException"),
    # No documented type: API Gateway answers a broken integration response through DEFAULT_5XX.
    "DEFAULT_5XX": (502, "InternalServerErrorException"),
}


class GatewayError(Exception):
    """API Gateway answers in place of the integration. `details` may hold a validationErrorString."""

    def __init__(self, response_type: str, message: str | None, **details: str) -> None:
        super().__init__(message)
        self.response_type = response_type
        self.message = message
        self.details = details


class GatewayResponses:
    """The responses of one API: its `x-amazon-apigateway-gateway-responses` over the defaults."""

    def __init__(self, customised: Mapping[str, Any]) -> None:
        self._customised = customised

    def render(self, error: GatewayError, context: Mapping[str, Any]) -> Response:
        """The response for `error`; `context` holds dotted $context names and their values."""
        status, kind = TYPES[error.response_type]
        custom = self._customised.get(error.response_type) or self._customised.get(
            f"DEFAULT_{status // 100}XX"
        )
        custom = custom or {}
        variables = {**context, **_error_variables(error)}
        templates = custom.get("responseTemplates") or DEFAULT_TEMPLATES
        content_type, template = next(iter(templates.items()))
        response = Response(
            fill(template, variables), int(custom.get("statusCode", status)), content_type=content_type
        )
        response.headers["x-amzn-ErrorType"] = kind
        for name, value in custom.get("responseParameters", {}).items():
            if name.startswith(HEADER):
                response.headers[name.removeprefix(HEADER)] = _header(value, variables)
        return response


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """Replace $context variables; gateway responses know no other expression. Unset ones become "-"."""
    return VARIABLE.sub(lambda match: str(variables.get(match[1], "-")), template)


def _error_variables(error: GatewayError) -> dict[str, Any]:
    return {
        "error.message": error.message or "null",
        "error.messageString": json.dumps(error.message),
        "error.responseType": error.response_type,
        **{f"error.{name}": value for name, value in error.details.items()},
    }


def _header(value: str, variables: Mapping[str, Any]) -> str:
    if value.startswith("'"):
        return value.strip("'")
    return str(variables.get(value.removeprefix("context."), ""))
