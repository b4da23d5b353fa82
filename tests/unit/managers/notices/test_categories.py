"""The categories of notices: words that the Web Platform takes, and the right one for each occasion."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import campaign_automation
from campaign_automation.managers.campaigns import wording as campaigns
from campaign_automation.managers.rules import wording as rules
from campaign_automation.managers.shared.notices import CATEGORIES, with_known_category
from campaign_automation.models.campaign import ObjectEntry
from campaign_automation.models.common import Level
from tests.support.rules import rule

COPY = ObjectEntry(level=Level.CAMPAIGN, tag="t", name="Autumn", state="created", platform_id="1")


def literals() -> list[dict[str, str]]:
    """The constant words of every notice that the package writes."""
    found = []
    texts = (path.read_text() for path in Path(campaign_automation.__file__).parent.rglob("*.py"))
    for text in (item for item in texts if '"notification_type"' in item or '"category"' in item):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict):
                words = {
                    key.value: value.value
                    for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
                }
                found += [words] if {"category", "notification_type"} & words.keys() else []
    return found


def test_every_word_in_the_package_is_one_that_the_web_platform_takes() -> None:
    written = literals()
    categories = {item["category"] for item in written if "category" in item}
    assert categories >= {"system", "token_expired", "ad_rejected", "budget_exhausted", "report_ready"}
    assert categories <= CATEGORIES
    types = {item["notification_type"] for item in written if "notification_type" in item}
    assert types <= {"urgent", "important", "general"}


@pytest.mark.parametrize(
    "notice",
    [
        campaigns.unfinished_undo_notice("cmp_1", "meta", 1),
        campaigns.second_copy_notice("cmp_1", "meta", COPY),
        campaigns.unknown_campaign_notice("cmp_1", "meta"),
    ],
    ids=lambda notice: notice["title"],
)
def test_what_needs_a_person_now_is_urgent(notice: dict[str, Any]) -> None:
    assert (notice["notification_type"], notice["category"]) == ("urgent", "system")


@pytest.mark.parametrize(
    ("action", "category"),
    [
        ({"type": "pause_adset"}, "ad_paused"),
        ({"type": "pause_ad"}, "ad_paused"),
        ({"type": "pause_campaign"}, "ad_paused"),
        ({"type": "increase_budget"}, "optimization_suggestion"),
        ({"type": "decrease_budget"}, "optimization_suggestion"),
        ({"type": "start_adset"}, "system"),
        ({"type": "send_notification", "parameters": {"message": "Look"}}, "system"),
    ],
)
def test_a_rule_tells_under_the_word_of_its_action(action: dict[str, Any], category: str) -> None:
    done = rules.notice_arguments(rule(action=action).rule, "done", urgent=False)
    assert (done["notification_type"], done["category"]) == ("important", category)
    review = rules.notice_arguments(rule(action=action).rule, "look", urgent=True)
    assert (review["notification_type"], review["category"]) == ("urgent", "optimization_suggestion")


@pytest.mark.parametrize("word", ["rule_notice", "rule_needs_review", "general", None])
def test_a_word_of_an_older_version_becomes_one_that_is_taken(word: str | None) -> None:
    assert with_known_category({"title": "T", "category": word}) == {"title": "T", "category": "system"}
