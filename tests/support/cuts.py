"""The cut of a matrix that every run tests; `make test-all` tests the whole of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

slow = pytest.mark.slow


def cut(values: Iterable[Any], *kept: Any) -> list[Any]:
    """Mark all values but `kept` as slow."""
    return [value if value in kept else pytest.param(value, marks=slow) for value in values]
