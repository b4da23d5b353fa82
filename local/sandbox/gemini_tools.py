"""The check of function declarations, with the refusals of Gemini's API for schemas it does not take."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
# Schema types arrive as words, or as numbers from clients that encode enums so.
TYPES = {1: "STRING", 2: "NUMBER", 3: "INTEGER", 4: "BOOLEAN", 5: "ARRAY", 6: "OBJECT"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def type_of(schema: Json) -> str:
    """Return the type of a schema as a word."""
    return TYPES.get(schema.get("type", 0), str(schema.get("type", "STRING")).upper())


def refusal(asked: Json) -> str | None:
    """Return the API's message on the first declaration that it does not take, or None."""
    for number, tool in enumerate(asked.get("tools", [])):
        for place, declared in enumerate(tool.get("functionDeclarations", [])):
            where = f"GenerateContentRequest.tools[{number}].function_declarations[{place}]"
            if not _NAME.fullmatch(declared.get("name", "")):
                return f"* {where}.name: Invalid function name.\n"
            for problem in _problems(f"{where}.parameters", declared.get("parameters")):
                return f"* {problem}\n"
    return None


def _problems(where: str, schema: Json | None) -> Iterator[str]:
    if schema is None:
        return
    kind, fields = type_of(schema), schema.get("properties", {})
    if kind == "OBJECT" and not fields:
        yield f"{where}.properties: should be non-empty for OBJECT type"
    if kind == "ARRAY" and not schema.get("items"):
        yield f"{where}.items: missing field."
    if schema.get("enum") and kind != "STRING":
        yield f"{where}.enum: only allowed for STRING type"
    for place, name in enumerate(schema.get("required", [])):
        if name not in fields:
            yield f"{where}.required[{place}]: property is not defined"
    yield from _problems(f"{where}.items", schema.get("items"))
    for name, inner in fields.items():
        yield from _problems(f"{where}.properties[{name}]", inner)
