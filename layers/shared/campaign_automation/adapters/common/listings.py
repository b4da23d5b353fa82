"""Long lists in parts, and listed objects by their name."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from campaign_automation.adapters.common.reading import id_of, text_of

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, at most `size` in each part."""
    return (items[start : start + size] for start in range(0, len(items), size))


def ids_by_name(objects: Iterable[tuple[Any, Any]], wanted: Container[str]) -> dict[str, list[str]]:
    """Ids of the (name, id) pairs whose whole name is wanted.

    Names are compared here because the platforms' own searches are fuzzy or not documented. Raises an error
    of UNREADABLE for an object without a name: it may be the one that is wanted, and would be made again.
    """
    found: dict[str, list[str]] = {}
    for told, platform_id in objects:
        if (name := text_of(told)) in wanted:
            found.setdefault(name, []).append(id_of(platform_id))
    return found
