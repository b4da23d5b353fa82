"""A cut of the fault matrix (`make chaos` runs all of it): nothing is doubled, orphaned, wrong or untold."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.chaos.cases import PLATFORMS, WEB_PLATFORM, Case, Fault, Kill, parse, run
from tests.chaos.house import SandboxHouse, virtual_time
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
QUICK = 7  # one case of so many runs every time
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
    "tiktok.cancel_test.list_ads.auth_expired.3",
    # A budget waits for midnight, and the platform could not be read when it was set.
    "tiktok.rule_budget.read_campaign.rate_limit.3",
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


def test_a_case_is_repeated_by_its_name() -> None:
    pair = (
        Fault("meta", "create_ad", "late_success", 2),
        Fault(WEB_PLATFORM, "get_campaigns", "garbage", 1, True),
    )
    for case in (*cases(), Case("meta", "create_active", pair)):
        assert parse(case.name) == case
