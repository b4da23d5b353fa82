"""The command line: `python -m campaign_automation call <action> --json '{...}'`, `run-due`, `actions`.

For a person at a terminal and for cron; what it prints is JSON. What the constructor of CampaignAutomation
takes stands in a file of JSON (`--config`), besides the variables of the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from campaign_automation.actions import ACTIONS
from campaign_automation.capability import CampaignAutomation
from campaign_automation.embedding import Limits
from campaign_automation.utils.error_handler import CampaignAutomationError, envelope

# The arguments of the constructor that JSON can express.
_CONFIGURABLE = ("store", "limits", "accounts", "apps", "declarations", "settings")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return 0, or 1 for an error among the answers; wrong arguments end with 2."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.command == "actions":
        answer: Any = [_described(name) for name in sorted(ACTIONS)]
    else:
        try:
            configuration = _configuration(asked.config)
        except (OSError, ValueError) as error:
            parser.error(f"--config: {error}")
        answer = asyncio.run(_run(asked, configuration))
    print(json.dumps(answer, indent=2, ensure_ascii=False))  # noqa: T201
    answers = answer if isinstance(answer, list) else [answer]
    return 1 if any(item.get("status") == "error" for item in answers) else 0


async def _run(asked: argparse.Namespace, configuration: dict[str, Any]) -> Any:
    module = CampaignAutomation(**configuration)
    try:
        if asked.command == "run-due":
            return await module.run_due()
        return await module.execute(asked.action, asked.json, _context(asked))
    except CampaignAutomationError as error:
        return envelope(error, "run-due")
    finally:
        await module.aclose()


def _context(asked: argparse.Namespace) -> dict[str, Any]:
    context = {"user_id": asked.user, "idempotency_key": asked.key, "language": asked.language}
    return {name: value for name, value in context.items() if value is not None}


def _described(name: str) -> dict[str, Any]:
    action = ACTIONS[name]
    return {
        "action": name,
        "summary": action.summary,
        "changes": action.changes,
        "parameters": action.request.model_json_schema(),
    }


def _configuration(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    given = json.loads(path.read_text())
    if not isinstance(given, dict):
        raise ValueError(f"{path} should hold a JSON object")
    if unknown := sorted(given.keys() - set(_CONFIGURABLE)):
        raise ValueError(f"{path}: {', '.join(unknown)} is not known; it may hold {', '.join(_CONFIGURABLE)}")
    if "limits" in given:
        given["limits"] = _limits(given["limits"])
    return dict(given)


def _limits(given: Any) -> Limits:
    names = [field.name for field in fields(Limits)]
    if not isinstance(given, dict) or given.keys() - set(names):
        raise ValueError(f"limits: should be a JSON object that may hold {', '.join(names)}")
    return Limits(**given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m campaign_automation", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, help=f"a file of JSON: {', '.join(_CONFIGURABLE)}")
    commands = parser.add_subparsers(dest="command", required=True)
    call = commands.add_parser("call", parents=[common], help="carry out one action")
    call.add_argument("action", choices=sorted(ACTIONS), metavar="action")
    call.add_argument("--json", type=_object, default={}, help="the parameters; - reads them from the input")
    call.add_argument("--user", required=True, help="the user_id of the context")
    call.add_argument("--key", help="the idempotency key")
    call.add_argument("--language", help="en or zh")
    commands.add_parser("run-due", parents=[common], help="carry out what is due, as from cron")
    commands.add_parser("actions", help="list the actions with their parameters")
    return parser


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("should be a JSON object")
    return value


if __name__ == "__main__":
    sys.exit(main())
