"""Work of moto's DynamoDB that it does many times for one request, done once.

A creation of a campaign writes some two hundred rows; most of the time of that went into lexing the same
conditions, measuring the same rows and turning attributes from one form into the same.
"""

from __future__ import annotations

import importlib
import random
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any

PLAIN = {"S", "N", "BOOL", "NULL"}
LARGEST_ROW = 405_000  # as moto has it: DynamoDB takes a little more than the 400 KB of its documentation
_MOST_EXPRESSIONS = 4096


def quicken_requests() -> None:
    """Change moto's classes of requests, conditions and values."""
    types: Any = importlib.import_module("moto.dynamodb.models.dynamo_type")
    comparisons: Any = importlib.import_module("moto.dynamodb.comparisons")
    _compare_texts_as_they_are(types.DynamoType)
    _lex_conditions_once(comparisons.ConditionExpressionParser)
    _parse_conditions_without_values_once(comparisons)
    _parse_updates_once(importlib.import_module("moto.dynamodb.parsing.expressions").UpdateExpressionParser)
    _keep_sizes(types)
    _take_plain_attributes(importlib.import_module("moto.core.parse").BaseJSONParser)
    _show_plain_attributes(types.DynamoType)
    _walk_updates_quickly(importlib.import_module("moto.dynamodb.parsing.ast_nodes").DepthFirstTraverser)
    responses: Any = importlib.import_module("moto.core.responses")
    _read_no_form_in_json(responses)
    responses.get_serializer_class = lru_cache(responses.get_serializer_class)
    responses.gen_amzn_requestid_long = _request_id  # moto draws each of its 52 letters by itself


def _compare_texts_as_they_are(value_class: Any) -> None:
    cast, equals = value_class.cast_value.fget, value_class.__eq__

    def cast_value(value: Any) -> Any:
        return value.value if value.type == "S" else cast(value)

    def is_equal(value: Any, other: Any) -> bool:
        if value.type == "S" and other.type == "S":
            return bool(value.value == other.value)
        return bool(equals(value, other))

    def hash_of(value: Any) -> int:
        return hash((value.type, value.value if value.type == "S" else cast(value)))

    value_class.cast_value = property(cast_value)
    value_class.__eq__, value_class.__hash__ = is_equal, hash_of


def _lex_conditions_once(parser_class: Any) -> None:
    """moto lexes a condition three times for one write."""
    original = parser_class._lex_condition_expression
    known: dict[str, tuple[Any, ...]] = {}

    def lex(parser: Any) -> deque[Any]:
        expression = parser.condition_expression
        if expression not in known:
            if len(known) >= _MOST_EXPRESSIONS:
                known.clear()
            known[expression] = tuple(original(parser))
        return deque(known[expression])

    parser_class._lex_condition_expression = lex


def _parse_conditions_without_values_once(comparisons: Any) -> None:
    original = comparisons.get_filter_expression

    @lru_cache(_MOST_EXPRESSIONS)
    def without_values(expression: str | None, names: tuple[tuple[str, str], ...]) -> Any:
        return original(expression, dict(names), None)

    def parsed(expression: str | None, names: dict[str, str] | None, values: Any) -> Any:
        if values:
            return original(expression, names, values)
        return without_values(expression, tuple((names or {}).items()))

    for module in ("moto.dynamodb.comparisons", "moto.dynamodb.models", "moto.dynamodb.models.table"):
        importlib.import_module(module).get_filter_expression = parsed  # type: ignore[attr-defined]


def _parse_updates_once(parser_class: Any) -> None:
    """moto parses an update twice for one write. Its validator works on a copy of what is parsed."""
    parser_class.make = staticmethod(lru_cache(_MOST_EXPRESSIONS)(parser_class.make))


def _keep_sizes(types: Any) -> None:
    """moto measures a whole row for each attribute that is set, and for each query that finds it."""
    attributes = types.LimitedSizeDict

    def size_of(key: str, value: Any) -> int:
        size = value.size() if isinstance(value, types.DynamoType) else len(str(value).encode())
        return len(key.encode()) + int(size)

    def total(attrs: Any) -> int:
        if attrs.__dict__.get("_total") is None:
            attrs._total = sum(size_of(*item) for item in attrs.items())
        return int(attrs._total)

    def set_item(attrs: Any, key: str, value: Any) -> None:
        size, before = size_of(key, value), total(attrs)
        if before + size > LARGEST_ROW:
            raise types.ItemSizeTooLarge
        if key in attrs:
            before -= size_of(key, attrs[key])
        dict.__setitem__(attrs, key, value)
        attrs._total = before + size

    attributes.__setitem__, attributes.total = set_item, total
    for name in ("__delitem__", "clear", "pop", "popitem", "setdefault", "update"):
        setattr(attributes, name, _forgetting(getattr(dict, name)))
    types.Item.size = lambda item: item.attrs.total()


def _forgetting(method: Callable[..., Any]) -> Callable[..., Any]:
    def change(attrs: Any, *arguments: Any, **named: Any) -> Any:
        attrs._total = None
        return method(attrs, *arguments, **named)

    return change


def _take_plain_attributes(parser_class: Any) -> None:
    """moto asks for each of the ten kinds of value of an attribute. A plain one stands there as it came."""
    of_structure, of_map = parser_class._parse_structure, parser_class._parse_map

    def parse_structure(parser: Any, shape: Any, value: Any) -> Any:
        return value if _is_plain(shape, value) else of_structure(parser, shape, value)

    def parse_map(parser: Any, shape: Any, value: Any) -> Any:
        is_row = shape.value.name == "AttributeValue" and all(
            _is_plain(shape.value, one) for one in value.values()
        )
        return dict(value) if is_row else of_map(parser, shape, value)

    parser_class._parse_structure, parser_class._parse_map = parse_structure, parse_map


def _is_plain(shape: Any, value: Any) -> bool:
    return shape.name == "AttributeValue" and isinstance(value, dict) and value.keys() <= PLAIN


def _show_plain_attributes(value_class: Any) -> None:
    """moto looks into each value of each attribute for more of them."""
    utilities: Any = importlib.import_module("moto.dynamodb.models.utilities")
    original = utilities.dynamo_to_dict

    def shown(value: Any) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, value_class) and value.type in PLAIN:
            return {value.type: value.value}
        return original(value)

    for name in ("moto.dynamodb.models.utilities", "moto.dynamodb.responses"):
        importlib.import_module(name).dynamo_to_dict = shown  # type: ignore[attr-defined]


def _read_no_form_in_json(responses: Any) -> None:
    """moto reads each body as a form, also one in JSON, of a hundred rows."""
    original = responses.parse_qsl

    def parse_qsl(text: Any, *arguments: Any, **named: Any) -> Any:
        return [] if text[:1] in ("{", b"{") else original(text, *arguments, **named)

    responses.parse_qsl = parse_qsl


def _walk_updates_quickly(traverser_class: Any) -> None:
    """moto lists the kinds of nodes that a pass over an update concerns for each of its nodes."""
    original = traverser_class.nodes_to_be_processed

    def nodes(traverser: Any) -> Any:
        if "_kinds" not in traverser.__dict__:
            traverser._kinds = original(traverser)
        return traverser._kinds

    traverser_class.nodes_to_be_processed = nodes


def _request_id(headers: dict[str, Any] | None = None) -> str:
    made = f"{random.getrandbits(208):052X}"  # the system's own generator would give the processor away
    if headers is not None:
        headers["x-amzn-requestid"] = made
    return made
