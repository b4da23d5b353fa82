"""Starting and stopping: cloud.json, several clouds side by side, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from local import cloud as local_cloud
from local.cloud import Cloud, CloudError
from tests.cloud.support import FIXTURES, TEMPLATE

ROOT = Path(__file__).parents[2]
PROC = Path("/proc")


def descendants(pid: int) -> set[int]:
    """Every living process below `pid`, by the kernel's own list."""
    parents = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(text.rsplit(")", 1)[1].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


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
        [sys.executable, "-m", "local", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def warm_up(cloud: Cloud) -> set[int]:
    """Start a worker, then tell all processes of the cloud."""
    assert httpx.get(cloud.info["api_url"] + "/v1/open", timeout=30).status_code == 201
    return descendants(cloud.info["pid"])


def test_cloud_json_tells_everything(cloud: Cloud) -> None:
    info = json.loads((cloud.directory / "cloud.json").read_text())
    assert info == cloud.info
    assert set(info["tokens"]) == {"user_123", "user_456"}
    assert set(info["sandbox"]) == {"meta", "gemini", "web_platform", "admin"}
    assert info["redis_url"].startswith("redis://127.0.0.1:")
    assert info["pid"] in descendants(os.getpid())


def test_second_cloud_in_one_folder_is_refused(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="already runs"):
        local_cloud.start(cloud.directory, template=TEMPLATE)
    assert httpx.get(cloud.info["api_url"] + "/v1/open", timeout=30).status_code == 201


def test_wrong_template_is_told(tmp_path: Path) -> None:
    text = TEMPLATE.read_text().replace("AWS::SQS::Queue", "AWS::RoboMaker::Robot")
    template = tmp_path / "template.yaml"
    template.write_text(text)
    for folder in ("functions", "layers", "statemachines"):
        (tmp_path / folder).symlink_to(FIXTURES / folder)
    with pytest.raises(CloudError, match=r"does not know the type of Queue \(AWS::RoboMaker::Robot\)"):
        local_cloud.start(tmp_path / "state", template=template)
    assert not (tmp_path / "state" / "cloud.json").exists()


def test_clouds_run_side_by_side_and_leave_nothing_behind(cloud: Cloud, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        other, orphan = threads.map(
            lambda name: local_cloud.start(tmp_path / name, template=TEMPLATE), ("other", "orphan")
        )
    ports = {running.info[name] for running in (cloud, other, orphan) for name in ("api_url", "aws_endpoint")}
    assert len(ports) == 6
    token = cloud.info["tokens"]["user_123"]
    stranger = httpx.get(other.info["api_url"] + "/v1/things/1", headers={"Authorization": f"Bearer {token}"})
    assert stranger.status_code == 401

    processes = warm_up(other)
    assert len(processes) >= 5  # supervisor, guard, sandbox, valkey, worker
    stopped = local("down", "--dir", str(tmp_path / "other"))
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert not alive(processes)
    other.process.wait()
    assert not (tmp_path / "other" / "cloud.json").exists()
    assert "no local cloud runs" in local("down", "--dir", str(tmp_path / "other")).stdout

    processes = warm_up(orphan)
    os.kill(orphan.info["pid"], signal.SIGKILL)
    assert gone_within(processes, 5)
    orphan.process.wait()
    local("down", "--dir", str(tmp_path / "orphan"))
    assert not (tmp_path / "orphan" / "cloud.json").exists()

    assert httpx.get(cloud.info["api_url"] + "/v1/open", timeout=30).status_code == 201


def test_cloud_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from local import cloud;"
        "running = cloud.start(sys.argv[1], template=sys.argv[2]);"
        "print(running.info['pid'], flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(TEMPLATE)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout
    processes = descendants(int(starter.stdout.readline()))
    starter.kill()
    starter.communicate()
    assert gone_within(processes, 10)
    assert not (tmp_path / "cloud.json").exists()
