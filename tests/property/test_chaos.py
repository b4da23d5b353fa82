"""A cut of the fault matrix (`make chaos` runs all of it): nothing is doubled, orphaned, wrong or untold."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from campaign_automation.managers.campaigns.reconciling import Reconciler
from tests.chaos.aborts import Abort
from tests.chaos.cases import (
    CLOUD,
    PLATFORMS,
    WEB_PLATFORM,
    Case,
    Fault,
    Kill,
    aborts,
    kills,
    pairs,
    parse,
    run,
    single_faults,
)
from tests.chaos.house import SandboxHouse, virtual_time
from tests.chaos.workers import in_memory, run_all_in_memory, run_histories
from tests.support.cuts import slow
from tests.support.sandbox import Sandbox

CALLS = {
    "create_active": ("create_campaign", "create_adset", "create_ad", "update_campaign", "read_campaign"),
    "pause": ("update_campaign", "read_campaign"),
    "start": ("update_campaign", "read_campaign"),
    "delete": ("delete_campaign", "read_campaign"),
}
KINDS = ("timeout_before", "timeout_after", "late_success", "rate_limit", "garbage")
TOLD = ("timeout_before", "timeout_after", "late_success")
QUICK = 40  # one case of so many runs every time; the others are tried in memory
IN_MEMORY = 150
WRITES = 12  # of an action, at which it is killed or stopped
HISTORIES = 6
FOUND_IN_MEMORY = (
    # A platform's split test was ended, and no answer to that arrived.
    "memory.tiktok.cancel_test.end_split.timeout_after.1+",
)
# Cases that once left something behind.
FOUND = (
    # A start that was not read back, and no visit that settled it.
    "tiktok.create_test.read_campaign.rate_limit.3",
    # A start that was carried out after the platform was read.
    "google.start.update_campaign.late_success.1+",
    # The objects that a change saw were stored, and its message to the Web Platform was not.
    "meta.stop_all.kill.before_write.8",
    # A change was concluded, and what it saw was not stored.
    "meta.undo.kill.after_write.6",
    # Part of a list was read as the whole of it.
    "tiktok.pause_adset.read_campaign.partial_unnamed.1",
    # A platform's split test was ended, and the ad sets that stopped with it were not noted.
    "tiktok.cancel_test.kill.after_write.14",
    "tiktok.cancel_test.list_adsets.auth_expired.3",
    # A budget waits for midnight, and the platform could not be read when it was set.
    "tiktok.rule_budget.read_campaign.rate_limit.3",
    # A request was never answered, and the next one was not sent, as the platform does not answer.
    "meta.start.batch.late_success.1+",
)


def cases() -> Iterator[Case]:
    for platform, (action, operations) in itertools.product(PLATFORMS, CALLS.items()):
        for operation, kind in itertools.product(operations, KINDS):
            yield Case(platform, action, (Fault(platform, operation, kind),))
        for kind in TOLD:
            operation = "create_campaign" if action == "create_active" else "update_campaign"
            if action != "delete":
                yield Case(platform, action, (Fault(WEB_PLATFORM, operation, kind),))
        yield from (Case(platform, action, kill=Kill(nth, after=True)) for nth in (1, 2, 3))


def cut() -> list[Any]:
    marked = enumerate(cases())
    found = [pytest.param(parse(name), id=name) for name in FOUND]
    return found + [
        pytest.param(case, id=case.name, marks=[slow] if nth % QUICK else []) for nth, case in marked
    ]


@pytest.mark.usefixtures("module_settings")
@pytest.mark.parametrize("case", cut())
def test_a_fault_leaves_nothing_behind(sandbox: Sandbox, case: Case) -> None:
    with virtual_time():
        result = asyncio.run(run(partial(SandboxHouse, sandbox), case))
    assert result.fired
    assert result.violations == ()


def in_memory_cases() -> list[Case]:
    """Some of each kind: one fault, two, a kill, a stopped execution."""
    every = [case for platform in PLATFORMS for case in _cases_of(platform)]
    with_two = list(pairs(every, 30, 1))
    chosen = random.Random(1).sample(every, IN_MEMORY - len(with_two) - len(FOUND_IN_MEMORY))
    return [in_memory(case) for case in chosen + with_two] + [parse(name) for name in FOUND_IN_MEMORY]


def _cases_of(platform: str) -> Iterator[Case]:
    for action in CALLS:
        operations = Counter({(platform, name): 1 for name in CALLS[action]})
        yield from single_faults(platform, action, operations)
        yield from kills(platform, action, WRITES)
        yield from aborts(platform, action, WRITES)


def test_faults_kills_and_stopped_executions_leave_nothing_behind() -> None:
    """Platforms, table and time in memory: all cases together take seconds."""
    results = run_all_in_memory(in_memory_cases())
    assert len(results) >= IN_MEMORY
    assert {result.case.name: result.violations for result in results if result.violations} == {}


def test_histories_leave_nothing_behind_and_are_repeated_by_their_seeds() -> None:
    outcomes = run_histories([*range(HISTORIES), 0])
    assert {item.seed: item.violations for item in outcomes if item.violations} == {}
    assert outcomes[-1] == outcomes[0]


def test_the_simulation_sees_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the reconciler something stays open."""

    async def nothing(_: object) -> dict[str, int]:
        return {}

    monkeypatch.setattr(Reconciler, "sweep", nothing)
    assert any(item.violations for item in run_histories(range(HISTORIES)))


def test_a_case_is_repeated_by_its_name() -> None:
    pair = (
        Fault("meta", "create_ad", "late_success", 2),
        Fault(WEB_PLATFORM, "get_campaigns", "garbage", 1, True),
    )
    stopped = Case("meta", "create_active", pair[:1], abort=Abort(0, "pause"), where=CLOUD)
    for case in (*cases(), *in_memory_cases(), Case("meta", "create_active", pair), stopped):
        assert parse(case.name) == case
