"""Generated documentation: settings, costs, the API's reference and the README's table of actions.

`python -m local.docs` writes it; a test compares it with the code.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from benchmarks import _costs, _quotas
from campaign_automation.actions import ACTIONS
from campaign_automation.api import event_schema
from campaign_automation.api.openapi import document
from campaign_automation.settings import Settings
from local.reference import pages, tools
from local.reference.compatibility import breaks

ROOT = Path(__file__).parents[1]
README, SETTINGS, COSTS = ROOT / "README.md", ROOT / "docs" / "settings.md", ROOT / "docs" / "costs.md"
API = ROOT / "docs" / "api.md"
# The function that serves the reference holds it as files, and nothing else.
OPENAPI = ROOT / "functions" / "get_openapi" / "openapi.json"
TOOLS = ROOT / "functions" / "mcp" / "tools.json"
BEGIN, END = "<!-- actions -->", "<!-- /actions -->"


def settings_page() -> str:
    """Return docs/settings.md: a row for each variable of the environment."""
    rows = [
        f"| {name.upper()} | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Each is an environment variable that the template sets from the parameter of the same meaning;",
            "an empty one counts as not set, and spaces around a text are left out.",
            "Generated from `settings.py` by `make docs`.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def actions_table() -> str:
    """Return the README's table of actions."""
    rows = [
        f"| {action.name} | {action.method} {action.path} | {action.role} | {action.summary} |"
        for action in ACTIONS.values()
    ]
    return "\n".join(["| action | route | role | |", "|---|---|---|---|", *rows])


def readme(text: str) -> str:
    """Return the README `text` with the table of actions as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{actions_table()}\n{END}{after}"


def costs_page() -> str:
    """Return docs/costs.md, from the counts that the benchmark kept."""
    found = _costs.counts()
    return _costs.page(found, _quotas.table(found), _quotas.sources())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.default
    if isinstance(value, tuple):
        value = ",".join(value)
    return "-" if value in (None, "", {}) else str(value).lower() if isinstance(value, bool) else str(value)


def openapi() -> str:
    """Return the API's document as it is kept and served."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def broken_callers() -> list[str]:
    """Return what breaks callers of the kept document, unless the first number of the version was raised."""
    kept, now = json.loads(OPENAPI.read_text()), document()
    first = [found["info"]["version"].partition(".")[0] for found in (kept, now)]
    return breaks(kept, now) if first[0] == first[1] else []


def served() -> dict[Path, str]:
    """Return the files that functions serve, by their paths."""
    functions = ROOT / "functions"
    return {
        OPENAPI: openapi(),
        functions / "get_openapi" / "docs.html": pages.html(),
        functions / "get_openapi" / "gemini.json": tools.gemini(),
        functions / "get_openapi" / "events.json": json.dumps(event_schema.document(), indent=1) + "\n",
        TOOLS: tools.catalogue(),
        API: pages.markdown(),
    }


def write() -> None:
    if broken := broken_callers():
        sys.exit(
            "This breaks callers of the API; raise the first number of VERSION in api/openapi.py, or take it"
            " back:\n" + "\n".join(broken)
        )
    for path, text in served().items():
        path.write_text(text)
    SETTINGS.write_text(settings_page())
    COSTS.write_text(costs_page())
    README.write_text(readme(README.read_text()))


if __name__ == "__main__":
    write()
