"""The language that a request asks for."""

from __future__ import annotations

import pytest

from campaign_automation.utils.languages import asked_by, known


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hant-TW", "zh"),
        ("en-GB, zh;q=0.5", "en"),
        ("de-DE,de;q=0.9,zh;q=0.4,en;q=0.3", "zh"),
        ("en;q=0, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("*", "en"),
        ("", "en"),
        ("fr", "en"),
        ("zh;q=x;;,\x00", "en"),
        ("en, zh", "en"),
        ("a," * 5000 + "zh", "en"),
    ],
)
def test_the_header_names_the_language(header: str, language: str) -> None:
    assert asked_by({"accept-language": header}) == language


def test_the_older_header_holds_where_there_is_no_other() -> None:
    assert asked_by({"content-language": "zh"}) == "zh"
    assert asked_by({"content-language": "zh", "accept-language": "en"}) == "en"
    assert asked_by({"content-language": "fr"}) == "en"
    assert asked_by({}) == "en"


@pytest.mark.parametrize("value", [None, 1, [], {}, "ZH", "fr"])
def test_other_values_are_no_language(value: object) -> None:
    assert known(value) is None
