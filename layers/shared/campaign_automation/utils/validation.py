"""The parsing of input: wrong input becomes one typed error with the field, the fault and the right form.

What others answer is not refused for its text: half of a character is replaced where their JSON is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from campaign_automation.utils.error_handler import InvalidRequestError

M = TypeVar("M", bound=BaseModel)

_LONGEST_WORDS = 1000  # characters: what is longer is a page or a dump
_DEEPEST = 1000  # levels of a request; the models refuse what has more than they know
_DEEPEST_PLAIN = 100  # far below what Python recurses


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
        raise _invalid(model, value, error) from None


def _half_character(value: Any) -> str | None:
    """Return the path of the first text that UTF-8 cannot carry, or None.

    Raises InvalidRequestError for what is nested too deep, as a value is that holds itself, and for a name of
    a field that is no text, which JSON cannot have.
    """
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:  # no recursion: a body may be nested deeper than Python allows
        path, item, depth = waiting.pop()
        if depth > _DEEPEST:
            field = path.partition(".")[0]
            raise InvalidRequestError(f"{field}: is nested deeper than {_DEEPEST} levels", field=field)
        if isinstance(item, str):
            if not is_whole(item):
                return path or "parameters"
        elif isinstance(item, Mapping):
            field = path or "parameters"
            if not all(isinstance(key, str) for key in item):
                raise InvalidRequestError(f"{field}: the name of each field should be text", field=field)
            waiting += [(field, key, depth) for key in item]
            waiting += [(_path(path, key), part, depth + 1) for key, part in item.items()]
        elif isinstance(item, list | tuple):
            waiting += [(_path(path, index), part, depth + 1) for index, part in enumerate(item)]
    return None


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON has it: dicts and lists in the place of other mappings and sequences, whole
    numbers without a fraction. Arguments from a model's SDK are containers of protobuf, with floats alone.

    What is nested too deep stays as it is, to be refused.
    """
    if isinstance(value, str | bytes | bytearray) or depth > _DEEPEST_PLAIN:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {key: plain(part, depth + 1) for key, part in value.items()}
    return [plain(part, depth + 1) for part in value] if isinstance(value, Sequence) else value


def is_whole(text: str) -> bool:
    """Return whether UTF-8 can carry a text: no lone surrogate, as a cut emoji leaves one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


NOT_A_CHARACTER = "\ufffd"  # Unicode's sign for what could not be read
# Half of a character: raw, or as JSON spells it without the other half. Behind an escaped backslash the text
# of one is no half, and may hide one: such a text is looked through too.
_HIGH, _LOW = r"\\u[dD][89abAB]", r"\\u[dD][c-fC-F]"
_HALF = re.compile(
    f"[\ud800-\udfff]|{_HIGH}[0-9a-fA-F]{{2}}(?!{_LOW})|(?<!{_HIGH}[0-9a-fA-F]{{2}}){_LOW}|" r"\\\\u"
)


def json_of(content: str | bytes) -> Any:
    """Return the value of JSON text, with U+FFFD for what UTF-8 cannot carry.

    Raises ValueError for what is no JSON or is nested too deep to be read.
    """
    text = content if isinstance(content, str) else content.decode("utf-8-sig", "replace")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    # Most texts have no escaped character at all, which is found out far sooner.
    may_be_cut = "\\u" in text or not text.isascii()
    return whole(value) if may_be_cut and _HALF.search(text) else value


def whole(value: Any) -> Any:
    """Return a value of JSON with U+FFFD for each half of a character. Raises ValueError for one too deep."""
    try:
        return _whole(value)
    except RecursionError:
        raise ValueError("is nested too deep") from None


def _mended(text: str) -> str:
    # UTF-16 also joins two halves that were sent one by one.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def words_of(value: Any) -> str | None:
    """Return a reason or an id that somebody's answer tells; None for an object, which is never shown raw."""
    is_told = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip()[:_LONGEST_WORDS] or None if is_told else None


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value if is_whole(value) else _mended(value)
    if isinstance(value, Mapping):
        return {_whole(name): _whole(part) for name, part in value.items()}
    return [_whole(part) for part in value] if isinstance(value, list) else value


