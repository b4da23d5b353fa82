"""A report over HTTP: its history is fetched by a function in the background, and it may be CSV."""

from __future__ import annotations

import time
from datetime import timedelta

import httpx

from tests.support.api import PATIENCE_SECONDS, Api
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox


def test_missing_history_answers_202_and_later_200(api: Api, sandbox: Sandbox) -> None:
    sandbox.reset()
    campaign = api.create(request_body(activate=True, creative_ids=["1"])).json()["campaign_id"]
    sandbox.advance(advance_days=12)
    today = sandbox.now().date()
    path = f"/v1/reports?from={today - timedelta(days=11)}&to={today}&campaigns={campaign}"
    first = once(api, path)
    assert first.status_code == 202, first.text
    assert first.headers["Location"] == first.json()["status_url"]
    until = time.monotonic() + PATIENCE_SECONDS
    while (answer := once(api, first.headers["Location"])).status_code == 202 and time.monotonic() < until:
        time.sleep(0.2)
    (block,) = answer.json()["blocks"]
    assert (answer.status_code, block["source"]) == (200, "mixed")
    assert block["total"]["spend"] > 0

    text = once(api, path, Accept="text/csv")
    assert text.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert len(text.content.decode("utf-8-sig").splitlines()) == 1 + len(block["rows"])


def once(api: Api, path: str, **headers: str) -> httpx.Response:
    """The first answer, as `Prefer` asks for."""
    return api.http.get(path, headers={"Prefer": "respond-async", **headers})
