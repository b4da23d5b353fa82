"""The module in the local cloud: the API, the state machine and real workers of the product's template."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from campaign_automation import CampaignAutomation
from campaign_automation.actions import ACTIONS
from campaign_automation.models.campaign import Creation
from campaign_automation.stores.table import Table
from local.cloud import Cloud, start
from local.cloud.workers.worker import TIME_LIMITS
from tests.chaos.house import HELD_SECONDS, USER, WEB_PLATFORM, Json, Perform, SandboxHouse
from tests.conftest import disable_schedule
from tests.support.api import Api
from tests.support.aws import client, is_busy, settle, state_machine
from tests.support.module import environment
from tests.support.processes import kill_workers
from tests.support.sandbox import Sandbox

_SWEEPS = ("ReconcileCampaignsFunction", "OutboxFunction")
# They would run with each jump of the clock; no case has rules, and none asks for collected figures.
_OTHERS = ("ReconcileRulesFunction", "CollectInsightsFunction")
_PATIENCE_SECONDS = 120
_TIME_LIMITS = "20"  # times as long as AWS allows
_STEPS = {"meta": "MetaStepFunction", "tiktok": "TikTokStepFunction", "google": "GoogleStepFunction"}
_LEASES = ("run_held_until", "reconciled_until", "delivery_until")


@contextmanager
def running_cloud(folder: Path) -> Iterator[Cloud]:
    """A local cloud whose sweeps run by command alone; a machine at work is slower than AWS is."""
    os.environ[TIME_LIMITS] = _TIME_LIMITS
    with start(folder) as cloud:
        for function in (*_SWEEPS, *_OTHERS):
            disable_schedule(cloud, function)
        with environment(cloud):
            yield cloud


class CloudHouse(SandboxHouse):
    """Against the API of one local cloud. Its table is empty: sweeps would look after campaigns of earlier
    cases too, whose platforms are no more."""

    def __init__(self, cloud: Cloud, sandbox: Sandbox, platform: str) -> None:
        self._cloud = cloud
        self._api = Api(cloud.info["api_url"], cloud.info["tokens"][USER])
        self._headers: dict[str, str] = {}
        settle(cloud)
        super().__init__(sandbox, platform)
        self._empty_table()

    def make_module(self, table: Table) -> CampaignAutomation:
        return CampaignAutomation()

    async def close(self) -> None:
        await super().close()
        self._api.http.close()

    async def ask(self, name: str, /, **parameters: Any) -> Json:
        action = ACTIONS[name]
        path = action.path.format(**{key: parameters.pop(key) for key in action.path_names})
        more: Json = {"json": parameters} if action.has_body else {"params": parameters}
        headers = {"Idempotency-Key": uuid.uuid4().hex, **self._headers}
        return dict(self._api.http.request(action.method, path, headers=headers, **more).json())

    def fault(self, platform: str, operation: str, **description: Any) -> None:
        # A message that is still on its way would meet the fault, and the one in question would wait for it.
        settle(self._cloud)
        super().fault(platform, operation, **description)

    def end_faults(self) -> bool:
        settle(self._cloud)  # the Web Platform is told after the answer
        return super().end_faults()

    async def sweep(self) -> None:
        for function in _SWEEPS:
            name = f"campaign-automation-local-{function}:live"
            client(self._cloud, "lambda").invoke(FunctionName=name, Payload=b"{}")

    async def abort(self, perform: Perform, nth: int, then: str) -> tuple[Json, bool]:
        """Stop the execution while the platform keeps one of its steps waiting."""
        self._headers = {"Prefer": "respond-async"}
        accepted = await perform(self)
        self._headers = {}
        _until(lambda: self._is_held() or not is_busy(self._cloud))
        is_met = self._is_held()
        machines = client(self._cloud, "stepfunctions")
        machine = state_machine(machines, "CreateCampaignStateMachine")
        execution = machine.replace(":stateMachine:", ":execution:")
        machines.stop_execution(executionArn=f"{execution}:{self.campaign_id}")
        if then:
            await self.ask("manage_campaign", campaign_id=self.campaign_id, action=then, confirm=True)
        if is_met:
            await asyncio.sleep(HELD_SECONDS)  # the stopped step hears from the platform only now
        self.end_faults()
        return accepted, is_met

    async def kill(self, perform: Perform, action: str) -> tuple[Json, bool]:
        """End the worker of the step, the action or the outbox, while the call of the fault is open."""
        # Of a creation the function dies that carries it out, and its caller waits for the outcome.
        worker = "UndoChangeFunction" if action == "undo" else "ManageCampaignFunction"
        worker = _STEPS[self.platform] if action.startswith("create") else worker
        if any(item["platform"] == WEB_PLATFORM for item in self.sandbox.faults()):
            worker = "OutboxFunction"
        asked = asyncio.create_task(asyncio.to_thread(asyncio.run, perform(self)))

        def is_held_or_over() -> bool:
            return self._is_held() or (asked.done() and not is_busy(self._cloud))

        await asyncio.to_thread(_until, is_held_or_over)
        is_met = self._is_held()
        killed = kill_workers(self._cloud.info["pid"], worker) if is_met else 0
        answer = await asked
        self.end_faults()
        self._end_leases()
        return answer if "status" in answer else {"status": "killed"}, is_met and killed > 0

    def _empty_table(self) -> None:
        dynamodb, name = client(self._cloud, "dynamodb"), self._cloud.info["environment"]["TABLE_NAME"]
        for item in self._rows():
            dynamodb.delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})

    def _is_held(self) -> bool:
        return any(item["seen"] >= item["nth"] for item in self.sandbox.faults())

    def _end_leases(self) -> None:
        """Let the leases of the dead be over: they count the seconds of the machine."""
        dynamodb, name = client(self._cloud, "dynamodb"), self._cloud.info["environment"]["TABLE_NAME"]
        for item in self._rows():
            for lease in item.keys() & set(_LEASES):
                dynamodb.update_item(
                    TableName=name,
                    Key={"pk": item["pk"], "sk": item["sk"]},
                    UpdateExpression="SET #until = :over",
                    ExpressionAttributeNames={"#until": lease},
                    ExpressionAttributeValues={":over": {"N": "1"}},
                )

    async def creations(self) -> list[Creation]:
        return [await self.parts.creation.load(USER, item) for item in sorted(self._ids())]

    def _ids(self) -> Iterator[str]:
        for item in self._rows():
            tenant, _, campaign_id = item["pk"]["S"].partition("#campaign#")
            if tenant == USER and item["sk"]["S"] == "campaign":
                yield campaign_id

    def _rows(self) -> Iterator[Json]:
        pages = client(self._cloud, "dynamodb").get_paginator("scan")
        names = {f"#{number}": name for number, name in enumerate(("pk", "sk", *_LEASES))}
        asked = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        for page in pages.paginate(TableName=self._cloud.info["environment"]["TABLE_NAME"], **asked):
            yield from page["Items"]


def _until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
