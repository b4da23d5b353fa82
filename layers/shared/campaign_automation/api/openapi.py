"""The OpenAPI document, from the table of actions and the models that parse the requests."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.models.common import DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS

_ERROR = {
    "type": "object",
    "required": ["status", "error"],
    "properties": {
        "status": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["code", "type", "message", "details", "timestamp", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "type": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
                "timestamp": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "null in what the gateway itself refuses: its Date header has the time",
                },
                "request_id": {"type": "string"},
            },
        },
    },
}


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all actions."""
    paths: dict[str, Any] = {}
    for action in ACTIONS.values():
        paths.setdefault(action.path, {})[action.method.lower()] = _operation(action)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Campaign Automation", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {**_schemas(), "Error": _ERROR},
            "securitySchemes": {"jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"jwt": []}],
    }


def _schemas() -> dict[str, Any]:
    actions = ACTIONS.values()
    inputs = [(action.request, "validation") for action in actions if action.has_body]
    outputs = [
        (model, "serialization")
        for action in actions
        for models in action.answers.values()
        for model in models
    ]
    _, definitions = models_json_schema(
        [*inputs, *outputs],  # type: ignore[list-item]
        ref_template="#/components/schemas/{model}",
    )
    # A model that is both asked and answered has two descriptions: "Rule-Input" and "Rule-Output".
    text = json.dumps(definitions.get("$defs", {})).replace("-Input", "").replace("-Output", "Answer")
    schemas: dict[str, Any] = json.loads(text)
    for action in actions:
        if action.has_body:
            _leave_out(schemas[action.request.__name__], action.path_names)
    return schemas


def _leave_out(schema: dict[str, Any], names: list[str]) -> None:
    """Remove the parameters of the path from the schema of the body."""
    for name in names:
        schema["properties"].pop(name, None)
        if name in schema.get("required", []):
            schema["required"].remove(name)


def _operation(action: Action) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": action.name,
        "summary": action.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in action.path_names),
            *({"name": name, "in": "query", "schema": _TEXT} for name in action.query_names),
            *(_HEADERS if action.changes else []),
        ],
        "responses": {
            str(status): _content([model.__name__ for model in models], models[0].__doc__ or action.name)
            for status, models in action.answers.items()
        }
        | {"default": _content(["Error"], "the error envelope")},
    }
    if action.is_public:
        operation["security"] = []
    if action.has_body:
        operation["requestBody"] = {"required": True, **_content([action.request.__name__], "")}
        operation["requestBody"].pop("description")
    return operation


_TEXT = {"type": "string"}
_HEADERS: list[dict[str, Any]] = [
    {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}},
    {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "description": f"wait=N: seconds (default {DEFAULT_WAIT_SECONDS}, at most {LONGEST_WAIT_SECONDS})"
        " before a creation that goes on answers 202; respond-async does not wait",
    },
    {"name": "Content-Language", "in": "header", "schema": {"enum": ["en", "zh"]}},
]


def _content(models: list[str], description: str) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{model}"} for model in models]
    schema = references[0] if len(references) == 1 else {"oneOf": references}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
