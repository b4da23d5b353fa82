"""Numbers of things as sentences for people write them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return the number with its noun: "1 ad set", "2 ad sets". `noun` takes a plain s in the plural."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
