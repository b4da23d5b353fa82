"""Answers of platforms read field by field: as the vendor documents a value, or refused as unreadable.

A model per row was weighed: pydantic refuses a whole row for one of its fields, and converts what no vendor
sends. Here each field stands alone, so that one which people or a new version set otherwise costs itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Node, Tree
from campaign_automation.models.common import Level, StoredTargeting
from campaign_automation.utils.observability import internal_error, logger

P = ParamSpec("P")
R = TypeVar("R")
N = TypeVar("N", bound=Node)

_NOUNS = {Level.ADSET: "ad set", Level.AD: "ad"}
# The errors of a reader on a value of another form than documented.
UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
_ID = re.compile(r"[1-9][0-9]*(~[1-9][0-9]*)?")  # Google's ads are "<ad group>~<ad>"
_CEILING = Decimal(10) ** 15  # no budget and no count of a day is as large
_SMALLEST = Decimal("1e-9")


def typed_errors(
    platform: str,
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Let a method of an adapter raise PlatformUnavailableError for an answer that breaks its reader.

    Its outcome is unknown: the platform has answered, so it may have acted.
    """

    def decorate(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        @wraps(method)
        async def guarded(*args: P.args, **options: P.kwargs) -> R:
            try:
                return await method(*args, **options)
            except UNREADABLE as error:
                internal_error("answer not read", platform=platform, operation=method.__name__)
                message = f"{platform}: the answer to {method.__name__} is of an unknown form"
                raise outcome_unknown(platform, message) from error

        return guarded

    return decorate


def id_of(value: Any) -> str:
    """Return an object's id, which platforms send as text or as a number. Raises ValueError for another."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not _ID.fullmatch(str(value)):
        raise ValueError("is no id")
    return str(value)


def text_of(value: Any) -> str:
    """Return a text that is not empty. Raises ValueError for anything else."""
    if not isinstance(value, str) or not value:
        raise ValueError("is no text")
    return value


def amount_of(value: Any) -> Decimal:
    """Return an amount of money or a number of events, as text or as a number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("is no number")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("is no number") from None
    if not amount.is_finite() or not (amount == 0 or _SMALLEST <= amount < _CEILING):
        raise ValueError("is no amount")
    return amount


def figure_of(value: Any) -> Decimal | None:
    """Return one figure of a report; None for one that is not told or is no number."""
    try:
        return amount_of(value)
    except ValueError:
        return None


def count_of(value: Any) -> int | None:
    """Return a whole number of events; None for one that is not told or is no such number."""
    figure = figure_of(value)
    return int(figure) if figure is not None and figure == int(figure) else None


def zone_of(value: Any) -> str:
    """Return the name of a time zone. Raises an error of UNREADABLE for one that does not exist."""
    return ZoneInfo(text_of(value)).key


def id_or_none(value: Any, field: str) -> str | None:
    """Return the id in one field of an object; None when there is no readable one."""
    try:
        return id_of(fields_of(value)[field])
    except UNREADABLE:
        return None


def rows_of(value: Any) -> list[Any]:
    """Return the rows of a list, which may be null when it is empty. Raises ValueError for anything else."""
    if value is not None and not isinstance(value, list):
        raise ValueError("is no list")
    return value or []


def fields_of(value: Any) -> Mapping[str, Any]:
    """Return the fields of an object, none for null. Raises ValueError for anything else."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError("is no object")
    return value or {}


# --- nodes --------------------------------------------------------------------------------------------------


def read_fields(platform_id: str, **readers: Callable[[], Any]) -> dict[str, Any]:
    """Return the fields of a node that can be read, with `unread` and an issue for each that cannot."""
    # People set values in a platform's own interface that this module does not know. One of them must not
    # hide the object, which may be spending and can be stopped by its id and status alone.
    found: dict[str, Any] = {}
    unread = []
    for name, read in readers.items():
        try:
            found[name] = read()
        except UNREADABLE as error:
            logger.warning("field not read", platform_id=platform_id, field=name, reason=repr(error))
            unread.append(name)
    return {**found, "unread": unread, "issues": [*found.get("issues", []), *map(_unread_issue, unread)]}


def node_of(model: type[N], fields: Mapping[str, Any]) -> N:
    """Return the node of what was read; a value that the model refuses keeps its default and is unread."""
    try:
        return _with_more(model(**fields))
    except ValidationError as error:
        refused = sorted({str(item["loc"][0]) for item in error.errors()})
    logger.warning("field not valid", platform_id=fields.get("platform_id"), fields=refused)
    # Without a default there is still the object, which can be stopped by its id.
    required = (name for name in refused if model.model_fields[name].is_required())
    kept: dict[str, Any] = {name: str(fields.get(name)) for name in required}
    kept |= {name: value for name, value in fields.items() if name not in refused}
    kept["unread"] = [*fields.get("unread", []), *refused]
    kept["issues"] = [*kept.get("issues", []), *map(_unread_issue, refused)]
    return _with_more(model(**kept))


def _with_more(node: N) -> N:
    """Return the node, with an issue for targeting of which only a part is understood."""
    problem = _targeting_problem(node.targeting) if isinstance(node, AdSetNode) and node.targeting else None
    if problem:
        node.unread.append("targeting")
        node.issues.append(f"targeting: {problem}, which this module does not know")
    return node


def _targeting_problem(targeting: StoredTargeting) -> str | None:
    missing = [
        name
        for name, known in (
            ("ages", targeting.age_min and targeting.age_max),
            ("countries", targeting.countries or targeting.places),
        )
        if not known
    ]
    parts = [f"without {' and '.join(missing)}"] if missing else []
    parts += [f"also by {', '.join(targeting.more)}"] if targeting.more else []
    return "; ".join(parts) or None


def _unread_issue(name: str) -> str:
    return f"{name}: set to something that this module does not know"


def tree_of(
    campaign: CampaignNode,
    adsets: Sequence[Any],
    ads: Sequence[Any],
    adset_node: Callable[[Any], AdSetNode],
    ad_node: Callable[[Any], AdNode],
) -> Tree:
    """Return the tree of rows that are read one by one; those without a readable id are counted as lost."""
    adset_nodes, ad_nodes = list(_nodes(adsets, adset_node)), list(_nodes(ads, ad_node))
    lost = {Level.ADSET: len(adsets) - len(adset_nodes), Level.AD: len(ads) - len(ad_nodes)}
    found = {level: count for level, count in lost.items() if count}
    campaign.issues.extend(_lost_issue(level, count) for level, count in found.items())
    return Tree(campaign=campaign, adsets=adset_nodes, ads=ad_nodes, lost=list(found))


def _nodes(rows: Iterable[Any], node_of_row: Callable[[Any], N]) -> Iterable[N]:
    for row in rows:
        try:
            node = node_of_row(row)
        except UNREADABLE as error:
            logger.warning("row not read", reason=repr(error))
            continue
        yield node


def _lost_issue(level: Level, count: int) -> str:
    were = f"{_NOUNS[level]} was" if count == 1 else f"{_NOUNS[level]}s were"
    return f"{count} {were} answered without an id"
