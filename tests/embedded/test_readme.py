"""README's first example in Python, in a process of its own that has nothing but the sandbox's addresses."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from local.cloud.supervisor import MCP_PATHS
from tests.support.sandbox import Sandbox

README = Path(__file__).parents[2] / "README.md"
CLIENTS = "mcp_client=..., gemini_client=..., redis_client=..."
# The clients of an orchestrator: objects with the methods that the module calls.
OBJECTS = """
import asyncio, os

class Redis:
    def __init__(self):
        self.kept = {}
    async def get(self, key):
        return self.kept.get(key)
    async def set(self, key, value, ex=None, nx=False):
        if nx and key in self.kept:
            return None
        self.kept[key] = value
        return True
    async def delete(self, *keys):
        for key in keys:
            self.kept.pop(key, None)

class Gemini:
    async def generate_content(self, prompt, model):
        return {"text": "Made for muddy paths."}

from campaign_automation.clients.mcp_client import McpClient
CLIENTS = dict(
    mcp_client=McpClient(os.environ["MCP_URL"], lambda: "sandbox-service-token"),
    gemini_client=Gemini(),
    redis_client=Redis(),
)
"""


def example() -> str:
    """The example as it stands, its three dots filled in, in a function that says what came of it."""
    (code,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        if CLIENTS in block
    ]
    lines = code.replace(CLIENTS, "**CLIENTS")
    body = textwrap.indent(lines + "print(result['status'], {ad['copy'] for ad in result['ads']})\n", "    ")
    return f"{OBJECTS}\nasync def main():\n{body}\nasyncio.run(main())\n"


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """The Python of a new environment that holds what the README says, from this folder."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{README.parent}[meta]"], check=True)
    return python


def test_the_first_example_runs_as_it_stands(urls: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    run_example(sys.executable, urls, sandbox, tmp_path)


@pytest.mark.slow
def test_it_runs_in_a_new_environment_too(
    installed: str, urls: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    run_example(installed, urls, sandbox, tmp_path)


def run_example(python: str, urls: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "META_GRAPH_URL": urls["meta"],
        "MCP_URL": urls["web_platform"] + MCP_PATHS["customer"],
        "CLOCK_URL": f"{urls['admin']}/clock",
    }
    done = subprocess.run([python, "-c", example()], env=environment, capture_output=True, text=True)
    assert done.stdout == "success {'Made for muddy paths.'}\n", done.stdout + done.stderr
    assert sandbox.left_behind("meta")["campaigns"] == 1
