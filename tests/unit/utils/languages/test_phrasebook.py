"""Patterns of sentences, and texts that are none."""

from __future__ import annotations

import sys

import pytest

from campaign_automation.utils.languages.phrasebook import Phrasebook
from campaign_automation.utils.languages.speaking import answer_in, chinese, notice_in

BOOK = Phrasebook(
    {
        "{n} ad<|s>": "{n} 个广告",
        "paused": "已暂停",
        "{name} is {state!}": "{name} 为{state}",
        "paused {objects!}": "已暂停 {objects}",
        "not done: {reason}": "未完成：{reason}",
        "it failed{more?}.": "失败{more}。",
    }
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 ad", "1 个广告"),
        ("paused 2 ads", "已暂停 2 个广告"),
        ("paused the cat", "paused the cat"),
        ("Shoes is paused", "Shoes 为已暂停"),
        ("Shoes is small", "Shoes is small"),
        ("paused is paused", "paused 为已暂停"),  # a name stays, also one like a state
        ("not done: 1 ad; 2 ads", "未完成：1 个广告；2 个广告"),
        ("not done: any words", "未完成：any words"),
        ("my: rule: paused 2 ads", "my：rule：已暂停 2 个广告"),
        ("it failed.", "失败。"),
        ("paused 2 ads. it failed.", "已暂停 2 个广告。失败。"),
        ("1 ad, 2 ads and 3 ads", "1 个广告、2 个广告和3 个广告"),
        ("Red, green and blue", "Red, green and blue"),
        ("", ""),
        ("2026-11-28", "2026年11月28日"),
        ("2026-11-28T09:05:00Z", "2026年11月28日 09:05 UTC"),
        ("2026-11-28T09:05:07.123+08:00", "2026年11月28日 09:05:07 UTC+08:00"),
        ("2026-02-31", "2026-02-31"),
    ],
)
def test_a_text_is_said_as_far_as_it_is_ours(text: str, said: str) -> None:
    assert BOOK.read(text).said == said


@pytest.mark.parametrize(
    "text",
    [
        "; ".join(f"field_{number}: unknown field" for number in range(2000)),
        "a and b, c; d: e. " * 300,
        "paused " * 500,
        "it is " * 400,
        ": " * 500,
    ],
)
def test_a_long_text_ends_and_keeps_what_it_holds(text: str) -> None:
    assert len(chinese(text)) > 900


def test_a_text_that_reads_in_many_ways_costs_little() -> None:
    text = "".join(f"paused{n} campaigns{', |; |: | and |. '.split('|')[n % 5]}" for n in range(40))
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        chinese(text)
    finally:
        sys.setprofile(before)
    assert calls < 60_000


@pytest.mark.parametrize(
    "name",
    [
        "paused",
        "Red, green and blue",
        "3 ads, active",
        "ad sets and more - 50 % off (x)",
        "a day",
        "夏季 促销",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "campaign {} is not known",
        "{} is forgotten here; on its platform nothing changes",
        "nothing was written: the campaign {} with 3 ad sets and 6 ads at 100 USD a day; it waits for"
        " approval until 2026-11-30T15:00:00Z",
        "{}: paused 2 ad sets: Shoes ca-1 (roas 0.5 < 0.8 over 7d)",
        "meta did not store the campaign as asked: ad set {} is missing",
    ],
)
def test_names_stay_as_they_are(text: str, name: str) -> None:
    said = chinese(text.format(name))
    assert name in said
    assert len(said.replace(name, "")) < len(text)  # the rest is said


def test_a_thousand_wrong_fields_are_all_said() -> None:
    said = chinese("; ".join(f"field_{number}: unknown field" for number in range(1000)))
    assert said.count("未知字段") == 1000


def test_nothing_that_programs_read_changes() -> None:
    error = {
        "code": "1001",
        "type": "INVALID_REQUEST",
        "message": "name: is required",
        "details": {"errors": [{"field": "name", "problem": "is required"}], "message": "is required"},
    }
    told = answer_in({"status": "error", "error": error}, "zh")
    assert told["error"] == {**error, "message": "name：必须填写"}
    answer = {
        "status": "success",
        "name": "is required",
        "adsets": [
            {"status": "paused", "name": "active", "skipped": [{"id": "x", "reason": "deleted: gone"}]}
        ],
        "ads": [{"copy": "is required", "headline": "paused", "description": "is empty"}],
        "records": [{"actor": "user:ann", "reason": "asked by the user"}],
        "keywords": [{"text": "is required", "match_type": "broad"}],
        "summary": {"text": "No budget is active.", "source": "template"},
        "warnings": ["the kill switch is on: only what lowers spend is written"],
        "reason": "asked by the user",
    }
    told = answer_in(answer, "zh")
    changed = {"summary": {"text": "没有有效的预算。", "source": "template"}, "reason": "由用户请求"}
    assert told == {**answer, **changed, "warnings": ["紧急停止开关已开启：只执行降低花费的操作"]}


def test_english_is_handed_on_as_it_is() -> None:
    answer = {"message": "is required", "warnings": ["is empty"]}
    assert answer_in(answer, "en") is answer
    assert notice_in({"title": "This is a test."}, "en") == {"title": "This is a test."}


def test_a_platforms_own_words_follow_the_kind_of_the_error() -> None:
    error = {"code": "4002", "type": "EXTERNAL_API_FAILED", "message": "meta: (#2) Try again", "details": {}}
    told = answer_in({"status": "error", "error": error}, "zh")
    assert told["error"]["message"] == "广告平台调用失败：meta: (#2) Try again"
