"""The actions as tools of programs: of the Model Context Protocol, and as declarations of Gemini."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action, Key
from campaign_automation.api.openapi import VERSION, request_schema
from local.reference.pages import bounds

Json = dict[str, Any]
FUNCTIONS = Path(__file__).parents[2] / "functions"
# A tree of conditions is described this deep to Gemini, which knows no schema that holds itself.
_DEPTH = 9
_GEMINI_KEYS = ("description", "enum", "minItems", "maxItems", "required")


def catalogue() -> str:
    """Return functions/mcp/tools.json: each tool with the function, route and role of its action."""
    folders = {name: folder for folder, names in _folders() for name in names}
    tools = [
        {
            "name": action.name,
            "method": action.method,
            "path": action.path,
            "path_names": action.path_names,
            "has_body": action.has_body,
            "role": action.role,
            "function": folders[action.name],
            "shown": _shown(action),
        }
        for action in ACTIONS.values()
    ]
    return json.dumps({"version": VERSION, "tools": tools}, indent=1, ensure_ascii=False) + "\n"


def gemini() -> str:
    """Return the function declarations for Gemini, with what its schemas know of ours."""
    found = [
        {
            "name": action.name,
            "description": _about(action),
            **(
                {"parameters": parameters}
                if (parameters := _plain(request_schema(action), {}))["properties"]
                else {}
            ),
        }
        for action in ACTIONS.values()
    ]
    return json.dumps({"functionDeclarations": found}, indent=1, ensure_ascii=False) + "\n"


def _declaration(action: Action) -> Json:
    parameters = _plain(request_schema(action), {})
    taken = {"parameters": parameters} if parameters["properties"] else {}
    return {"name": action.name, "description": _about(action), **taken}


def _folders() -> Iterator[tuple[str, list[str]]]:
    """Yield each function's folder with the actions that its handler is made for."""
    for path in sorted(FUNCTIONS.glob("*/app.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = [
            str(argument.value)
            for call in calls
            if isinstance(call.func, ast.Name) and call.func.id == "handler"
            for argument in call.args
            if isinstance(argument, ast.Constant)
        ]
        yield path.parent.name, names


def _shown(action: Action) -> Json:
    return {
        "name": action.name,
        "description": _about(action),
        "inputSchema": request_schema(action),
        "annotations": {
            "title": action.summary.rstrip("."),
            "readOnlyHint": not action.changes,
            "destructiveHint": action.is_destructive,
            # The same call again changes nothing more: it reads, or its key is derived from the request.
            "idempotentHint": action.key in (Key.NONE, Key.DERIVED, Key.CAMPAIGN),
            "openWorldHint": True,
        },
    }


def _about(action: Action) -> str:
    return f"{action.summary} {' '.join((action.request.__doc__ or '').split())} Role: {action.role}."


def _plain(schema: Json, models: Json, depth: int = 0) -> Json:
    """Return a schema in the words that Gemini knows: no references, no null type, no constants."""
    models = schema.get("$defs", models)
    if "$ref" in schema:
        kind = models[schema["$ref"].rpartition("/")[2]]
        return _plain(
            {**kind, **{key: value for key, value in schema.items() if key != "$ref"}}, models, depth
        )
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _choice(schema, [kind for kind in schema[key] if kind != {"type": "null"}], models, depth)
    if "const" in schema:
        return _plain(
            {**_without(schema, "const"), "type": "string", "enum": [schema["const"]]}, models, depth
        )
    found = {key: schema[key] for key in _GEMINI_KEYS if key in schema}
    if more := "; ".join(bounds(schema)):
        found["description"] = f"{found.get('description', '')} ({more})".strip()
    kind = schema.get("type", "object" if "properties" in schema else "string")
    found["type"] = kind.upper()
    if kind == "array":
        inner = schema.get("items") or schema.get("prefixItems", [{"type": "string"}])[0]
        found["items"] = _plain(inner, models, depth + 1)
    if kind == "object":
        fields = schema.get("properties", {}) if depth < _DEPTH else {}
        found["properties"] = {name: _plain(value, models, depth + 1) for name, value in fields.items()}
        found["required"] = [name for name in found.get("required", []) if name in found["properties"]]
    return found


def _choice(schema: Json, kinds: list[Json], models: Json, depth: int) -> Json:
    """Return one of several kinds: Gemini's schemas have no alternatives that our models all fit."""
    found = _plain(kinds[0], models, depth)
    if "description" in schema:
        found["description"] = schema["description"]
    if len(kinds) > 1:
        texts = [_plain(kind, models, depth)["type"].lower() for kind in kinds[1:]]
        found["description"] = f"{found.get('description', '')} (or: {', '.join(texts)})".strip()
    if {"type": "null"} in schema.get("anyOf", []):
        found["nullable"] = True
    return found


def _without(schema: Json, name: str) -> Json:
    return {key: value for key, value in schema.items() if key != name}
