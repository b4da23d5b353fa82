"""The meaning of each field, put into the schemas of the models."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

ANY = "any"
FIELDS: dict[str, dict[str, str]] = tomllib.loads(
    files(__package__).joinpath("fields.toml").read_text(encoding="utf-8")
)


def meaning(model: str, field: str) -> str:
    """Return the meaning of a field of a model. Raises KeyError for one without words."""
    own = FIELDS.get(model, {})
    return own[field] if field in own else FIELDS[ANY][field]


def described(model: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a model with the meaning of each of its fields, and without pydantic's titles."""
    fields = {name: _field(model, name, value) for name, value in schema.get("properties", {}).items()}
    return {**schema, "title": model, **({"properties": fields} if fields else {})}


def _field(model: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in schema.items() if key != "title"}
    if plain.get("type") == "number" and isinstance(plain.get("default"), str):
        plain["default"] = float(plain["default"])  # a Decimal, which pydantic writes as a text
    return {"description": meaning(model, name), **plain}


def examples() -> dict[str, dict[str, Any]]:
    """Return a request of each action by its name, in an order in which they can be sent."""
    return tomllib.loads(files(__package__).joinpath("examples.toml").read_text(encoding="utf-8"))
