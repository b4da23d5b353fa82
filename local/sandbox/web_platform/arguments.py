"""Checking a tool's arguments, with the facts the Web Platform gives about a wrong one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

Json = dict[str, Any]


class ToolRefusal(Exception):
    """A tool said no; `data` explains it in machine-readable form."""

    def __init__(self, message: str, data: Json | None = None) -> None:
        super().__init__(message)
        self.data = data or {}


@dataclass(frozen=True)
class Argument:
    """One argument of a tool; `kind` is a JSON schema type, "id" (integer or digits) or "date"."""

    kind: str
    required: bool = False
    allowed: tuple[str, ...] = ()

    def schema(self) -> Json:
        special: dict[str, Json] = {
            "id": {"type": ["integer", "string"]},
            "date": {"type": "string", "format": "date"},
        }
        shown = special.get(self.kind, {"type": self.kind})
        return shown | ({"enum": list(self.allowed)} if self.allowed else {})


Signature = Mapping[str, Argument]


def checked(arguments: Json, signature: Signature) -> Json:
    """The known arguments, converted; unknown ones are dropped. Raises ToolRefusal."""
    missing = [n for n, a in signature.items() if a.required and arguments.get(n) in (None, "")]
    if missing:
        raise _refusal(missing[0], signature[missing[0]], None)
    sent = {name: value for name, value in arguments.items() if name in signature and value is not None}
    return {name: _converted(name, signature[name], value) for name, value in sent.items()}


def input_schema(signature: Signature) -> Json:
    return {
        "type": "object",
        "properties": {name: argument.schema() for name, argument in signature.items()},
        "required": [name for name, argument in signature.items() if argument.required],
        "additionalProperties": False,
    }


def amount(value: float, name: str) -> float:
    """An amount of money above zero with at most two decimals. Raises ToolRefusal."""
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        exact = Decimal(-1)
    exponent = exact.normalize().as_tuple().exponent
    if exact <= 0 or not isinstance(exponent, int) or exponent < -2:
        raise ToolRefusal(
            f"Invalid {name}: an amount above 0 with at most 2 decimals is expected",
            {"parameter": name, "expected": "amount > 0, 2 decimals at most", "received": value},
        )
    return float(exact)


def _converted(name: str, argument: Argument, value: Any) -> Any:
    if not _fits(argument.kind, value) or (argument.allowed and value not in argument.allowed):
        raise _refusal(name, argument, value)
    return int(value) if argument.kind == "id" else value


def _fits(kind: str, value: Any) -> bool:
    if kind == "id":
        return _is_integer(value) or (isinstance(value, str) and value.isdigit())
    if kind == "integer":
        return _is_integer(value)
    if kind == "number":
        return _is_integer(value) or isinstance(value, float)
    if kind == "date":
        return isinstance(value, str) and _is_date(value)
    python_type = {"string": str, "object": dict, "array": list, "boolean": bool}[kind]
    return isinstance(value, python_type)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _refusal(name: str, argument: Argument, received: Any) -> ToolRefusal:
    allowed: Collection[str] = argument.allowed
    data: Json = {"parameter": name, "expected": argument.kind, "received": received}
    if allowed:
        data["allowed_values"] = list(allowed)
    problem = "is required" if received is None else "is invalid"
    return ToolRefusal(f"Parameter {name} {problem}", data)
