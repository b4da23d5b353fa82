"""Templates, parsed once in a process: parsing ours takes a third of a second."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[1] / "template.yaml"


def template() -> dict[str, Any]:
    """Return the template as it stands in the source; it is shared, so it is only read."""
    return parsed(TEMPLATE.read_text())


@lru_cache(maxsize=4)
def parsed(text: str) -> dict[str, Any]:
    """Return a template of SAM's YAML; it is shared, so it is only read."""
    from samtranslator.yaml_helper import yaml_parse

    found: dict[str, Any] = yaml_parse(text)
    return found
