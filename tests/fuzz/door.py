"""The HTTP door and the tasks of one process, with platforms in memory behind them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.api.http import respond
from campaign_automation.tasks import Task
from campaign_automation.utils.error_handler import CODES, CampaignAutomationError, error_body
from tests.chaos.actions import LOWER, create, create_test, with_a_rule
from tests.chaos.house import OPERATOR_ROLES, USER, crashes
from tests.chaos.memory import MemoryHouse
from tests.chaos.virtual import virtual_runner

Json = dict[str, Any]
# Answers that a caller sees when something else is down; nothing is, here.
_OF_THE_SERVER = 500


@dataclass
class Door:
    """Answers all that comes in; `problems` are the answers that no input may have."""

    house: MemoryHouse
    runner: asyncio.Runner
    known: dict[str, str]
    crashed: list[str]
    problems: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def request(
        self, action: Action, body: str | None, path: Mapping[str, str], query: Json, headers: Json
    ) -> None:
        """Send one request as API Gateway hands it on, and judge the answer."""
        event = {
            "httpMethod": action.method,
            "resource": action.path,
            "pathParameters": dict(path) or None,
            "queryStringParameters": query or None,
            "headers": {**headers, "Prefer": "wait=0"},
            "body": body,
            "requestContext": {
                "requestId": "fuzz",
                "authorizer": {"principalId": USER, "roles": " ".join(OPERATOR_ROLES)},
            },
        }
        what = f"{action.name} {path} {query} {headers} {body!r}"
        try:
            answer = self.runner.run(respond(self.house.parts, action, event))
        except Exception as error:  # of any kind: a crash is what is looked for
            self.problems.append(f"{what}: {error!r}")
            return
        self._judge(action, what, answer)

    def _judge(self, action: Action, what: str, answer: Json) -> None:
        status, body = answer["statusCode"], json.loads(answer["body"])
        self.seen[f"{action.name} {status}"] += 1
        is_error = body["status"] == "error"
        documented = (
            status in {code.http_status for code in CODES.values()} if is_error else status in action.answers
        )
        if status >= _OF_THE_SERVER or not documented or (is_error and body["error"]["code"] == "1000"):
            self.problems.append(f"{what}: answered {status} {answer['body'][:300]}")
        if self.crashed:
            self.problems.append(f"{what}: logged {self.crashed.pop()}")

    def task(self, task: Task, event: Json) -> None:
        """Hand one payload to a task, which may refuse it only with a typed error."""
        try:
            self.runner.run(task(self.house.parts, event))
            self.seen[f"{task.__name__} done"] += 1
        except CampaignAutomationError as error:
            self.seen[f"{task.__name__} {error.code}"] += 1
            if error_body(error)["code"] == "1000":
                self.problems.append(f"{task.__name__} {event}: {error!r}")
        except Exception as error:  # of any kind: a crash is what is looked for
            self.problems.append(f"{task.__name__} {event}: {error!r}")


@contextmanager
def open_door(seed: int) -> Iterator[Door]:
    """One tenant with a campaign, a test and a rule, whose ids requests may name."""
    with virtual_runner(seed) as runner, crashes() as crashed:
        house = MemoryHouse("meta")
        known = runner.run(_furnish(house))
        yield Door(house, runner, known, crashed)
        runner.run(house.close())


async def _furnish(house: MemoryHouse) -> dict[str, str]:
    test = await create_test(house)
    await with_a_rule(house, LOWER)
    await create(house, activate=True)
    made = await house.parts.creation.load(USER, house.campaign_id)
    asked = {"campaign_id": house.campaign_id, "target_roas": 9, "mode": "propose"}
    proposal = await house.ask("update_campaign", **asked)
    return {
        "campaign_id": house.campaign_id,
        "request_id": str(made.context.request_id),
        "test_id": test["test_id"],
        "rule_id": house.known["rule"],
        "template": "stop_loss",
        "proposal_id": proposal["proposal_id"],
    }


def actions() -> list[Action]:
    return list(ACTIONS.values())
