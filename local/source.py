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
    return parse(text)


def parse(text: str) -> dict[str, Any]:
    """Return a template of SAM's YAML, for its caller alone."""
    import yaml
    from samtranslator.yaml_helper import intrinsics_multi_constructor

    # SAM's own function parses with Python alone, which takes ten times as long as libyaml.
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {})
    loader.add_multi_constructor("!", intrinsics_multi_constructor)
    found: dict[str, Any] = yaml.load(text, loader)
    return found
