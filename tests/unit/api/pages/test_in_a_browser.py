"""All pages in headless Chromium: axe, three widths, both schemes. Skipped without Chromium or npm."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.api.pages.budget_changes import budget_changes
from campaign_automation.api.pages.kit.frame import choice, field, form, page
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.reports import DailyInsight
from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.pages import HOSTILE, Visitor
from tests.support.rules import body

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAYS = 25
LONG = "A campaign with a very long name that has nowhereabreakwithinitselfsoitmustwrapsomewhere"
PACKAGES = ("puppeteer-core@25", "axe-core@4")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SETTING = "PAGES_FOLDER"  # where pages and pictures are kept for a person to look at


def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None or shutil.which("npm") is None:
        pytest.skip("Chromium or npm is not installed")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with the script and its libraries, and another with pages."""
    installed = subprocess.run(
        ["npm", "install", "--silent", "--prefix", tmp_path, *PACKAGES], capture_output=True, check=False
    )
    if installed.returncode != 0:
        pytest.skip("npm cannot install the libraries of this test here")
    shutil.copy(Path(__file__).with_name("look.mjs"), tmp_path)
    (tmp_path / "pages").mkdir()
    yield tmp_path
    if kept := os.environ.get(SETTING):
        shutil.copytree(tmp_path / "pages", kept, dirs_exist_ok=True)


@pytest.mark.slow
def test_every_page_can_be_used_on_every_screen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chromium = browser()
    for name, document in documents(monkeypatch).items():
        (folder / "pages" / f"{name}.html").write_text(document, encoding="utf-8")
    pictures = ["--pictures"] if SETTING in os.environ else []
    looked = subprocess.run(
        ["node", folder / "look.mjs", chromium, folder / "pages", *pictures], capture_output=True, check=False
    )
    assert looked.returncode == 0, looked.stderr.decode()
    found = json.loads(looked.stdout.splitlines()[-1])
    assert len(found) == 6 * len(list((folder / "pages").glob("*.html")))
    bad = [
        item
        for item in found
        if item["problems"] or item["overflow"] or item["empty"] or item["cut"] or item["asked"]
    ]
    assert bad == []
    assert {item["name"] for item in found if item["charts"]} >= {"report.html", "test-planned.html"}
    assert min(item["smallest"] for item in found) > 8  # pixels of the text in charts, on a phone too


def documents(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return {
        **of_a_campaign(monkeypatch),
        **{f"test-{mode}": of_a_test(monkeypatch, mode) for mode in ("planned", "open_ended")},
        "budgets": of_budgets(),
        "forms": of_forms(),
    }


def at_day(monkeypatch: pytest.MonkeyPatch, day: int) -> datetime:
    now = START + timedelta(days=day)
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


def of_a_campaign(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A tenant with a campaign, a proposal that waits, and a rule that fired."""
    at_day(monkeypatch, 0)
    house = OneTenant()
    visitor = Visitor(house)
    made = house.done("create_campaign", request_body(name=f"{LONG} {HOSTILE}", activate=True))
    campaign = {"campaign_id": made["campaign_id"]}
    now = at_day(monkeypatch, DAYS)
    root = made["platform_campaign_id"]
    house.adapter.daily = [insight(root, root, None, day) for day in range(DAYS)]
    house.adapter.daily += [
        insight(root, item["platform_adset_id"], item["platform_adset_id"], day)
        for item in made["adsets"]
        for day in range(DAYS)
    ]
    asked = {**campaign, "daily_budget": 120, "mode": "propose", "reason": HOSTILE}
    proposal = house.ask("update_campaign", asked, person="ann")["proposal_id"]
    rule = house.done("create_rule", body(rule_name=f"{LONG} {HOSTILE}", confirm=True))["rule_id"]
    tick = {"tenant": "u", "rule_id": rule, "scheduled_time": now.isoformat()}
    asyncio.run(evaluate_rule(house.wiring, tick))
    week = {"from": str((now - timedelta(days=DAYS)).date()), "to": str(now.date())}
    approver = {"roles": "viewer approver", "person": "bob"}
    opened = {
        "report": visitor.open("/v1/reports", None, {**week, "campaigns": made["campaign_id"]}),
        "rule": visitor.open("/v1/rules/{rule_id}", {"rule_id": rule}),
        "proposal": visitor.open("/v1/proposals/{proposal_id}", {"proposal_id": proposal}, **approver),
        "accounts": visitor.open("/v1/ad-accounts", **approver),
        "refused": visitor.open("/v1/rules/{rule_id}", {"rule_id": "none"}),
    }
    return {name: answer["body"] for name, answer in opened.items()}


def insight(campaign: str, item: str, adset: str | None, day: int, sold: int = 4) -> DailyInsight:
    names = {"entity_id": item, "campaign_id": campaign, "adset_id": adset}
    figures = {
        "spend": 80 + 7 * (day % 5),
        "impressions": 5000,
        "clicks": 300,
        "conversions": sold,
        "revenue": None if day == 9 else 12.5 * sold,
    }
    return DailyInsight.model_validate({**names, "day": date(2026, 6, 1) + timedelta(days=day), **figures})


def of_a_test(monkeypatch: pytest.MonkeyPatch, mode: str) -> str:
    at_day(monkeypatch, 0)
    house = OneTenant()
    visitor = Visitor(house)
    asked = {"test_name": HOSTILE, "creative_ids": ["1", "2"], "daily_budget": 100, "force": True}
    test = house.done("create_ab_test", {**asked, "activate": True, "mode": mode, "test_duration_days": 20})
    answer: dict[str, Any] = {}
    for day in (5, 10, 12):
        at_day(monkeypatch, day)
        house.adapter.daily = [
            insight(
                test["platform_campaign_id"],
                item["platform_adset_id"],
                item["platform_adset_id"],
                age,
                60 + 60 * at,
            )
            for at, item in enumerate(test["adsets"])
            for age in range(day)
        ]
        answer = visitor.open("/v1/ab-tests/{test_id}", {"test_id": test["test_id"]})
    return str(answer["body"])


def of_budgets() -> str:
    curve = {"ceiling": 40.0, "half": 150.0, "result_before": 16.0, "result_after": 18.6, "metric": "value"}
    ranges = {"range_before": [12.0, 20.0], "range_after": [13.0, 24.0]}
    records = [
        AuditRecord.model_validate(
            {
                **{"audit_id": f"a{at}", "run_id": "run_1", "tenant": "u", "campaign_id": "cmp_1"},
                **{"actor": "user:ann", "reason": HOSTILE, "operation": "set_budget", "level": "adset"},
                **{"entity_id": f"as_{at}", "outcome": "applied", "at": "2026-06-01T12:00:00Z"},
                "before": {"daily_budget": "100.00"},
                "after": {"daily_budget": f"{130 - 60 * at}.00"},
                "evidence": {"curve": curve | ranges, "explanation": LONG},
            }
        )
        for at in range(2)
    ]
    return page("Budgets", *budget_changes(records, {"as_0": LONG}, "USD"))


def of_forms() -> str:
    controls = [field("name", "Name", LONG), choice("mode", "Mode", [("a", LONG), ("b", "B")])]
    return page("Forms", form("?x=1", *controls, buttons=[("go", "1", "Go")]), links=[("a.html", LONG)] * 4)
