"""Bad input becomes one typed error that names the field, what is wrong with it and what would be right."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from campaign_automation.utils.error_handler import InvalidRequestError

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], value: Any) -> M:
    """`value` as a `model`. Raises InvalidRequestError naming the first wrong field and what is allowed."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid(model, error) from None


def _invalid(model: type[BaseModel], error: ValidationError) -> InvalidRequestError:
    problems = [_problem(model, dict(item)) for item in error.errors(include_url=False)]
    first = problems[0]
    message = "; ".join(f"{item['field']}: {item['problem']}" for item in problems)
    return InvalidRequestError(message, field=first["field"], allowed=first.get("allowed"), errors=problems)


def _problem(model: type[BaseModel], item: dict[str, Any]) -> dict[str, Any]:
    path = [str(part) for part in item["loc"] if not _is_union_branch(part)]
    problem: dict[str, Any] = {"field": ".".join(path) or "parameters", "problem": _words(item)}
    if item["type"] == "extra_forbidden" and len(path) == 1:
        problem["allowed"] = sorted(model.model_fields)
    elif "expected" in item.get("ctx", {}):
        problem["allowed"] = item["ctx"]["expected"]
    return problem


def _is_union_branch(part: Any) -> bool:
    """pydantic puts the branch of a union into the path: "audience.Lookalike.lookalike"."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part or "-" in part)


def _words(item: dict[str, Any]) -> str:
    words: str = item["msg"].removeprefix("Value error, ")
    words = {"extra_forbidden": "unknown field", "missing": "is required"}.get(item["type"], words)
    return words[:1].lower() + words[1:] if words[:5] in ("Input", "Value") else words
