"""Digests of requests that callers sent before the request had its later fields: a repeated one is known."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.managers.shared.idempotency import creation_claim
from campaign_automation.models.ab_tests import CreateAbTest
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.common import Context
from campaign_automation.utils.validation import parse
from tests.support.builders import request_body

INLINE = {
    "objective": "leads",
    "daily_budget": 120.5,
    "platform": "google",
    "creatives": [
        {
            "creative_id": "a",
            "file_url": "https://cdn.example/a.png",
            "file_type": "image",
            "name": "Shoe",
            "tags": ["run"],
        }
    ],
    "product_url": "https://shop.example/p",
    "target_countries": ["US", "DE"],
    "audience": {"lookalike": "77"},
    "target_cpa": 12,
    "eu_political_advertising": False,
}
# As the version before these fields stored them.
DIGESTS = {
    "plain": "9cbe3cce6b3a7ceeb8074be70ebbd7c33778e45bafcb71f812129345a1abf570",
    "inline": "45149c59147a9a3aa44b04263e9270d5263b144b8d3784c15c9776df5f101211",
    "test": "283c7761a3ef88d0bf95bf6c29d79462125271c9427fc03ba9de07c404b589fa",
}


@pytest.mark.parametrize(
    ("name", "request_"), [("plain", request_body()), ("inline", INLINE)], ids=["plain", "inline"]
)
def test_a_request_keeps_the_digest_under_which_it_was_stored(name: str, request_: dict[str, Any]) -> None:
    claim = creation_claim(Context(user_id="u"), parse(CreateCampaign, request_), None, "cmp_1")
    assert claim.digest == DIGESTS[name]


def test_so_does_a_test() -> None:
    body = {"test_name": "T", "creative_ids": ["1", "2"], "daily_budget": 50}
    asked = parse(CreateAbTest, body)
    spec = asked.campaign(activate=True)
    claim = creation_claim(Context(user_id="u"), spec, asked.terms, "cmp_1")
    assert claim.digest == DIGESTS["test"]
