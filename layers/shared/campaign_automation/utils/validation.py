"""The parsing of input: wrong input becomes one typed error with the field, the fault and the right form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from campaign_automation.utils.error_handler import InvalidRequestError

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], value: Any) -> M:
    """Parse `value` as a `model`; InvalidRequestError names the first wrong field and the allowed values."""
    if (field := _half_character(value)) is not None:
        raise InvalidRequestError(
            f"{field}: holds half of a character (a lone surrogate, as of a cut emoji); send whole ones",
            field=field,
        )
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid(model, error) from None


def _half_character(value: Any) -> str | None:
    """Return the path of the first text that UTF-8 cannot carry, or None."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:  # no recursion: a body may be nested deeper than Python allows
        path, item = waiting.pop()
        if isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                return path or "parameters"
        elif isinstance(item, Mapping):
            waiting += [(path or "parameters", key) for key in item]
            waiting += [(f"{path}.{key}" if path else str(key), part) for key, part in item.items()]
        elif isinstance(item, list | tuple):
            waiting += [(f"{path}.{index}" if path else str(index), part) for index, part in enumerate(item)]
    return None


def _invalid(model: type[BaseModel], error: ValidationError) -> InvalidRequestError:
    problems = [_problem(model, dict(item)) for item in error.errors(include_url=False)]
    first = problems[0]
    message = "; ".join(f"{item['field']}: {item['problem']}" for item in problems)
    return InvalidRequestError(message, field=first["field"], allowed=first.get("allowed"), errors=problems)


def _problem(model: type[BaseModel], item: dict[str, Any]) -> dict[str, Any]:
    path = [str(part) for part in item["loc"] if not _is_union_branch(part)]
    problem: dict[str, Any] = {"field": ".".join(path) or "parameters", "problem": _sentence(item)}
    if item["type"] == "extra_forbidden" and len(path) == 1:
        problem["allowed"] = sorted(model.model_fields)
    elif "expected" in item.get("ctx", {}):
        problem["allowed"] = item["ctx"]["expected"]
    return problem


def _is_union_branch(part: Any) -> bool:
    """Return whether a part of the path is the branch of a union, as in "audience.Lookalike.lookalike"."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part or "-" in part)


def _sentence(item: dict[str, Any]) -> str:
    text: str = item["msg"].removeprefix("Value error, ")
    text = {"extra_forbidden": "unknown field", "missing": "is required"}.get(item["type"], text)
    # pydantic's own messages begin with a capital and follow the field's name here.
    return text[:1].lower() + text[1:] if text[:5] in ("Input", "Value") else text
