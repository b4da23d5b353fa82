"""The methods of a REST API, read from the transformed OpenAPI body (Swagger 2.0 or OpenAPI 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft4Validator  # type: ignore[import-untyped]
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from local.cloud.api.authorizer import Authorizer
from local.cloud.api.gateway_responses import GatewayError
from local.cloud.stack.intrinsics import TemplateError
from local.cloud.stack.resources import RestApi

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method"}
INTEGRATION_URI = re.compile(r":lambda:path/2015-03-31/functions/(.+)/invocations$")
PATH_VARIABLE = re.compile(r"\{([^{}+]+)(\+?)\}")


@dataclass(frozen=True, eq=False)
class Route:
    """One method of one path."""

    method: str
    path: str
    function: str
    authorizer: Authorizer | None
    body_validator: Draft4Validator | None
    body_required: bool
    required_parameters: tuple[tuple[str, str], ...]

    def check_parameters(self, query: MultiDict[str, str], headers: Headers) -> None:
        """Raises GatewayError naming the required parameters that are missing."""
        places: dict[str, MultiDict[str, str] | Headers] = {"query": query, "header": headers}
        missing = [name for place, name in self.required_parameters if name not in places[place]]
        if missing:
            message = f"Missing required request parameters: [{', '.join(missing)}]"
            raise GatewayError("BAD_REQUEST_PARAMETERS", message)

    def check_body(self, body: Any) -> None:
        """Raises GatewayError when the parsed JSON, None for an empty body, breaks the model."""
        if self.body_validator and (body is not None or self.body_required):
            errors = [error.message for error in self.body_validator.iter_errors(body)]
            if errors:
                text = f"[{', '.join(errors)}]"
                raise GatewayError("BAD_REQUEST_BODY", "Invalid request body", validationErrorString=text)


class RouteTable:
    """Finds the route of a request."""

    def __init__(self, api: RestApi) -> None:
        rules = [
            Rule(_werkzeug_path(route.path), endpoint=route, methods=_methods(route.method))
            for route in read_routes(api.body)
        ]
        self._map = Map(rules, strict_slashes=False, merge_slashes=False)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters. Raises GatewayError when there is none."""
        try:
            route, values = self._map.bind("localhost").match(path, method)
        except HTTPException:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token") from None
        return route, dict(values)


def read_routes(body: Mapping[str, Any]) -> Iterator[Route]:
    """Every method of the API that a Lambda function answers."""
    schemes = body.get("securityDefinitions") or body.get("components", {}).get("securitySchemes", {})
    authorizers = {
        name: Authorizer.from_scheme(scheme, function_of_uri)
        for name, scheme in schemes.items()
        if "x-amazon-apigateway-authorizer" in scheme
    }
    for path, item in body["paths"].items():
        for method in METHODS & set(item):
            yield _route(path, method, item[method], body, authorizers)


def function_of_uri(uri: str) -> str:
    """The function's ARN inside an integration or authorizer URI."""
    match = INTEGRATION_URI.search(uri)
    if match is None:
        raise TemplateError(f"only Lambda integrations run here, not {uri}")
    return match[1]


def _route(
    path: str,
    method: str,
    operation: Mapping[str, Any],
    body: Mapping[str, Any],
    authorizers: Mapping[str, Authorizer],
) -> Route:
    integration = operation["x-amazon-apigateway-integration"]
    names = [
        name for requirement in operation.get("security", body.get("security", [])) for name in requirement
    ]
    validator = body.get("x-amazon-apigateway-request-validators", {}).get(
        operation.get("x-amazon-apigateway-request-validator")
        or body.get("x-amazon-apigateway-request-validator"),
        {},
    )
    schema, required = _body_schema(operation) if validator.get("validateRequestBody") else (None, False)
    return Route(
        method="ANY" if method.startswith("x-") else method.upper(),
        path=path,
        function=function_of_uri(integration.get("uri", f"{integration['type']} at {path}")),
        authorizer=next((authorizers[name] for name in names if name in authorizers), None),
        # `#/definitions/...` and `#/components/...` are looked up in the document that holds the schema.
        body_validator=Draft4Validator({**_models(body), **schema}) if schema else None,
        body_required=required,
        required_parameters=_required(operation) if validator.get("validateRequestParameters") else (),
    )


def _body_schema(operation: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    if "requestBody" in operation:
        request = operation["requestBody"]
        return request["content"].get("application/json", {}).get("schema"), request.get("required", False)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "body":
            return parameter["schema"], parameter.get("required", False)
    return None, False


def _models(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in ("definitions", "components") if key in body}


def _required(operation: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (parameter["in"], parameter["name"])
        for parameter in operation.get("parameters", [])
        if parameter["in"] in ("query", "header") and parameter.get("required")
    )


def _methods(method: str) -> list[str] | None:
    return None if method == "ANY" else [method]


def _werkzeug_path(path: str) -> str:
    return PATH_VARIABLE.sub(lambda m: f"<path:{m[1]}>" if m[2] else f"<{m[1]}>", path)
