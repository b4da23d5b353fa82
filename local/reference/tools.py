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
    found = [_declaration(action) for action in ACTIONS.values()]
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
    if not {"type", "properties", "enum"} & schema.keys():  # anything
        return _as_text(found)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    found["type"] = kind.upper()
    if kind == "array":
        inner = schema.get("items") or schema.get("prefixItems", [{"type": "string"}])[0]
        found["items"] = _plain(inner, models, depth + 1)
    if kind == "object" and depth and not (fields := schema.get("properties") if depth < _DEPTH else None):
        return _as_text(found)
    if kind == "object":
        fields = schema.get("properties", {})
        found["properties"] = {name: _plain(value, models, depth + 1) for name, value in fields.items()}
        found["required"] = [name for name in found.get("required", []) if name in found["properties"]]
    return found


def _as_text(found: Json) -> Json:
    """Return an object without named fields as its JSON text, which the models read too: Gemini refuses
    declarations with an object whose properties are empty."""
    kept = {key: value for key, value in found.items() if key != "required"}
    return {**kept, "type": "STRING", "description": f"{found.get('description', '')} (as JSON text)".strip()}


def _choice(schema: Json, kinds: list[Json], models: Json, depth: int) -> Json:
    """Return one of several kinds, as Gemini's schemas have no alternatives: all fields of the actions of a
    rule, else the first kind that is more than a constant. The others are named."""
    ordered = sorted(kinds, key=lambda kind: "const" in kind)
    plain = [_plain(kind, models, depth) for kind in ordered]
    if "discriminator" in schema:
        found, others = _together(plain), []
    else:
        found, others = plain[0], plain[1:]
    if "description" in schema:
        found["description"] = schema["description"]
    if others:
        words = ", ".join(_word(kind, other) for kind, other in zip(ordered[1:], others, strict=True))
        found["description"] = f"{found.get('description', '')} (or: {words})".strip()
    if {"type": "null"} in schema.get("anyOf", []):
        found["nullable"] = True
    return found


def _together(kinds: list[Json]) -> Json:
    """Return one schema with the fields of all, in which only those are required that all of them require."""
    first, *others = kinds
    for other in others:
        fields = {**first["properties"], **other["properties"]}
        for name in first["properties"].keys() & other["properties"].keys():
            fields[name] = _both(first["properties"][name], other["properties"][name])
        needed = [name for name in first.get("required", []) if name in other.get("required", [])]
        first = {**first, "properties": fields, "required": needed}
    return first


def _both(one: Json, other: Json) -> Json:
    """Return a field that two kinds have: its words of both, or for an object its fields of both."""
    if "enum" in one and "enum" in other:
        return {**one, "enum": [*dict.fromkeys([*one["enum"], *other["enum"]])]}
    return _together([one, other]) if one["type"] == other["type"] == "OBJECT" else one


def _word(kind: Json, plain: Json) -> str:
    return f'"{kind["const"]}"' if "const" in kind else str(plain["type"].lower())


def _without(schema: Json, name: str) -> Json:
    return {key: value for key, value in schema.items() if key != name}
