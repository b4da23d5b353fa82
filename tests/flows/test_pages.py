"""Pages over HTTP: the routes of the answers for those who ask for HTML, and links without a token."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.pages import read
from tests.support.sandbox import Sandbox

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_campaign_is_looked_at_by_its_route_and_by_a_link(cloud: Cloud, api: Api, sandbox: Sandbox) -> None:
    sandbox.reset()
    body = request_body(activate=True, creative_ids=["1"], name="Autumn <b>shoes</b>")
    campaign_id = api.create(body).json()["campaign_id"]
    sandbox.advance(advance_days=3)
    today = sandbox.now().date()
    query = {"from": str(today - timedelta(days=2)), "to": str(today), "campaigns": campaign_id}
    page = api.http.get("/v1/reports", params=query, headers=HTML)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    shown = read(page.text)
    assert "Autumn <b>shoes</b>" in shown.words
    assert len([item for item in shown.all("svg") if item.get("role")]) == 2
    assert api.http.get("/v1/reports", params=query).json()["status"] == "success"

    url = api.http.get("/v1/page-links", params={"page": "campaign", "id": campaign_id}).json()["url"]
    with httpx.Client(verify=False, timeout=600) as browser:
        assert "Autumn <b>shoes</b>" in read(browser.get(url).text).words
        place, _, token = url.partition("?")
        assert browser.get(place).status_code == 401
        assert browser.get(f"{cloud.info['api_url']}/v1/ad-accounts/page?{token}").status_code == 401
        assert browser.get(place.replace(campaign_id, "cmp_other") + f"?{token}").status_code == 401
        assert browser.get(f"{cloud.info['api_url']}{urlsplit(url).path}?{token}x").status_code == 401
        overview = api.http.get("/v1/page-links", params={"page": "accounts"}).json()["url"]
        accounts = read(browser.get(overview).text)
    assert "Autumn <b>shoes</b>" in accounts.words
    assert accounts.all("form") == []  # who is no approver decides nothing
