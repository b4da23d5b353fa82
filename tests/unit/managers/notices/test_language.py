"""Notices in the tenant's language: stored in English, told in what is chosen when they are sent."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from campaign_automation.managers.notices import wording
from campaign_automation.stores.notice_store import NoticeStore
from campaign_automation.tasks import collect_insights, sweep_outbox
from campaign_automation.utils import clock
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.receiver import Receiver, receiving

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
receiver = pytest.fixture(receiving)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> OneTenant:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    return OneTenant(WEBHOOK_PRIVATE_HOSTS="127.0.0.1")


def sweep(house: OneTenant) -> None:
    asyncio.run(sweep_outbox(house.wiring, {}))


def leave(house: OneTenant, notice_id: str = "n") -> None:
    notice = wording.token_expires("meta", "act_1", 1, "https://shop.example/connect")
    asyncio.run(house.wiring.notices.leave("u", notice_id, notice))


def test_the_language_that_is_chosen_when_a_notice_is_sent_decides(house: OneTenant) -> None:
    leave(house, "first")
    assert house.done("set_notifications", {"language": "zh"})["language"] == "zh"
    sweep(house)
    told = house.web_platform.notifications[-1]
    assert told["title"] == "一个广告账户的令牌将在 1 天后到期"
    assert told["message"].startswith("meta：请在此之前重新连接广告账户 act_1。")
    assert (told["category"], told["action_url"]) == ("token_expired", "https://shop.example/connect")
    stored = asyncio.run(NoticeStore(house.table).load("u", "first"))
    assert stored is not None
    assert stored.arguments["title"] == "The token of an ad account ends in 1 day"
    assert house.done("set_notifications", {"language": None})["language"] == "en"
    leave(house, "second")
    sweep(house)
    assert house.web_platform.notifications[-1]["title"] == "The token of an ad account ends in 1 day"


def test_a_tenant_without_a_choice_is_told_in_english(house: OneTenant) -> None:
    assert house.done("get_notifications", {})["language"] == "en"
    refused = house.ask("set_notifications", {"language": "fr"})
    assert refused["error"]["details"]["field"] == "language"


def test_a_webhook_gets_notices_in_the_language_and_events_for_programs_as_they_are(
    house: OneTenant, receiver: Receiver
) -> None:
    house.done("set_notifications", {"webhook_url": receiver.url, "language": "zh"})
    made = house.done("create_campaign", request_body(activate=True, daily_budget=90))
    asked = {"campaign_id": made["campaign_id"], "daily_budget": 120, "mode": "propose"}
    house.ask("update_campaign", asked, person="ann")
    sweep(house)
    house.done("try_webhook", {})
    events = {event["type"]: event for event in receiver.taken}
    assert events["notice"]["data"]["title"] == "有提案等待您决定"
    assert events["test"]["data"] == {"message": "这是一次测试。"}
    assert events["proposal.waiting"]["data"]["summary"].isascii()


def test_the_digest_and_what_is_open_in_chinese(house: OneTenant) -> None:
    made = house.done("create_campaign", request_body(activate=True, daily_budget=90))
    house.done("update_campaign", {"campaign_id": made["campaign_id"], "daily_budget": 100})
    asked = {"campaign_id": made["campaign_id"], "daily_budget": 120, "mode": "propose"}
    house.ask("update_campaign", asked, person="ann")
    house.done(
        "set_notifications", {"language": "zh", "digest": {"at": "08:00", "time_zone": "Asia/Shanghai"}}
    )
    later = datetime(2026, 6, 2, 12, tzinfo=UTC)
    told = _at(house, later)
    digest = next(item for item in told if item["category"] == "report_ready")
    assert digest["title"] == "您的广告系列：2026年6月1日"
    words = re.sub(r"meta|USD|UTC|cmp_\w+|daily_budget|update_campaign", "", digest["message"])
    assert re.findall("[A-Za-z]{2,}", words) == []
    assert {"变更", "待处理"} <= set(re.findall("变更|待处理", words))


def _at(house: OneTenant, moment: datetime) -> list[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment)
        asyncio.run(collect_insights(house.wiring, {}))
    return list(house.web_platform.notifications)
