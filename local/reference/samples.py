"""A call of each action in curl and in Python, with URL and TOKEN from the environment."""

from __future__ import annotations

import json
import pprint
import shlex
from typing import Any
from urllib.parse import quote, urlencode

from campaign_automation.actions.action import Action

Example = dict[str, Any]


def curl(action: Action, example: Example) -> str:
    """Return the call as a command line."""
    lines = [f'curl -sS -X {action.method} "$URL{address(action, example)}"']
    if not action.is_public:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if action.has_body:
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d {shlex.quote(json.dumps(_body(action, example), ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def python(action: Action, example: Example) -> str:
    """Return the call as a script."""
    given = [] if action.is_public else ['headers={"Authorization": f"Bearer {os.environ[\'TOKEN\']}"},']
    if action.has_body:
        body = pprint.pformat(_body(action, example), width=90, sort_dicts=False).replace("\n", "\n         ")
        given.append(f"json={body},")
    return "\n".join(
        [
            "import os",
            "",
            "import httpx",
            "",
            "answer = httpx.request(",
            f'    "{action.method}",',
            f"    f\"{{os.environ['URL']}}{address(action, example)}\",",
            *(f"    {line}" for line in given),
            "    timeout=60,",
            ")",
            "print(answer.status_code, answer.text)",
        ]
    )


def address(action: Action, example: Example) -> str:
    path = action.path
    for name in action.path_names:
        path = path.replace(f"{{{name}}}", quote(str(example[name]), safe=""))
    query = {name: example[name] for name in action.query_names if name in example}
    return f"{path}?{urlencode(query)}" if query else path


def _body(action: Action, example: Example) -> Example:
    return {name: value for name, value in example.items() if name not in action.path_names}
