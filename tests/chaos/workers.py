"""The work of one process of the matrix, with a sandbox of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from campaign_automation.utils.observability import logger
from tests.chaos.actions import ACTIONS
from tests.chaos.cases import Case, Result, calls_of, kills, run, single_faults
from tests.chaos.house import SandboxHouse, virtual_time
from tests.support.in_process import aws_in_process, cloud_of
from tests.support.processes import running_sandbox
from tests.support.sandbox import Sandbox

A = TypeVar("A")


def in_sandbox(work: Callable[[Sandbox, Any], Coroutine[Any, Any, A]], subject: Any) -> A:
    """Do the work in this process, with a sandbox of its own."""
    with tempfile.TemporaryDirectory() as folder, running_sandbox(Path(folder)) as running, quiet():
        cloud = cloud_of(running)
        with aws_in_process(cloud), virtual_time(), Sandbox(cloud.info["sandbox"]["admin"]) as sandbox:
            return asyncio.run(work(sandbox, subject))


@contextmanager
def quiet() -> Iterator[None]:
    """Show no logs and metrics of the module: it works in earnest, thousands of times."""
    for handler in logger.handlers:
        handler.setLevel(logging.CRITICAL)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


async def discover(sandbox: Sandbox, platforms: Sequence[str]) -> list[Case]:
    cases = []
    for platform in platforms:
        for action in ACTIONS:
            operations, writes = await calls_of(partial(SandboxHouse, sandbox), platform, action)
            cases += [Case(platform, action), *single_faults(platform, action, operations)]
            cases += kills(platform, action, writes)
    return cases


async def run_all(sandbox: Sandbox, cases: Sequence[Case]) -> list[Result]:
    results = []
    for number, case in enumerate(cases, 1):
        results.append(await run(partial(SandboxHouse, sandbox), case))
        for violation in results[-1].violations:
            print(f"{case.name}: {violation.kind}: {violation.text}", file=sys.stderr)
        if number % 100 == 0:
            print(f"{number} of {len(cases)}", file=sys.stderr)
    return results
