"""The template as it stands in the source, parsed once in a process: parsing it takes a third of a second."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[1] / "template.yaml"


@cache
def template() -> dict[str, Any]:
    """Return the template; it is shared, so it is only read."""
    from samtranslator.yaml_helper import yaml_parse

    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return parsed
