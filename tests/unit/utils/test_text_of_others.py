"""Text that others answer: half a character is replaced where it enters, and no log line fails for it."""

from __future__ import annotations

import contextlib
import json
import logging
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.utils.observability import _RedactingFormatter
from campaign_automation.utils.validation import json_of, whole, words_of

HALF = "\ud83d"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"shoes \\ud83d"', "shoes �"),
        ('"\\ude00\\ud83d"', "��"),
        ('"\\ud83d\\ude00"', "😀"),
        ('{"\\ud83d": ["\\ud83d"]}', {"�": ["�"]}),
        (b'"shoes \xed\xa0\xbd"', "shoes ���"),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (r'"a path of C:\\ud83d"', r"a path of C:\ud83d"),
        (r'"a path of C:\\ud83d\ude00"', "a path of C:\\ud83d�"),
        (r'"\ud83d\ude00\ude00 \uD83D\uD83D\uDE00"', "😀� �😀"),
    ],
)
def test_half_a_character_is_replaced(text: str | bytes, value: Any) -> None:
    assert json_of(text) == value


@pytest.mark.parametrize("text", ["", "{", b"\xff", "[" * 100_000, "[" * 900 + '"\\ud83d"' + "]" * 900])
def test_what_cannot_be_read_is_one_error(text: str | bytes) -> None:
    with contextlib.suppress(ValueError):
        json.dumps(json_of(text), ensure_ascii=False).encode()


JSON = st.recursive(
    st.none() | st.integers() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(value=JSON)
def test_what_is_read_can_be_sent_on(value: Any) -> None:
    read = json_of(json.dumps(value))
    json.dumps(read, ensure_ascii=False).encode()
    assert read == whole(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [(" text ", "text"), (7, "7"), ("", None), (True, None), (None, None), ({"a": 1}, None), (["x"], None)],
)
def test_objects_are_no_words(value: Any, words: str | None) -> None:
    assert words_of(value) == words


def test_words_have_an_end() -> None:
    assert len(words_of("x" * 5000) or "") == 1000


class Unshowable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def _circle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["itself"] = value
    return value


@pytest.mark.parametrize("odd", [HALF, {HALF: [HALF]}, {(1, 2): 3}, _circle(), Unshowable()])
def test_no_value_costs_a_log_line(odd: Any) -> None:
    raw = BytesIO()
    stream = TextIOWrapper(raw, encoding="utf-8")  # as Lambda's standard output: strict
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_RedactingFormatter())
    errors = StringIO()
    record = logging.LogRecord("n", logging.WARNING, "p", 1, f"read {HALF}", (), None)
    record.odd = odd
    handler.handleError = lambda _: errors.write("failed")  # type: ignore[method-assign,assignment]
    handler.emit(record)
    handler.flush()
    assert errors.getvalue() == ""
    assert json.loads(raw.getvalue())["message"].startswith("read ")
