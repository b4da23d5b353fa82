"""The mark of work that stops spend, which the limits of platform calls never hold up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_stops_spend: ContextVar[bool] = ContextVar("stops_spend", default=False)


@contextmanager
def stopping_spend(is_stop: bool = True) -> Iterator[None]:
    """Mark what is inside, and the tasks it starts, as stopping spend; what is marked stays so."""
    token = _stops_spend.set(is_stop or stops_spend())
    try:
        yield
    finally:
        _stops_spend.reset(token)


def stops_spend() -> bool:
    return _stops_spend.get()
