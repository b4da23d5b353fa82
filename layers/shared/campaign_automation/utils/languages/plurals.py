"""Counted things with the right plural, for sentences that people read."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return the number with its noun: "1 ad set", "2 ad sets". `noun` takes a plain s in the plural."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
