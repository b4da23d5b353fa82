"""The reference from the OpenAPI document: its operations and models as the templates show them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, select_autoescape

from campaign_automation.actions import ACTIONS
from campaign_automation.api.openapi import document, errors_of
from campaign_automation.api.reference.words import examples
from campaign_automation.utils.error_handler import CODES
from local.reference import samples

Json = dict[str, Any]
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
}


class Part(NamedTuple):
    """A piece of a type's text; `model` names what it links to."""

    text: str
    model: str | None = None


class Field(NamedTuple):
    name: str
    kind: list[Part]
    is_required: bool
    about: str
    more: str


class Model(NamedTuple):
    name: str
    about: str
    fields: list[Field]


class Operation(NamedTuple):
    """One action as the pages show it."""

    name: str
    method: str
    path: str
    summary: str
    about: str
    fields: list[Field]
    answers: dict[str, list[str]]
    errors: dict[str, str]
    curl: str
    python: str


def markdown() -> str:
    """Return docs/api.md."""
    return _rendered("reference.md.j2")


def html() -> str:
    """Return the reference as one page that asks for nothing else."""
    return _rendered("reference.html.j2")


def _rendered(template: str) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html", "html.j2"], default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    described = document()
    models = described["components"]["schemas"]
    return environment.get_template(template).render(
        info=described["info"],
        subjects=[(tag, [*_operations(described, tag["name"])]) for tag in described["tags"]],
        codes=CODES,
        models=[_model(name, schema) for name, schema in sorted(models.items())],
    )


def _operations(described: Json, tag: str) -> Iterator[Operation]:
    models, shown = described["components"]["schemas"], examples()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if operation["tags"] != [tag]:
                continue
            action = ACTIONS[operation["operationId"]]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            asked = models[body["schema"]["$ref"].rpartition("/")[2]] if body else {}
            answers = operation["responses"].items()
            yield Operation(
                action.name,
                method.upper(),
                path,
                operation["summary"],
                operation["description"],
                [*map(_parameter, operation["parameters"]), *_fields(asked)],
                {status: _linked(answer) for status, answer in answers if status.startswith("2")},
                {str(status): ", ".join(codes) for status, codes in errors_of(action).items()},
                samples.curl(action, shown[action.name]),
                samples.python(action, shown[action.name]),
            )


def _linked(answer: Json) -> list[str]:
    schema = answer["content"]["application/json"]["schema"]
    return [item["$ref"].rpartition("/")[2] for item in schema.get("oneOf", [schema])]


def _model(name: str, schema: Json) -> Model:
    return Model(name, " ".join(schema.get("description", "").split()), _fields(schema))


def _parameter(given: Json) -> Field:
    place = f"in the {given['in']}"
    return Field(
        given["name"],
        _kind(given["schema"]),
        given.get("required", False),
        given["description"],
        "; ".join([place, *_more(given["schema"])]),
    )


def _fields(schema: Json) -> list[Field]:
    needed = schema.get("required", [])
    return [
        Field(name, _kind(value), name in needed, value["description"], "; ".join(_more(value)))
        for name, value in schema.get("properties", {}).items()
    ]


def _kind(schema: Json) -> list[Part]:
    """Return the type of a value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [Part(name, name)]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _joined([_kind(item) for item in schema[key]])
    if "enum" in schema:
        return [Part(", ".join(map(str, schema["enum"])))]
    if "const" in schema:
        return [Part(f"always {schema['const']}")]
    kind = schema.get("type", "any value")
    if kind == "array":
        inner = schema.get("items") or {"anyOf": schema.get("prefixItems", [{}])}
        return [Part("list of "), *_kind(inner)]
    return [Part(" or ".join(kind) if isinstance(kind, list) else str(schema.get("format", kind)))]


def _joined(kinds: list[list[Part]]) -> list[Part]:
    joined: list[Part] = []
    for kind in kinds:
        joined += [Part(" or "), *kind] if joined else kind
    return joined


def bounds(schema: Json) -> list[str]:
    """Return the bounds of a value in words."""
    kinds = [schema, *schema.get("anyOf", [])]
    return [text.format(kind[key]) for kind in kinds for key, text in _BOUNDS.items() if key in kind]


def _more(schema: Json) -> list[str]:
    """Return the bounds of a value and what it is when it is left out."""
    default = schema.get("default")
    found = bounds(schema)
    return found if default in (None, [], {}, "") else [*found, f"default {_plain(default)}"]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
