"""Lists of objects: filters, hidden deleted ones, pages."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from local.sandbox.meta.answers.status import effective_status
from local.sandbox.meta.errors import wrong_param
from local.sandbox.meta.store import Json, MetaStore, Node

DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 5000
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "EQUAL": lambda have, want: have == want,
    "NOT_EQUAL": lambda have, want: have != want,
    "IN": lambda have, want: have in want,
    "NOT_IN": lambda have, want: have not in want,
    "CONTAIN": lambda have, want: str(want).lower() in str(have).lower(),
    "NOT_CONTAIN": lambda have, want: str(want).lower() not in str(have).lower(),
    "GREATER_THAN": lambda have, want: float(have) > float(want),
    "LESS_THAN": lambda have, want: float(have) < float(want),
}
_FILTERED = {"id", "name", "objective", "effective_status", "created_time", "updated_time", "hash"}


def select(store: MetaStore, nodes: list[Node], arguments: Mapping[str, str], now: datetime) -> list[Node]:
    """Nodes that pass the arguments; deleted and archived ones only when a status filter names them."""
    wanted = _wanted_statuses(arguments)
    other = [entry for entry in filters(arguments) if _known_field(entry) != "effective_status"]
    shown = [node for node in nodes if _status_passes(store, node, wanted, now)]
    return [node for node in shown if all(_passes(node, entry) for entry in other)]


def page(
    nodes: list[Node], arguments: Mapping[str, str], path: str, overlap: int = 0
) -> tuple[list[Node], Json]:
    """One page and its `paging`; `next` only when more exists, no paging at all when nothing is shown."""
    after = _decoded_cursor(arguments["after"]) if arguments.get("after") else None
    left = [node for node in nodes if after is None or node.id < after]
    limit = page_size(arguments)
    shown = left[:limit]
    if not shown:
        return [], {}
    told = [node for node in nodes if after is not None and node.id >= after][-overlap:] if overlap else []
    paging: Json = {"cursors": {"before": _cursor(shown[0].id), "after": _cursor(shown[-1].id)}}
    if len(left) > limit:
        paging["next"] = (
            f"https://graph.facebook.com/v26.0/{path}?limit={limit}&after={_cursor(shown[-1].id)}"
        )
    return told + shown, paging


def page_size(arguments: Mapping[str, str]) -> int:
    text = arguments.get("limit", str(DEFAULT_PAGE_SIZE))
    if not text.isdigit() or not 1 <= int(text) <= MAX_PAGE_SIZE:
        raise wrong_param(f"Param limit must be an integer from 1 to {MAX_PAGE_SIZE}", "limit")
    return int(text)


def _json_list(arguments: Mapping[str, str], name: str) -> list[Any]:
    try:
        value = json.loads(arguments.get(name) or "[]")
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise wrong_param(f"Param {name} must be an array.", name)
    return value


def filters(arguments: Mapping[str, str]) -> list[Json]:
    """The `filtering` list, each entry with a field, a known operator and a value. Raises GraphError."""
    found = _json_list(arguments, "filtering")
    for entry in found:
        if not isinstance(entry, dict) or entry.keys() != {"field", "operator", "value"}:
            raise wrong_param("Param filtering[0] needs field, operator and value", "filtering")
        if entry["operator"] not in _OPERATORS:
            allowed = ", ".join(_OPERATORS)
            raise wrong_param(f"Param filtering[0][operator] must be one of {{{allowed}}}", "filtering")
        if entry["operator"] in ("IN", "NOT_IN") and not isinstance(entry["value"], list):
            raise wrong_param("Param filtering[0][value] must be an array.", "filtering")
        entry["field"] = str(entry["field"])
    return found


def _wanted_statuses(arguments: Mapping[str, str]) -> set[str] | None:
    asked = set(map(str, _json_list(arguments, "effective_status")))
    for entry in filters(arguments):
        if _known_field(entry) == "effective_status" and entry["operator"] == "IN":
            asked |= set(map(str, entry["value"]))
    return asked or None


def _status_passes(store: MetaStore, node: Node, wanted: set[str] | None, now: datetime) -> bool:
    if wanted is None:
        return not node.gone
    return effective_status(store, node, now) in wanted


def _known_field(entry: Json) -> str:
    """`campaign.name` filters campaigns by name, as `name` does."""
    field = str(entry["field"].rsplit(".", 1)[-1])
    if field not in _FILTERED:
        raise wrong_param(f"Filtering field {entry['field']} is invalid", "filtering")
    return field


def _passes(node: Node, entry: Json) -> bool:
    try:
        return _OPERATORS[entry["operator"]](_value(node, _known_field(entry)), entry["value"])
    except (TypeError, ValueError):
        raise wrong_param("Param filtering[0][value] does not fit the field", "filtering") from None


def _value(node: Node, field: str) -> Any:
    own = {"id": node.id, "created_time": node.created.timestamp(), "updated_time": node.updated.timestamp()}
    return own.get(field, node.data.get(field))


def _cursor(node_id: str) -> str:
    return base64.urlsafe_b64encode(node_id.encode()).decode()


def _decoded_cursor(text: str) -> str:
    try:
        node_id = base64.urlsafe_b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        node_id = ""
    if not node_id.isdigit():
        raise wrong_param("Invalid cursor", "after")
    return node_id
