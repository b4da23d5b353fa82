"""docs/events.md: the answer of the local cloud to each event of events/.

`python -m local.events` starts a local cloud, invokes each event and writes the page; a test does the same
and compares. What differs between two runs (ids, times, texts of a model) is written as <id>, <time>, <text>.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local import cloud
from local.invoke import function_of, invoke

ROOT = Path(__file__).parents[1]
EVENTS, PAGE = ROOT / "events", ROOT / "docs" / "events.md"

HEAD = """# Events and their answers

`make invoke EVENT=events/<name>.json` runs one function against the local cloud that `make up` keeps
([local-cloud.md](local-cloud.md)). These are the answers of a fresh one; <id>, <time> and <text> differ from
run to run, and `...` stands for more of the same. Written by `python -m local.events`; a test compares.
"""
UNKNOWN = (
    "Not known by design: nothing has the id of zeros. Put the id of something you made in its place, as "
    "`create_campaign.json`, `create_ab_test.json` or `create_rule.json` answer it."
)
NOTES = {
    "create_ab_test": "`Prefer: respond-async` in it does not wait for the creation, which goes on.",
    "account": "The function's first action, `list_campaigns`; nothing has been made yet.",
    "proposals": "The function's first action, `list_proposals`; nothing has been proposed yet.",
    "authorizer": "Refused by design: API Gateway makes its 401 of this error. `cloud.json` has tokens.",
    "get_metrics": "Text for Prometheus; in a deployment the parameter `PrometheusMetrics` turns it on.",
}
AS_UP = {"JwtRolesClaim": "roles", "PrometheusMetrics": "true"}  # as the Makefile's `up` deploys
_MOST_TEXT, _MOST_FIELDS, _DEPTH = 160, 20, 4
_IDS = re.compile(
    r"(cmp|abt|rule|run)_(?!0{20})[0-9a-f]{20}|(?<!\w)(ca-[a-z2-7]{10}|\d{15,})"
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_TEXTS = frozenset({"copy"})
_DEPTHS = {"get_openapi": 2}  # deeper it changes with each action


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder, cloud.start(folder) as running:
        running.deploy(**AS_UP)
        PAGE.write_text(page(running.info))


def names() -> list[str]:
    """Return the names of the events; what creates comes last, so that the lists are empty."""
    return sorted((path.stem for path in EVENTS.glob("*.json")), key=_creates_last)


def _creates_last(name: str) -> tuple[bool, str]:
    return name.startswith("create"), name


def page(info: dict[str, Any]) -> str:
    """Return docs/events.md as the cloud of `info` answers, a fresh one."""
    return "\n".join([HEAD, *(section(name, answer_of(info, name)) for name in names())])


def answer_of(info: dict[str, Any], name: str) -> Any:
    """Return the answer to the event, as the page shows it."""
    path = EVENTS / f"{name}.json"
    answer, _ = invoke(info, function_of(path), json.loads(path.read_text()))
    return shown(answer, _DEPTHS.get(name, _DEPTH))


def section(name: str, answer: Any) -> str:
    """Return the event's part of the page."""
    text = (EVENTS / f"{name}.json").read_text()
    note = NOTES.get(name) or (UNKNOWN if "_00000000000000000000" in text else "")
    lines = [f"## {name}.json", "", f"`{function_of(EVENTS / f'{name}.json')}`. {note}".rstrip(), ""]
    return "\n".join([*lines, "```json", json.dumps(answer, indent=1, ensure_ascii=False), "```", ""])


def shown(answer: Any, depth: int = _DEPTH) -> Any:
    """Return the answer without what differs between runs; a body of JSON is shown as such."""
    if isinstance(answer, dict) and "body" in answer:
        is_json = answer["headers"]["Content-Type"] == "application/json"
        body = json.loads(answer["body"]) if is_json else answer["body"]
        answer = {"statusCode": answer["statusCode"], "body": body}
    if isinstance(answer, dict) and "errorType" in answer:
        answer = {name: answer[name] for name in ("errorType", "errorMessage")}
    return _settled(answer, depth)


def _settled(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return dict(_settled_fields(value, depth)) if depth else "..."
    if isinstance(value, list):
        return [_settled(item, depth - 1) for item in value[:1]] + ["..."] * (len(value) > 1)
    if isinstance(value, str):
        text = _TIMES.sub("<time>", _IDS.sub("<id>", value))
        return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."
    return value


def _settled_fields(fields: dict[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in list(fields.items())[:_MOST_FIELDS]:
        yield name, "<text>" if name in _TEXTS else _settled(value, depth - 1)
    if len(fields) > _MOST_FIELDS:
        yield "...", "..."


if __name__ == "__main__":
    main()
