"""Every sentence in both languages: the phrases of Chinese cover what the code and pydantic say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic_core._pydantic_core import list_all_errors

from campaign_automation.actions import ACTIONS
from campaign_automation.utils.error_handler import CODES, InvalidRequestError
from campaign_automation.utils.languages.catalogue import ERRORS, PAGES, book, phrases
from campaign_automation.utils.languages.speaking import chinese
from campaign_automation.utils.validation import models_within, parse
from tests.support.sentences import samples

_HOLE = re.compile(r"\{([a-z_0-9]+)[?!]?\}")
_LATIN = re.compile("[A-Za-z]")
_HAN = re.compile("[\u4e00-\u9fff]")
# The name of a field, a platform or a code before its sentence.
_BEFORE = re.compile(r"[\w.\[\]-]+(?=: )")
_FIXTURE = tomllib.loads((Path(__file__).parents[3] / "fixtures" / "sentences.toml").read_text())
COMPOSED: dict[str, str] = _FIXTURE["composed"]
# Texts that are no sentences of ours, or no whole ones.
_NO_SENTENCES = re.compile("|".join(_FIXTURE["not_said"]))


def sentences() -> list[dict[str, str]]:
    return [part for name, part in phrases().items() if name not in (ERRORS, PAGES)]


def test_each_phrase_has_the_same_values_in_both_languages() -> None:
    pairs = [(key, said) for part in sentences() for key, said in part.items()]
    assert len(pairs) > 1000
    assert [key for key, said in pairs if set(_HOLE.findall(key)) != set(_HOLE.findall(said))] == []


def test_each_phrase_is_there_once() -> None:
    keys = [key for part in sentences() for key in part]
    assert len(keys) == len(set(keys))


def test_no_two_phrases_are_the_same_but_for_the_names_of_their_values() -> None:
    forms: dict[str, list[str]] = {}
    for key, said in ((key, said) for part in sentences() for key, said in part.items()):
        forms.setdefault(_HOLE.sub("{}", key), []).append(_HOLE.sub("{}", said))
    assert {form: said for form, said in forms.items() if len(set(said)) > 1} == {}


def test_each_kind_of_error_has_a_name() -> None:
    assert set(phrases()[ERRORS]) == {code.type for code in CODES.values()}


def test_each_sentence_of_the_code_is_said_in_chinese() -> None:
    found = samples()
    assert len(found) > 900
    english = {text: place for text, place in found.items() if _left(text) and not _NO_SENTENCES.match(text)}
    assert english == {}


@pytest.mark.parametrize(("text", "said"), COMPOSED.items())
def test_sentences_of_several_parts_are_said_in_chinese(text: str, said: str) -> None:
    assert said in chinese(text)


# Of values that JSON cannot hold, or that a process hands in: no caller of ours sees them.
_OF_PYTHON = re.compile(
    r"no_such|frozen|get_attribute|recursion|init_|needs_|iter|generator|mapping|set_|frozenset|is_|callable|call"
    r"|dataclass|missing_(arg|key|pos|sentinel)|multiple_arg|unexpected|bytes|time_delta|complex|uuid|default|arguments"
)


def test_each_kind_of_pydantics_problems_is_said_in_chinese() -> None:
    kinds = [kind for kind in list_all_errors() if not _OF_PYTHON.match(kind["type"])]
    texts = {text for kind in kinds for text in _filled(kind)}
    assert len(texts) > 60
    assert {text for text in texts if _left(text)} == set()


def _filled(kind: Any) -> list[str]:
    """Return the messages of a kind as they reach a caller."""
    templates = (kind["message_template_python"], kind.get("message_template_json"))
    plain = [text.removeprefix("Input ") for text in templates if text]
    plain = [text.replace("{expected_plural}", "s").replace("{field_type}", "List") for text in plain]
    return [re.sub(r"\{[a-z_]+\}", "7", text) for text in plain]


_WRONG = (
    None,
    "",
    "x",
    "\x00",
    -1,
    0,
    1.5,
    10**30,
    True,
    [],
    ["x", "x"],
    [None],
    {},
    {"x": 1},
    "2026-13-45",
    "2026",
)


def test_what_is_wrong_with_a_field_is_told_in_chinese() -> None:
    messages = set()
    for model in models_within(action.request for action in ACTIONS.values()):
        for name, field in model.model_fields.items():
            for value in _WRONG:
                try:
                    parse(model, {field.alias or name: value})
                except InvalidRequestError as error:
                    messages |= {item["problem"] for item in error.details.get("errors", [])}
    assert len(messages) > 60
    assert {text: chinese(text) for text in messages if not _HAN.search(chinese(text))} == {}


def _left(text: str) -> int:
    """Return how many letters stay English, apart from the name or code before the sentence."""
    before = _BEFORE.match(text)
    return max(book().read(text).left - (len(_LATIN.findall(before[0])) if before else 0), 0)