def _path(path: str, part: Any) -> str:
    return f"{path}.{part}" if path else str(part)


def _invalid(model: type[BaseModel], value: Any, error: ValidationError) -> InvalidRequestError:
    problems = [_problem(model, value, dict(item)) for item in error.errors(include_url=False)]
    first = problems[0]
    message = "; ".join(f"{item['field']}: {item['problem']}" for item in problems)
    return InvalidRequestError(message, field=first["field"], allowed=first.get("allowed"), errors=problems)


def _problem(model: type[BaseModel], value: Any, item: dict[str, Any]) -> dict[str, Any]:
    path, holder = _place_of(value, item)
    sentence = _sentence(item)
    # A check of several fields together has the path of their object: its sentence names the one to change.
    name, colon, rest = sentence.partition(": ")
    known = _names(model) if not path else holder if isinstance(holder, Mapping) else ()
    if colon and name in known:
        path, sentence = [*path, name], rest
    problem: dict[str, Any] = {"field": ".".join(path) or "parameters", "problem": sentence}
    if item["type"] == "extra_forbidden" and len(path) == 1:
        problem["allowed"] = sorted(_names(model))
    elif "expected" in item.get("ctx", {}):
        problem["allowed"] = item["ctx"]["expected"]
    return problem


def _place_of(value: Any, item: dict[str, Any]) -> tuple[list[str], Any]:
    """Return the path of a problem in what the caller sent, without the branches of unions, and what is
    there."""
    path: list[str] = []
    for number, part in enumerate(item["loc"]):
        is_missing = item["type"] == "missing" and number == len(item["loc"]) - 1
        # The branch of a union with a tag, as in "action.pause_ad.parameters", looks like a field.
        is_tag = path and isinstance(value, Mapping) and part not in value and not is_missing
        if is_tag or _is_union_branch(part):
            continue
        path.append(str(part))
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            value = None
    return path, value


def _names(model: type[BaseModel]) -> set[str]:
    """Return the names of a model's fields as callers write them."""
    return {field.alias or name for name, field in model.model_fields.items()}


def _is_union_branch(part: Any) -> bool:
    """Return whether a part of the path is the branch of a union, as in "audience.Lookalike.lookalike"."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part or "-" in part)


# pydantic's types of errors whose own words speak of Python.
_SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "string_type": "should be text",
    "string_pattern_mismatch": "is not of the expected form",
    "bool_type": "should be true or false (a boolean)",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "list_type": "should be a list",
    "tuple_type": "should be a list of values, such as [18, 35]",
    "dict_type": "should be an object with named fields",
    "model_type": "should be an object with named fields",
    "model_attributes_type": "should be an object with named fields",
    "url_type": "should be a valid URL such as https://shop.example/shoes",
    "url_parsing": "should be a valid URL such as https://shop.example/shoes",
    "too_short": "needs at least {min_length} in its list",
    "too_long": "takes at most {max_length} entries, not {actual_length}",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "takes at most {max_length} characters",
    "union_tag_not_found": "needs a field {discriminator}",
    "union_tag_invalid": "has {discriminator} '{tag}'; one of {expected_tags} is expected",
}


def _sentence(item: dict[str, Any]) -> str:
    """Return the problem in words of a person who fills in a form, to follow the field's name."""
    # A text of a bounded length is refused with the type of a list wherever its model converts it first.
    kind = f"string_{item['type']}" if isinstance(item.get("input"), str) else item["type"]
    known = _SENTENCES.get(kind) or _SENTENCES.get(item["type"])
    if known is not None:
        return known.format_map(item.get("ctx", {}))
    text: str = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    # pydantic's other messages begin with a capital and follow the field's name here.
    return text[:1].lower() + text[1:] if text[:5] == "Value" else text


def models_within(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    """Return the models and those of their fields, each once: each is built when one of it is first made."""
    found = dict.fromkeys(models)
    waiting = list(found)
    while waiting:
        fields = waiting.pop().model_fields.values()
        inner = {model: None for field in fields for model in _models_of(field.annotation)}
        waiting += inner.keys() - found.keys()
        found |= inner
    return list(found)


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_of(part)
