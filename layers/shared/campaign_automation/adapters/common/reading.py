"""Answers of platforms read field by field: as the vendor documents a value, or refused as unreadable.

A model per row was weighed: pydantic refuses a whole row for one of its fields, and converts what no vendor
sends. Here each field stands alone, so that one which people or a new version set otherwise costs itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Node, Tree
from campaign_automation.models.common import Level, StoredTargeting
from campaign_automation.utils.observability import internal_error, logger
from campaign_automation.utils.validation import whole

P = ParamSpec("P")
R = TypeVar("R")
N = TypeVar("N", bound=Node)

_NOUNS = {Level.ADSET: "ad set", Level.AD: "ad"}
# The errors of a reader on a value of another form than documented.
UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
_ID = re.compile(r"[1-9][0-9]*(~[1-9][0-9]*)?")  # Google's ads are "<ad group>~<ad>"
_NUMBERS = str, int, float, Decimal
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
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    if not _ID.fullmatch(text):  # True has no digits
        raise ValueError("is no id")
    return text


def text_of(value: Any) -> str:
    """Return a text that is not empty and that UTF-8 can carry. Raises ValueError for anything else."""
    if not isinstance(value, str) or not value:
        raise ValueError("is no text")
    return value if value.isascii() else str(whole(value))


def amount_of(value: Any) -> Decimal:
    """Return an amount of money or a number of events, as text or as a number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
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


def listed(answer: Any, field: str) -> list[Any]:
    """Return the list in one field of an answer. Raises an error of UNREADABLE where there is none.

    A list that is missing is not an empty one: to take it for that would show objects as gone.
    """
    rows = answer[field]
    if not isinstance(rows, list):
        raise ValueError(f"{field} is no list")
    return rows


def rows_of(value: Any) -> list[Any]:
    """Return the rows of a list, which may be null when it is empty. Raises ValueError for anything else."""
    if value is not None and not isinstance(value, list):
        raise ValueError("is no list")
    return value or []


def fields_of(value: Any) -> Mapping[str, Any]:
    """Return the fields of an object, none for null. Raises ValueError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):  # which JSON has: to look for any mapping takes several times as long
        raise ValueError("is no object")
    return value


# --- nodes --------------------------------------------------------------------------------------------------


Readers: TypeAlias = Mapping[str, Callable[..., Any]]  # of a row, by the node's field
_UNREAD = {"name": "", "status": "unknown", "platform_status": "unknown", "adset_id": ""}


def read_fields(platform_id: str, readers: Readers, *row: Any) -> dict[str, Any]:
    """Return the fields of a node that can be read, with `unread` and an issue for each that cannot.

    Each reader is called with `row` and may raise an error of UNREADABLE.
    """
    fields: dict[str, Any]
    try:
        fields = {name: read(*row) for name, read in readers.items()}
        fields["unread"] = []
    except UNREADABLE:
        fields = _UNREAD | _readable(platform_id, readers, row)
    fields["platform_id"] = platform_id
    return fields


def _readable(platform_id: str, readers: Readers, row: Sequence[Any]) -> dict[str, Any]:
    # People set values in a platform's own interface that this module does not know. One of them must not
    # hide the object, which may be spending and can be stopped by its id and status alone.
    found: dict[str, Any] = {}
    unread = []
    for name, read in readers.items():
        try:
            found[name] = read(*row)
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
    """Return the node, with an issue for targeting of which only a part is understood, and one for what is
    set beside it."""
    targeting = node.targeting if isinstance(node, AdSetNode) else None
    if targeting is None:
        return node
    if problem := _targeting_problem(targeting):
        node.unread.append("targeting")
        node.issues.append(f"targeting: {problem}, which this module does not know")
    if targeting.beside:
        node.issues.append(f"also set on the platform, and left as it is: {', '.join(targeting.beside)}")
    return node


def _targeting_problem(targeting: StoredTargeting) -> str | None:
    missing = [] if targeting.age_min and targeting.age_max else ["ages"]
    missing += [] if targeting.countries or targeting.places else ["countries"]
    parts = [f"without {' and '.join(missing)}"] if missing else []
    parts += [f"also by {', '.join(targeting.more)}"] if targeting.more else []
    return "; ".join(parts) or None


def _unread_issue(name: str) -> str:
    return f"{name}: set to something that this module does not know"


def tree_of(
    campaign: CampaignNode,
    adsets: Sequence[Any] | None,
    ads: Sequence[Any] | None,
    adset_node: Callable[[Any], AdSetNode],
    ad_node: Callable[[Any], AdNode],
) -> Tree:
    """Return the tree of rows that are read one by one; None stands for a list that was not shown.

    Rows without a readable id make their level lost, as a list does that was not shown. A row that is told
    again, as where pages overlap, counts once.
    """
    adset_nodes, lost_adsets = _nodes(adsets, adset_node)
    ad_nodes, lost_ads = _nodes(ads, ad_node)
    issues = {Level.ADSET: _lost_issue(Level.ADSET, lost_adsets), Level.AD: _lost_issue(Level.AD, lost_ads)}
    lost = {level: issue for level, issue in issues.items() if issue}
    campaign.issues.extend(lost.values())
    return Tree(campaign=campaign, adsets=adset_nodes, ads=ad_nodes, lost=list(lost))


def _nodes(rows: Iterable[Any] | None, node_of_row: Callable[[Any], N]) -> tuple[list[N], int | None]:
    """Return the nodes in the rows, and the number of rows that are none; None when there are no rows."""
    if rows is None:
        return [], None
    found: dict[str, N] = {}
    unreadable = 0
    for row in rows:
        try:
            node = node_of_row(row)
        except UNREADABLE as error:
            logger.warning("row not read", reason=repr(error))
            unreadable += 1
            continue
        earlier = found.get(node.platform_id)
        found[node.platform_id] = node if earlier is None else _told_again(earlier, node)
    return list(found.values()), unreadable


def _told_again(earlier: N, later: N) -> N:
    """Return a node that one list tells twice: the later one, with an issue for what they tell otherwise."""
    differing = [name for name in type(later).model_fields if getattr(earlier, name) != getattr(later, name)]
    if differing:
        later.issues.append(f"told twice with another {', '.join(differing).replace('_', ' ')}")
    return later


def _lost_issue(level: Level, count: int | None) -> str | None:
    if count is None:
        return f"the {_NOUNS[level]}s were not shown"
    were = f"{_NOUNS[level]} was" if count == 1 else f"{_NOUNS[level]}s were"
    return f"{count} {were} answered without an id" if count else None


# --- reports ------------------------------------------------------------------------------------------------

_FIGURES = ("spend", "impressions", "clicks", "conversions", "revenue")


def distinct_insights(rows: Iterable[DailyInsight]) -> list[DailyInsight]:
    """Return one row for each object and day: rows told again count once.

    A figure of which two rows of an object and day tell different values is unknown, and never their sum.
    """
    found: dict[tuple[str, date], DailyInsight] = {}
    for row in rows:
        key = row.entity_id, row.day
        found[key] = _agreed(found[key], row) if key in found else row
    return list(found.values())


def _agreed(one: DailyInsight, other: DailyInsight) -> DailyInsight:
    differing = [name for name in _FIGURES if getattr(one, name) != getattr(other, name)]
    if differing:
        logger.warning("figures told twice", platform_id=one.entity_id, day=str(one.day), fields=differing)
    return one.model_copy(update=dict.fromkeys(differing))
