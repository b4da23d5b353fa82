"""Long lists in parts, and listed objects by their name."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, at most `size` in each part."""
    return (items[start : start + size] for start in range(0, len(items), size))


def ids_by_name(objects: Iterable[tuple[str, str]], wanted: Container[str]) -> dict[str, list[str]]:
    """Ids of the (name, id) pairs whose whole name is wanted.

    Names are compared here because the platforms' own searches are fuzzy or not documented.
    """
    found: dict[str, list[str]] = {}
    for name, platform_id in objects:
        if name in wanted:
            found.setdefault(name, []).append(platform_id)
    return found
