"""The commands that README and docs show, run as they stand against one local cloud."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import cloud as local_cloud
from local import events
from local.cloud import Cloud
from local.cloud.workers.worker import TIME_LIMITS
from tests.support.api import PATIENCE_SECONDS
from tests.support.doc_blocks import ROOT, Block, blocks, code, commands
from tests.support.docs_to_run import is_listed

# A deployment of its own, as `make up` makes it, and a process for each command.
pytestmark = pytest.mark.slow
# The objects that an example names need not exist here: the exit code tells the error.
FAILING = ("python -m campaign_automation call get_campaign_status",)
ADDRESS = "localhost:8080"
(TOKEN, *_) = commands(next(block.text for block in blocks("sh") if "TOKEN=" in block.text))
SHELLS = [
    block
    for block in blocks("sh")
    if any(not is_listed(block.page, command) for command in commands(block.text))
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TIME_LIMITS, "20")
        running = local_cloud.start(tmp_path_factory.mktemp("docs"), parameters=events.AS_UP)
    with running:
        yield running


@pytest.fixture
def folder(cloud: Cloud, tmp_path: Path) -> Path:
    """A folder with what commands read: the state of the cloud, the events, a configuration."""
    (tmp_path / ".local").symlink_to(cloud.directory)
    (tmp_path / "events").symlink_to(ROOT / "events")
    accounts = {"user_123": {"meta": {"platform_account_id": "act_1", "access_token": "t"}}}
    (tmp_path / "config.json").write_text(json.dumps({"accounts": accounts, "store": "memory"}))
    return tmp_path


@pytest.mark.parametrize("block", SHELLS, ids=lambda block: f"{block.page}:{block.line}")
def test_a_block_of_the_shell_runs(cloud: Cloud, folder: Path, block: Block) -> None:
    run(cloud, folder, [command for command in commands(block.text) if not is_listed(block.page, command)])


def test_the_commands_within_lines_run(cloud: Cloud, folder: Path) -> None:
    found = re.findall(r"`(curl [^`]+)`", (ROOT / "docs/local-cloud.md").read_text())
    assert found
    run(cloud, folder, [TOKEN.replace("user_123", "operator"), *found])


def run(cloud: Cloud, folder: Path, lines: list[str]) -> None:
    """Run the commands in one shell: each has to end well, and what it asks for has to be answered well."""
    port = cloud.info["api_url"].rpartition(":")[2]
    script = ["set -e"]
    for line in lines:
        line = line.replace(ADDRESS, f"127.0.0.1:{port}")
        line = re.sub(r"make invoke EVENT=(\S+)", rf"python -m local invoke {ROOT}/\1 --dir .local", line)
        line = re.sub(r"\bcurl ", "curl --fail-with-body ", line)
        script.append(f"! {line}" if line.startswith(FAILING) else line)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", "\n".join(script)],
        cwd=folder,
        env={**os.environ, "PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_client_of_the_docs_lists_campaigns(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    text = code("docs/agents.md", "import httpx2")
    known = {"url": cloud.info["api_url"], "token": cloud.token("user_123", roles=["viewer"])}
    asyncio.run(eval(compile(text, "docs/agents.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), known))
    assert "'campaigns':" in capsys.readouterr().out
