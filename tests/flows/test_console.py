"""The console of a running cloud: a newcomer's first hour by forms alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from local.cloud import Cloud
from local.console.guard import ADDRESS
from tests.support.api import PATIENCE_SECONDS
from tests.support.sandbox import Sandbox


@pytest.fixture
def browser(cloud: Cloud, sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client that does what a browser does with a form of this page."""
    url = cloud.info["api_url"]
    with httpx.Client(
        base_url=url,
        headers={"Origin": url, "Accept": "text/html"},
        timeout=PATIENCE_SECONDS,
        follow_redirects=True,
    ) as client:
        yield client


@pytest.mark.slow
def test_a_campaign_is_made_watched_and_paused_by_forms(browser: httpx.Client, sandbox: Sandbox) -> None:
    def post(deed: str, **form: str) -> str:
        answer = browser.post(ADDRESS, data={"deed": deed, "user": "user_123", **form})
        assert (answer.status_code, answer.url.path) == (200, ADDRESS), answer.text
        return answer.text

    assert "Create a campaign" in browser.get("/").text
    asked = {"platform": "tiktok", "objective": "sales", "daily_budget": "100", "target_countries": "US"}
    page = post("create", name="By the console", creative_ids="1, 2", activate="true", **asked)
    assert "created 3 ad sets and 6 ads" in page, page
    (campaign,) = sandbox.live("tiktok", "campaigns")
    assert campaign["status"] == "ACTIVE"
    campaign_id = page.partition("&quot;campaign_id&quot;: &quot;")[2].partition("&")[0]
    page = post("advance", days="1")
    assert "fired:" in page
    (address,) = re.findall(r'href="([^"]+)">Report of By the console', page)
    assert "Spend and revenue by day" in browser.get(unescape(address)).text
    assert "paused" in post("manage", campaign_id=campaign_id, action="pause")
    (campaign,) = sandbox.live("tiktok", "campaigns")
    assert campaign["status"] == "PAUSED"
    other = {"Origin": "https://attacker.example"}
    refused = browser.post(ADDRESS, data={"deed": "reset"}, headers=other)
    assert (refused.status_code, len(sandbox.live("tiktok", "campaigns"))) == (403, 1)
    assert browser.post("/_local/deploy", content="{}", headers=other).status_code == 403
