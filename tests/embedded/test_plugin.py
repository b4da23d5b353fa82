"""The fixtures for customers' tests, as docs/embedding.md shows them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.doc_blocks import blocks, code
from tests.support.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
USER = {"user_id": "user_123"}


EXAMPLE = code("docs/embedding.md", "import asyncio")


def test_the_example_holds(campaign_automation: CampaignAutomation, campaign_sandbox: Sandbox) -> None:
    known: dict[str, Any] = {}
    exec(EXAMPLE, known)
    (test,) = [value for name, value in known.items() if name.startswith("test_")]
    test(campaign_automation, campaign_sandbox)


@pytest.mark.parametrize("platform", cut(["meta", "tiktok", "google"], "google"))
def test_the_module_works_on_each_platform(
    campaign_automation: CampaignAutomation, campaign_sandbox: Sandbox, platform: str
) -> None:
    async def work() -> tuple[dict[str, Any], dict[str, Any]]:
        asked = request_body(platform=platform, activate=True)
        made = await campaign_automation.execute("create_campaign", asked, USER)
        campaign_sandbox.advance(advance_days=1)
        shown = await campaign_automation.execute(
            "get_campaign_status", {"campaign_id": made.get("campaign_id")}, USER
        )
        await campaign_automation.aclose()
        return made, shown

    made, shown = asyncio.run(work())
    assert made["status"] == "success", made
    assert shown["campaign"]["status"] == "active"
    (adsets, *_) = [curves for name, curves in campaign_sandbox.market().items() if name == platform]
    assert {item["adset_id"] for item in adsets} == {item["platform_adset_id"] for item in made["adsets"]}
    assert len(campaign_sandbox.live(platform, "campaigns")) == 1


def test_a_module_is_made_with_what_a_test_wants(
    make_campaign_automation: Callable[..., CampaignAutomation], campaign_sandbox: Sandbox
) -> None:
    module = make_campaign_automation(limits=None)

    async def work() -> dict[str, Any]:
        answer = await module.execute("create_campaign", request_body(activate=True), USER)
        await module.aclose()
        return answer

    assert asyncio.run(work())["error"]["code"] == "4005"  # no cap, so nothing may start


def test_the_other_examples_of_the_page_run() -> None:
    mine = [block for block in blocks("python") if block.page == "docs/embedding.md"]
    others = [block.text for block in mine if block.text != EXAMPLE]
    assert len(others) == 2
    for text in others:
        known: dict[str, Any] = {}
        exec(text, known)
        assert known["CampaignAutomation"] is CampaignAutomation


@pytest.mark.slow
def test_it_holds_in_an_environment_of_a_customer(tmp_path: Path) -> None:
    venv, folder = tmp_path / "venv", tmp_path / "theirs"
    folder.mkdir()
    (folder / "test_theirs.py").write_text(EXAMPLE)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{ROOT}[testing,meta]"], check=True)
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "--import-mode=importlib"],
        cwd=folder,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
