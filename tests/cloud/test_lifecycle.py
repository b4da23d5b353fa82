"""Starting and stopping: cloud.json, several clouds side by side, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local import cloud as local_cloud
from local.cloud import Cloud, CloudError
from tests.cloud.support import FIXTURES, TEMPLATE
from tests.support.processes import PROC, descendants

ROOT = Path(__file__).parents[2]


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if (PROC / str(pid)).exists() and not _is_zombie(pid)}


def _is_zombie(pid: int) -> bool:
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def gone_within(pids: set[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600
    )


def test_cloud_json_tells_everything(cloud: Cloud) -> None:
    info = json.loads((cloud.directory / "cloud.json").read_text())
    assert info == cloud.info
    assert set(info["tokens"]) == {"user_123", "user_456", "operator"}
    assert set(info["sandbox"]) == {"meta", "tiktok", "google", "gemini", "web_platform", "admin"}
    assert info["redis_url"].startswith("redis://127.0.0.1:")
    assert info["pid"] in descendants(os.getpid())


def test_second_cloud_in_one_folder_is_refused(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="already runs"):
        local_cloud.start(cloud.directory, template=TEMPLATE)
    assert httpx.get(cloud.info["api_url"] + "/v1/open", timeout=600).status_code == 201


class Starter:
    """A process that starts a cloud and then does nothing."""

    SCRIPT = (
        "import sys, time; from local import cloud;"
        "running = cloud.start(sys.argv[1], template=sys.argv[2]);"
        "print(running.info['pid'], flush=True); time.sleep(600)"
    )

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, str(directory), str(TEMPLATE)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> int:
        """The pid of its cloud, once that is ready."""
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdout
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True)
class Others:
    """Three more attempts at a cloud: a good one, one started by another process, one that must fail."""

    good: Cloud
    starter: Starter
    failure: BaseException | None


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    starter = Starter(tmp_path_factory.mktemp("started"))
    wrong = template_of_an_unknown_type(tmp_path_factory.mktemp("wrong"))
    with ThreadPoolExecutor() as threads:  # all at once, for speed
        failing = threads.submit(local_cloud.start, wrong.parent / "state", template=wrong)
        good = local_cloud.start(tmp_path_factory.mktemp("good"), template=TEMPLATE)
    with good:
        yield Others(good, starter, failing.exception())
    starter.end()


def template_of_an_unknown_type(folder: Path) -> Path:
    template = folder / "template.yaml"
    template.write_text(TEMPLATE.read_text().replace("AWS::SQS::Queue", "AWS::RoboMaker::Robot"))
    for name in ("functions", "layers", "statemachines"):
        (folder / name).symlink_to(FIXTURES / name)
    return template


@pytest.mark.slow
def test_clouds_run_side_by_side(cloud: Cloud, others: Others) -> None:
    names = ("api_url", "aws_endpoint", "redis_url")
    assert all(cloud.info[name] != others.good.info[name] for name in names)
    token = {"Authorization": f"Bearer {cloud.info['tokens']['user_123']}"}
    assert httpx.get(cloud.info["api_url"] + "/v1/things/1", headers=token, timeout=600).status_code == 201
    refused = httpx.get(others.good.info["api_url"] + "/v1/things/1", headers=token, timeout=600)
    assert refused.status_code == 401


@pytest.mark.slow
def test_template_that_cannot_be_deployed_is_told(others: Others) -> None:
    assert isinstance(others.failure, CloudError)
    assert "does not know the type of Queue (AWS::RoboMaker::Robot)" in str(others.failure)


@pytest.mark.slow
def test_down_leaves_nothing_behind(others: Others) -> None:
    good = others.good
    assert httpx.get(good.info["api_url"] + "/v1/open", timeout=600).status_code == 201
    processes = descendants(good.info["pid"])
    assert len(processes) >= 5  # supervisor, guard, sandbox, valkey and a worker
    assert local("down", "--dir", str(good.directory)).stdout == "stopped\n"
    assert not alive(processes)
    assert not (good.directory / "cloud.json").exists()
    assert "no local cloud runs" in local("down", "--dir", str(good.directory)).stdout


@pytest.mark.slow
def test_cloud_ends_with_the_process_that_started_it(others: Others) -> None:
    processes = descendants(others.starter.wait())
    others.starter.end()
    assert gone_within(processes, 300)
    assert not (others.starter.directory / "cloud.json").exists()


def test_children_do_not_survive_a_killed_supervisor() -> None:
    script = (
        "import time; from pathlib import Path; from local.cloud.processes import Children;"
        "child = Children().spawn(['sleep', '600'], cwd=Path('.'));"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout
    child = int(supervisor.stdout.readline())
    assert alive({child})
    supervisor.kill()
    supervisor.communicate()
    assert gone_within({child}, 300)
