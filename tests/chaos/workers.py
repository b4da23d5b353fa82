"""The work of one process of the matrix, with a sandbox of its own."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.chaos.actions import ACTIONS
from tests.chaos.cases import Case, Result, calls_of, kills, run, single_faults
from tests.chaos.house import no_waiting
from tests.support.in_process import aws_in_process, cloud_of
from tests.support.processes import running_sandbox
from tests.support.sandbox import Sandbox

A = TypeVar("A")


def in_sandbox(work: Callable[[Sandbox, Any], Coroutine[Any, Any, A]], subject: Any) -> A:
    """Do the work in this process, with a sandbox of its own."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, running_sandbox(Path(folder)) as running:
        cloud = cloud_of(running)
        with aws_in_process(cloud), no_waiting(), Sandbox(cloud.info["sandbox"]["admin"]) as sandbox:
            return asyncio.run(work(sandbox, subject))


async def discover(sandbox: Sandbox, platforms: Sequence[str]) -> list[Case]:
    cases = []
    for platform in platforms:
        for action in ACTIONS:
            operations, writes = await calls_of(sandbox, platform, action)
            cases += [Case(platform, action), *single_faults(platform, action, operations)]
            cases += kills(platform, action, writes)
    return cases


async def run_all(sandbox: Sandbox, cases: Sequence[Case]) -> list[Result]:
    results = []
    for number, case in enumerate(cases, 1):
        results.append(await run(sandbox, case))
        if number % 100 == 0:
            print(f"{number} of {len(cases)}", file=sys.stderr, flush=True)
    return results
