"""The local cloud, started once per process that runs flows, and clients for its API and its sandbox."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from _pytest.pathlib import import_path
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from campaign_automation.utils import clock
from local.cloud import Cloud, start
from local.cloud.aws import read_descriptions_once
from local.cloud.workers.worker import TIME_LIMITS
from tests.support.api import Api
from tests.support.aws import client, settle
from tests.support.limits import forget_limits
from tests.support.sandbox import UNKIND_SEED, Sandbox
from tests.support.secrets import assert_no_secret, log_of

# Its fixtures are those of customers' tests. Where the package is installed pytest has loaded it already.
pytest_plugins = ["campaign_automation_testing.plugin"]
# A slow example on a busy machine is no failure; a failing one says how to repeat it. The numbered properties
# of the contract name their own number, at least a hundred in every run.
settings.register_profile("tests", deadline=None, database=None, print_blob=True, max_examples=25)
settings.register_profile("all tests", settings.get_profile("tests"), max_examples=100)

# Tests that share what takes seconds to start, by the beginning of their ids. All others share what their
# file does.
SHARING = {
    "tests/flows/": "local cloud",
    "tests/cloud/": "fixture cloud",
}
# Flows that start servers of their own, or run in the process of the tests: others may do them meanwhile.
ALONE = ("adding_ads", "cache_servers", "deployments", "reports", "whole_account", "without_web_platform")
EVERYTHING = "slow or not slow"  # as make test-all asks
# Flows on a second local cloud where the slow ones run too: they wait for it more than they compute, and one
# cloud would leave a core idle for minutes.
OF_CHANGES = (
    *("ab_tests", "foreign_edits", "manage_campaign", "optimize_budget"),
    *("outbox", "reconciling", "rules", "status"),
)
# The beginnings of what takes longest, so that nothing long is left for the end.
LONGEST = ("local cloud", "fixture cloud", "tests/property/", "tests/contract/")


class Sharing(LoadScopeScheduling):
    """Gives tests that share a cloud or a file to one worker, so that each starts once in a run. (The marks
    of --dist loadgroup do nothing under pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        flow = file.removeprefix("tests/flows/test_").removesuffix(".py")
        if flow in ALONE:
            return file
        if flow in OF_CHANGES and self.config.option.markexpr == EVERYTHING:
            return "local cloud of the changes"
        return next((scope for start, scope in SHARING.items() if file.startswith(start)), file)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_turn), last=False)
        super()._assign_work_unit(node)


def _turn(scope: str) -> int:
    return next((turn for turn, start in enumerate(LONGEST) if scope.startswith(start)), len(LONGEST))


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("all tests" if config.option.markexpr == EVERYTHING else "tests")
    gc.disable()  # until all modules and tests are there, of which hardly any goes again
    read_descriptions_once()  # moto ends boto3's sessions with each of its tests
    if hasattr(config, "workerinput") and [Path(item).name for item in config.args] == ["tests"]:
        own = config.workerinput
        import_share(config.rootpath, int(own["workerid"].removeprefix("gw")), own["workercount"])


def import_share(root: Path, number: int, count: int) -> None:
    """Import one process's share of the test files before it collects all. In a new clone pytest rewrites and
    compiles them: each once then, and not once in each process."""
    for file in sorted((root / "tests").rglob("test_*.py"))[number::count]:
        try:
            import_path(file, mode="importlib", root=root, consider_namespace_packages=False)
        except (Exception, pytest.skip.Exception):  # which the collection tells
            _forget(file)


def _forget(file: Path) -> None:
    """Take out the part of a test file that was run: the collection would take it for the whole."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == str(file):
            del sys.modules[name]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    return Sharing(config, log)


def pytest_collection_finish() -> None:
    """Leave the modules and tests out of every later collection of garbage: they stay to the end."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def machine_time() -> None:
    """The module's clock as that of the machine, whatever the tests before left it at."""
    clock._offset = timedelta()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The product's own template. No test of it is about the limits of functions and gateway, which would
    end whatever a busy machine is slow with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TIME_LIMITS, "20")
        running = start(tmp_path_factory.mktemp("cloud"))
    with running:
        disable_schedule(running, "ReconcileCampaignsFunction")
        yield running
        assert_no_secret(running, log_of(running))  # of everything that the tests did


def disable_schedule(cloud: Cloud, function: str) -> None:
    """Let a scheduled function run only when a test calls it: the requests that it sends to platforms would
    be counted among those of whatever test runs then."""
    scheduler = client(cloud, "scheduler")
    for found in scheduler.list_schedules()["Schedules"]:
        kept = scheduler.get_schedule(Name=found["Name"], GroupName=found["GroupName"])
        if function in kept["Target"]["Arn"]:
            names = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
            scheduler.update_schedule(State="DISABLED", **{name: kept[name] for name in names})


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, cloud: Cloud) -> Iterator[Sandbox]:
    """The platforms as seeded, without faults; in flows unkind, unless they count calls."""
    is_unkind = "flows" in request.path.parts and request.node.get_closest_marker("counts_calls") is None
    with Sandbox(cloud.info["sandbox"]["admin"], lambda: settle(cloud)) as control:
        control.reset_faults()
        settle(cloud)  # what an earlier test left under way would reach the next one's platforms
        control.reset()
        forget_limits(cloud)
        control.unkind(UNKIND_SEED if is_unkind else None)
        yield control
        if is_unkind:  # other tests of this process may share the platforms
            control.unkind(None)


def pytest_report_header() -> str:
    return f"unkind platforms in flows: seed {UNKIND_SEED} (UNKIND_SEED)"


@pytest.fixture
def api(cloud: Cloud, sandbox: Sandbox) -> Iterator[Api]:
    """The API as user_123 calls it."""
    with Api(cloud.info["api_url"], cloud.info["tokens"]["user_123"]) as client:
        yield client


@pytest.fixture
def other_api(cloud: Cloud, sandbox: Sandbox) -> Iterator[Api]:
    """The API as user_456 calls it."""
    with Api(cloud.info["api_url"], cloud.info["tokens"]["user_456"]) as client:
        yield client
