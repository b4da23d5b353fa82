"""Pages in Chinese: by the browser's header, without an English word but names, codes and units."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from campaign_automation.api import http
from campaign_automation.api.pages.wording import WORDS
from campaign_automation.managers.notices.links import Links
from campaign_automation.managers.notices.signed_links import LinkKeys
from campaign_automation.models.reports import DailyInsight
from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from campaign_automation.utils.languages.catalogue import PAGES, phrases
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.pages import PAGES as OPENED
from tests.support.pages import ReadPage, read
from tests.support.rules import body

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAME = "Autumn"
# Names, codes and units that both languages share.
_SHARED = re.compile(
    r"\b(Autumn|creative|ID|America/New_York|US|USD|ROAS|CPA|UTC|meta|act_\w+|cmp_\w+|ca-\w+|run_\w+|prp_\w+|user:\w+|[a-z]+_[a-z_]+|[0-9a-f]{12,})\b"
)
_HOLE = re.compile(r"\{([a-z_]+)\}")


class House(OneTenant):
    """A tenant with a campaign that ran for a week."""

    def __init__(self) -> None:
        super().__init__()
        self.wiring.__dict__["links"] = Links(
            LinkKeys(lambda is_fresh: {"current": "k" * 64}), "https://a.example"
        )
        made = self.done("create_campaign", request_body(name=NAME, activate=True, daily_budget=90))
        self.campaign_id, self.platform_id = made["campaign_id"], made["platform_campaign_id"]

    def open(self, route: str, path: Any, query: Any, **verified: Any) -> ReadPage:
        event = {
            "httpMethod": "GET",
            "resource": route,
            "headers": {"Accept": "text/html", "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"},
            "pathParameters": path,
            "queryStringParameters": query,
            "requestContext": {"requestId": "q", "authorizer": {"principalId": "u", **verified}},
        }
        answer = asyncio.run(http._show(self.wiring, OPENED["GET", route], event))
        assert answer["statusCode"] == 200, answer
        assert '<html lang="zh-Hans">' in answer["body"]
        return read(answer["body"])


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    return House()


def english(page: ReadPage) -> set[str]:
    """Return the English words that a person sees."""
    return set(re.findall(r"[A-Za-z]{2,}(?: [A-Za-z]+)*", _SHARED.sub("", page.words)))


def test_the_words_of_pages_have_the_same_keys_and_values_in_both_languages() -> None:
    chinese = phrases()[PAGES]
    assert set(WORDS) == set(chinese)
    wrong = [
        key for key, said in chinese.items() if set(_HOLE.findall(said)) != set(_HOLE.findall(WORDS[key]))
    ]
    assert wrong == []


def test_a_report_in_chinese(house: House) -> None:
    ids = {"entity_id": house.platform_id, "campaign_id": house.platform_id, "adset_id": None}
    figures = {"spend": "10.01", "impressions": 1000, "clicks": 9, "conversions": 2, "revenue": 30}
    days = [date(2026, 6, 1) - timedelta(days=age) for age in (0, 2)]
    house.adapter.daily = [DailyInsight.model_validate({**ids, **figures, "day": day}) for day in days]
    house.done("update_campaign", {"campaign_id": house.campaign_id, "daily_budget": 100})
    query = {"from": "2026-05-26", "to": "2026-06-01", "campaigns": house.campaign_id}
    page = house.open("/v1/reports", None, query, roles="viewer")
    assert f"广告系列报告：{NAME}" in page.words
    assert "2026年5月30日" in page.words
    assert "没有投放数据" in page.words
    assert "由用户请求" in page.words
    assert english(page) == set()


def test_a_proposal_in_chinese(house: House) -> None:
    asked = {"campaign_id": house.campaign_id, "daily_budget": 120, "mode": "propose"}
    proposal_id = house.ask("update_campaign", asked, person="ann")["proposal_id"]
    route, path = "/v1/proposals/{proposal_id}/page", {"proposal_id": proposal_id}
    opened = {"person": "ann", "link_purpose": "read", "link_id": "l"}
    page = house.open(route, path, {}, **opened)
    assert {"批准", "驳回", "待决定"} <= set(page.words.split())
    assert english(page) == set()
    house.done("approve_proposal", {"proposal_ids": [proposal_id]}, person="bob")
    page = house.open(route, path, {}, **opened)
    assert "已执行并核实" in page.words
    assert english(page) == set()


def test_accounts_in_chinese(house: House) -> None:
    asked = {"campaign_id": house.campaign_id, "daily_budget": 120, "mode": "propose"}
    house.ask("update_campaign", asked, person="ann")
    page = house.open("/v1/ad-accounts", None, None, roles="viewer approver", person="bob")
    assert {"批准", "等待决定"} <= set(page.words.split())
    assert english(page) == set()


def test_a_rule_in_chinese(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rule_id = house.done("create_rule", body(rule_name=NAME, confirm=True))["rule_id"]
    tick = {"tenant": "u", "rule_id": rule_id, "scheduled_time": NOON.isoformat()}
    asyncio.run(evaluate_rule(house.wiring, tick))
    page = house.open("/v1/rules/{rule_id}", {"rule_id": rule_id}, None, roles="viewer")
    assert f"规则：{NAME}" in page.words
    # Metrics and windows are the words that rules are written in.
    assert english(page) <= {"roas", "rate", "hours"}


@pytest.mark.parametrize("mode", ["planned", "open_ended"])
def test_a_test_in_chinese(house: House, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    asked = {"test_name": NAME, "creative_ids": ["1", "2"], "daily_budget": 100, "force": True, "mode": mode}
    test = house.done("create_ab_test", {**asked, "activate": True, "test_duration_days": 14})
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(days=4))
    figures = {"spend": 50, "impressions": 5000, "clicks": 300, "conversions": 90, "revenue": 900}
    house.adapter.daily = [
        DailyInsight.model_validate(
            {
                "entity_id": item["platform_adset_id"],
                "campaign_id": test["platform_campaign_id"],
                "adset_id": item["platform_adset_id"],
                "day": date(2026, 6, 1) + timedelta(days=day),
                **figures,
            }
        )
        for item in test["adsets"]
        for day in range(4)
    ]
    page = house.open("/v1/ab-tests/{test_id}", {"test_id": test["test_id"]}, None, roles="viewer")
    assert f"A/B 测试：{NAME}" in page.words
    assert english(page) <= {"CTR", "sales"}
