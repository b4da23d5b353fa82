"""The work of the matrix's processes, each with a sandbox of its own, or with none."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from campaign_automation.utils.observability import logger
from campaign_automation_testing.processes import running_sandbox
from tests.chaos.aborts import Abort
from tests.chaos.actions import ACTIONS
from tests.chaos.cases import (
    CLOUD,
    KINDS,
    MEMORY,
    PLATFORMS,
    Case,
    Fault,
    Kill,
    Result,
    aborts,
    calls_of,
    kills,
    run,
    single_faults,
)
from tests.chaos.cloud import CloudHouse, running_cloud
from tests.chaos.house import SandboxHouse, virtual_time
from tests.chaos.memory import MemoryHouse
from tests.chaos.simulation import Outcome, run_history
from tests.chaos.virtual import run_virtually
from tests.support.in_process import aws_in_process, cloud_of
from tests.support.sandbox import Sandbox

A = TypeVar("A")
# Through workers time is real: no case waits longer than a retry.
_CLOUD_ACTIONS = (
    "create_active",
    "create_paused",
    "pause",
    "start",
    "delete",
    "pause_adset",
    "undo",
    "status",
)
_CLOUD_KINDS = ("timeout_before", "timeout_after", "drop_connection", "http_500", "policy", "garbage")
_KILLED_ACTIONS = ("create_active", "create_paused", "pause", "start", "delete", "pause_adset", "undo")
_HELD_KINDS = ("timeout_before", "timeout_after")
_OTHERS = 4  # of so many cases one is drawn in the stead of those that meet no call
# Answers of the Web Platform that a worker keeps from an earlier case: another one is not asked for.
_KEPT_ANSWERS = ("get_active_ad_account", "get_ad_account_token", "get_creative")


def in_sandbox(work: Callable[[Sandbox, Any], Coroutine[Any, Any, A]], subject: Any) -> A:
    """Do the work in this process, with a sandbox of its own."""
    with tempfile.TemporaryDirectory() as folder, running_sandbox(Path(folder)) as running, quiet():
        cloud = cloud_of(running)
        with aws_in_process(cloud), virtual_time(), Sandbox(cloud.info["sandbox"]["admin"]) as sandbox:
            return asyncio.run(work(sandbox, subject))


@contextmanager
def quiet() -> Iterator[None]:
    """Show no logs and metrics of the module: it works in earnest, thousands of times."""
    levels = {handler: handler.level for handler in logger.handlers}
    for handler in levels:
        handler.setLevel(logging.CRITICAL)
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            yield
    finally:  # tests of logs run in the same process
        for handler, level in levels.items():
            handler.setLevel(level)


# --- against the sandbox ------------------------------------------------------------------------------------


async def discover(sandbox: Sandbox, platforms: Sequence[str]) -> list[Case]:
    cases = []
    for platform in platforms:
        for action in ACTIONS:
            operations, writes = await calls_of(partial(SandboxHouse, sandbox), platform, action)
            cases += [Case(platform, action), *single_faults(platform, action, operations)]
            cases += kills(platform, action, writes)
    return cases


async def run_all(sandbox: Sandbox, cases: Sequence[Case]) -> list[Result]:
    return [_told(await run(partial(SandboxHouse, sandbox), case)) for case in cases]


# --- in memory ----------------------------------------------------------------------------------------------


def discover_in_memory() -> list[Case]:
    cases: list[Case] = []
    with quiet():
        for platform in PLATFORMS:
            for action in ACTIONS:
                operations, writes = run_virtually(partial(calls_of, MemoryHouse, platform, action), 0)
                cases += [Case(platform, action), *single_faults(platform, action, operations)]
                cases += [*kills(platform, action, writes), *aborts(platform, action, writes)]
    return [in_memory(case) for case in cases]


def in_memory(case: Case) -> Case:
    return Case(case.platform, case.action, case.faults, case.kill, case.abort, MEMORY)


def run_in_memory(case: Case) -> Result:
    return run_virtually(partial(run, MemoryHouse, case), 0)


def run_all_in_memory(cases: Sequence[Case]) -> list[Result]:
    with quiet():
        return [_told(run_in_memory(case)) for case in cases]


def run_histories(seeds: Sequence[int]) -> list[Outcome]:
    with quiet():
        return [run_history(seed) for seed in seeds]


def timed_histories(seeds: Sequence[int]) -> tuple[list[Outcome], float, float]:
    """Return the histories, and how long they took: by the clock, and of this process's processor."""
    # The machine's own clock: histories have another.
    clock, processor = time.perf_counter(), time.process_time()
    histories = run_histories(seeds)
    return histories, time.perf_counter() - clock, time.process_time() - processor


# --- through real workers -----------------------------------------------------------------------------------


def through_workers(cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """Return `count` cases for the local cloud, of actions and faults that were found elsewhere, and behind
    them others in their stead where a call is not met.

    A quarter are ended workers, a sixth stopped executions.
    """
    short = [case for case in cases if len(case.faults) == 1 and _is_short(case.faults[0])]
    held = [case for case in short if case.faults[0].kind in _HELD_KINDS]
    killed = [
        replace(case, kill=Kill(0, after=False), where=CLOUD)
        for case in held
        if case.action in _KILLED_ACTIONS
    ]
    stopped = [
        replace(case, abort=Abort(0, then), where=CLOUD)
        for case in held
        for then in ("", "pause", "delete")
        if case.action == "create_active"
    ]
    found = [replace(case, where=CLOUD) for case in short if case.action in _CLOUD_ACTIONS]
    chance = random.Random(f"workers {seed}")
    chosen = chance.sample(killed, min(len(killed), count // 4))
    chosen += chance.sample(stopped, min(len(stopped), count // 6))
    others = chance.sample(found, min(len(found), count - len(chosen) + count // _OTHERS))
    return chosen + others


def _is_short(fault: Fault) -> bool:
    is_known = fault.kind in _CLOUD_KINDS and fault.kind in KINDS[fault.platform]
    # Later calls of an operation are not always made by the process in which they were counted.
    return is_known and fault.nth == 1 and not fault.lasts and fault.operation not in _KEPT_ANSWERS


def run_all_through_workers(wanted: int, cases: Sequence[Case]) -> list[Result]:
    """Run the cases one after the other in one local cloud, until `wanted` of them met their call."""
    if not cases:
        return []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cloud(Path(folder)) as cloud,
        quiet(),
        Sandbox(cloud.info["sandbox"]["admin"]) as sandbox,
    ):
        return asyncio.run(_run_until(wanted, partial(CloudHouse, cloud, sandbox), cases))


async def _run_until(wanted: int, build: Callable[[str], CloudHouse], cases: Sequence[Case]) -> list[Result]:
    results: list[Result] = []
    left = iter(cases)
    while sum(item.fired for item in results) < wanted and (case := next(left, None)):
        results.append(_told(await run(build, case)))
    return results


def _told(result: Result) -> Result:
    for violation in result.violations:
        print(f"{result.case.name}: {violation.kind}: {violation.text}", file=sys.stderr)
    return result
