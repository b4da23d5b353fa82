"""Answers of batches in every odd form: what one item holds says nothing of the others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from campaign_automation.adapters.base import Access, Outcome
from campaign_automation.adapters.meta.wire import Item, MetaWire
from campaign_automation.utils.error_handler import PlatformRateLimitError, PlatformUnavailableError
from tests.support.platform_answers import mount

ACCESS = Access(platform_account_id="act_1", token=SecretStr("secret-token"))
GOOD = {"code": 200, "body": '{"id": "5"}'}


class Answering(HTTPAdapter):
    """Answers each request with one body."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        answer = requests.Response()
        answer.status_code, answer._content, answer.request = 200, self._body, request
        answer.url = request.url or ""
        return answer


def wire(answer: Any) -> MetaWire:
    made = MetaWire(dict, "https://graph.example", "v24.0", 5)
    mount(made, Answering(json.dumps(answer).encode()))
    return made


def sent(answer: list[Any]) -> list[Outcome]:
    items = {tag: Item("update", ("POST", (tag,), {"name": "x"})) for tag in ("7", "8")}
    return asyncio.run(wire(answer).send_items(ACCESS, items))


@pytest.mark.parametrize(
    "item",
    [
        *({"code": 200, "body": text} for text in ("", "x", "5", '"5"', "true", "null", "[]", "[" * 100_000)),
        *({"code": 200, "body": value} for value in (5, True, [1])),
        {"code": 200},
        {"code": None, "headers": "x"},
        {"code": 502, "body": "<html>secret-token"},
        5,
        "x",
        [1],
        None,
        {},
    ],
)
def test_an_item_without_an_object_leaves_its_own_outcome_open(item: Any) -> None:
    known, lost = sent([GOOD, item])
    assert (known.platform_id, known.error) == ("5", None)
    assert isinstance(lost.error, PlatformUnavailableError)
    assert lost.error.details["outcome_unknown"]
    assert "secret" not in str(lost.error)
    read = asyncio.run(wire([GOOD, item]).get_each(ACCESS, "read", ["7", "8"], "id"))
    assert read["7"] == {"id": "5"}
    assert isinstance(read["8"], PlatformUnavailableError)


def test_an_item_that_a_proxy_held_back_was_not_carried_out() -> None:
    _, limited = sent([GOOD, {"code": 429, "body": "<html>"}])
    assert isinstance(limited.error, PlatformRateLimitError)


def test_more_answers_than_items_leave_all_of_them_open() -> None:
    for outcome in sent([GOOD, GOOD, GOOD]):
        assert isinstance(outcome.error, PlatformUnavailableError)
