"""The page of a proposal: opened by a link, escaped, decided on once with a token of its own."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from campaign_automation.managers.notices.links import Links
from campaign_automation.managers.notices.signed_links import new_link, signed
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.pages import KEYS, Visitor, read, shown

ROUTE = "/v1/proposals/{proposal_id}/page"


class House(OneTenant):
    """A tenant with links, whose pages are asked for through the check of links, as the gateway does."""

    def __init__(self, url: str | None = "https://ads.example/") -> None:
        super().__init__()
        self.visitor = Visitor(self)
        self.wiring.__dict__["links"] = Links(KEYS, url)
        self.running = self.done("create_campaign", request_body(activate=True, daily_budget=90))

    def propose(self, **more: Any) -> str:
        asked = {"campaign_id": self.running["campaign_id"], "daily_budget": 120, "mode": "propose", **more}
        return str(self.ask("update_campaign", asked, person="ann")["proposal_id"])

    def open(self, method: str, proposal_id: str, token: str, body: str | None = None) -> dict[str, Any]:
        return self.visitor.follow(method, ROUTE, {"proposal_id": proposal_id}, token, body)

    def state(self, proposal_id: str) -> str:
        return str(self.done("get_proposal", {"proposal_id": proposal_id})["proposal"]["state"])


@pytest.fixture
def house() -> House:
    return House()


def token_of(url: str) -> str:
    return parse_qs(urlparse(url).query)["token"][0]


def told(house: House) -> dict[str, Any]:
    """The notice that the owner got last."""
    asyncio.run(house.wiring.outbox.sweep())
    return house.web_platform.notifications[-1]


def form_of(page: dict[str, Any]) -> str:
    (token,) = re.findall(r'action="\?token=([\w.-]+)"', page["body"])
    return str(token)


def test_the_owner_opens_the_link_of_the_notice_and_approves(house: House) -> None:
    proposal_id = house.propose()
    url = told(house)["action_url"]
    assert url.startswith(f"https://ads.example/v1/proposals/{proposal_id}/page?token=")
    page = house.open("GET", proposal_id, token_of(url))
    assert page["statusCode"] == 200
    assert "40.00" in page["body"]
    read(page["body"])
    assert {"no-store", "no-referrer"} <= set(page["headers"].values())
    assert "default-src 'none'" in page["headers"]["Content-Security-Policy"]
    assert house.state(proposal_id) == "open"  # to open a page decides nothing
    done = house.open("POST", proposal_id, form_of(page), "decision=approve")
    assert (done["statusCode"], house.state(proposal_id)) == (200, "verified")
    assert "Receipts" in done["body"]
    view = house.done("get_proposal", {"proposal_id": proposal_id})["proposal"]
    assert view["decided_by"] == "user:u"
    # The link still shows the page, without a form.
    assert "<form" not in house.open("GET", proposal_id, token_of(url))["body"]


def test_a_caller_with_a_token_sees_the_page_and_an_approver_the_form(house: House) -> None:
    proposal_id = house.propose()
    place = "/v1/proposals/{proposal_id}", {"proposal_id": proposal_id}
    assert shown(house.visitor.open(*place)).all("form") == []
    page = house.visitor.open(*place, roles="approver", person="bob")
    (form,) = read(page["body"]).all("form")
    address, _, token = str(form["action"]).partition("?token=")
    assert address == f"../proposals/{proposal_id}/page"  # from /v1/proposals/...
    assert house.open("POST", proposal_id, token, "decision=approve")["statusCode"] == 200
    assert house.done("get_proposal", {"proposal_id": proposal_id})["proposal"]["decided_by"] == "user:bob"
    assert house.visitor.open(*place, principalId="other")["statusCode"] == 404


def test_a_form_is_good_for_one_decision(house: House) -> None:
    proposal_id = house.propose()
    form = form_of(house.open("GET", proposal_id, token_of(told(house)["action_url"])))
    assert house.open("POST", proposal_id, form, "decision=reject")["statusCode"] == 200
    again = house.open("POST", proposal_id, form, "decision=approve")
    assert (again["statusCode"], house.state(proposal_id)) == (409, "rejected")
    assert "used before" in again["body"]


def test_a_link_to_read_decides_nothing_and_opens_one_proposal(house: House) -> None:
    first, second = house.propose(), house.propose(daily_budget=105)
    link = token_of(house.done("link_proposal", {"proposal_id": first})["url"])
    assert house.open("POST", first, link, "decision=approve")["statusCode"] == 401
    assert house.open("GET", second, link)["statusCode"] == 401
    form = form_of(house.open("GET", first, link))
    assert house.open("GET", first, form)["statusCode"] == 401
    assert house.open("POST", second, form, "decision=approve")["statusCode"] == 401
    assert (house.state(first), house.state(second)) == ("open", "open")
    other = signed(new_link("other", "other", f"proposals/{first}", "read"), KEYS)
    assert house.open("GET", first, other)["statusCode"] == 404
    other = signed(new_link("other", "other", f"proposals/{first}", "decide"), KEYS)
    assert house.open("POST", first, other, "decision=approve")["statusCode"] == 404


@pytest.mark.parametrize(
    "body", [None, "", "decision=", "decision=yes", "a=1&" * 99, "\x00", '{"decision": 1}']
)
def test_another_form_is_refused_and_leaves_the_token(house: House, body: str | None) -> None:
    proposal_id = house.propose()
    form = form_of(house.open("GET", proposal_id, token_of(told(house)["action_url"])))
    assert house.open("POST", proposal_id, form, body)["statusCode"] == 400
    assert house.open("POST", proposal_id, form, "decision=approve")["statusCode"] == 200


def test_the_page_tells_why_a_proposal_is_not_carried_out(house: House) -> None:
    proposal_id = house.propose()
    form = form_of(house.open("GET", proposal_id, token_of(told(house)["action_url"])))
    first = house.running["adsets"][0]["adset_id"]
    house.done("update_campaign", {"campaign_id": house.running["campaign_id"], "adset_budgets": {first: 33}})
    page = house.open("POST", proposal_id, form, "decision=approve")
    assert (page["statusCode"], house.state(proposal_id)) == (422, "stale")
    assert first in page["body"]


def test_an_approver_gets_a_link_but_does_not_approve_their_own(house: House) -> None:
    proposal_id = house.propose()
    made = house.done("link_proposal", {"proposal_id": proposal_id}, person="ann", roles=["approver"])
    assert made["expires_in_seconds"] == 900
    form = form_of(house.open("GET", proposal_id, token_of(made["url"])))
    assert house.open("POST", proposal_id, form, "decision=approve")["statusCode"] == 403
    assert house.state(proposal_id) == "open"
    refused = house.ask("link_proposal", {"proposal_id": proposal_id}, roles=["buyer"])
    assert refused["error"]["code"] == "1004"
    refused = house.ask("link_proposal", {"proposal_id": proposal_id}, user_id="other")
    assert refused["error"]["code"] == "5000"


def test_everything_that_is_shown_is_escaped(house: House) -> None:
    reason = "<img src=x onerror=alert(1)>\"'&"
    name = "</h1><b>Spring</b>"
    house.propose(reason=reason)
    created = house.ask("create_campaign", {**request_body(name=name), "mode": "propose"}, person="ann")
    found = house.done("list_proposals", {})["proposals"]
    for proposal_id in (found[0]["proposal_id"], created["proposal_id"]):
        link = token_of(house.done("link_proposal", {"proposal_id": proposal_id})["url"])
        page = house.open("GET", proposal_id, link)["body"]
        assert "<img" not in page
        assert "<b>" not in page
        assert "&lt;" in page


def test_without_a_url_there_are_no_links() -> None:
    house = House(url=None)
    proposal_id = house.propose()
    assert "action_url" not in told(house)
    error = house.ask("link_proposal", {"proposal_id": proposal_id})["error"]
    assert (error["code"], error["details"]["setting"]) == ("5000", "public_url")


def test_a_topic_gets_no_link(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[str] = []
    monkeypatch.setattr(house.wiring.notices, "_publish", lambda subject, message: published.append(message))
    proposal_id = house.propose()
    asyncio.run(house.wiring.outbox.sweep())
    assert proposal_id in published[-1]
    assert "token=" not in published[-1]


@pytest.mark.parametrize("purpose", ["read", "decide"])
def test_a_link_that_is_over_says_so_and_decides_nothing(house: House, purpose: Any) -> None:
    proposal_id = house.propose()
    link = new_link("u", "u", f"proposals/{proposal_id}", purpose)._replace(expires=1)
    method = {"read": "GET", "decide": "POST"}[purpose]
    page = house.open(method, proposal_id, signed(link, KEYS), "decision=approve")
    assert (page["statusCode"], "This link is over" in page["body"]) == (401, True)
    assert house.state(proposal_id) == "open"
