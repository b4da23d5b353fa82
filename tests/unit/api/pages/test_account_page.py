"""The page of all accounts: what waits, forms for approvers alone, honest accounts, links to pages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from campaign_automation.utils.error_handler import PlatformRejectedError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.pages import HOSTILE, ReadPage, Visitor, link_token, shown

ROUTE = "/v1/ad-accounts"


class House(OneTenant):
    """A tenant with a running campaign and a proposal on it, made by ann."""

    def __init__(self) -> None:
        super().__init__()
        self.visitor = Visitor(self)
        made = self.done(
            "create_campaign", request_body(name=f"{HOSTILE} Spring", activate=True, daily_budget=90)
        )
        self.campaign_id = str(made["campaign_id"])
        asked = {"campaign_id": self.campaign_id, "daily_budget": 120, "mode": "propose", "reason": HOSTILE}
        self.proposal_id = str(self.ask("update_campaign", asked, person="ann")["proposal_id"])

    def open(self, **verified: Any) -> ReadPage:
        return shown(self.visitor.open(ROUTE, **verified))

    def state(self) -> str:
        return str(self.done("get_proposal", {"proposal_id": self.proposal_id})["proposal"]["state"])

    def decide(self, page: ReadPage, person_of: str = "approve") -> dict[str, Any]:
        (form,) = page.all("form")
        address, _, token = str(form["action"]).partition("?token=")
        assert address.endswith(f"proposals/{self.proposal_id}/page")
        path = {"proposal_id": self.proposal_id}
        body = f"decision={person_of}"
        return self.visitor.follow("POST", "/v1/proposals/{proposal_id}/page", path, token, body)


@pytest.fixture
def house() -> House:
    return House()


def test_accounts_campaigns_and_proposals_are_shown_with_their_money(house: House) -> None:
    page = house.open()
    assert f"{HOSTILE} Spring" in page.words
    assert f"Proposed by user:ann: {HOSTILE}" in page.words
    assert re.search(r"act_1\s+meta\s+yes\s+1\s+90.00 USD\s+1,000.00 USD\s+0.00 USD", page.words), page.words
    assert house.state() == "open"


def test_only_an_approver_gets_a_form_and_it_decides_once(house: House) -> None:
    assert house.open().all("form") == []
    assert "Deciding takes the role approver" in house.open(roles="viewer buyer operator").words
    page = house.open(roles="approver", person="bob")
    assert house.state() == "open"  # to open a page decides nothing
    assert house.decide(page)["statusCode"] == 200
    assert house.state() == "verified"
    assert house.decide(page)["statusCode"] == 409
    assert "Nothing waits for a decision" in house.open(roles="approver").words


def test_an_approver_does_not_approve_what_they_proposed(house: House) -> None:
    assert house.decide(house.open(roles="approver", person="ann"))["statusCode"] == 403
    assert house.state() == "open"


def test_a_link_shows_the_accounts_and_decides_only_where_an_approver_made_it(house: House) -> None:
    viewer = house.done("link_page", {"page": "accounts"}, person="vic", roles=["viewer"])
    assert shown(house.visitor.url(viewer["url"])).all("form") == []
    approver = house.done("link_page", {"page": "accounts"}, person="bob", roles=["approver"])
    page = shown(house.visitor.url(approver["url"]))
    assert str(page.all("form")[0]["action"]).startswith("../proposals/")  # from /v1/ad-accounts/page
    assert house.decide(page, "reject")["statusCode"] == 200
    assert house.state() == "rejected"
    # A link to read that somebody rewrote is no link.
    assert house.visitor.url(approver["url"].replace("token=", "token=x"))["statusCode"] == 401
    other = link_token("other", "ad-accounts")
    page = shown(house.visitor.follow("GET", f"{ROUTE}/page", None, other))
    assert house.campaign_id not in page.words
    assert "Spring" not in page.words


def test_of_an_account_that_cannot_be_read_nothing_is_guessed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: Any) -> Any:
        raise PlatformRejectedError("no permission", platform="meta", code="1004")

    monkeypatch.setattr(house.adapter, "describe_account", refuses)
    page = house.open()
    assert "cannot be used now" in page.words
    assert re.search(r"meta\s+yes\s+1\s+unknown\s+unknown\s+unknown\s+unknown", page.words), page.words


@pytest.mark.parametrize("kind", ["campaign", "ab_test", "rule"])
def test_a_link_is_made_for_what_the_tenant_has_alone(house: House, kind: str) -> None:
    assert house.ask("link_page", {"page": kind, "id": "x"})["error"]["code"] == "5000"
    assert house.ask("link_page", {"page": kind})["error"]["code"] == "1001"
    assert house.ask("link_page", {"page": "accounts", "id": "x"})["error"]["code"] == "1001"


def test_a_campaign_is_linked_by_either_id(house: House) -> None:
    platform_id = house.status(house.campaign_id)["campaign"]["platform_campaign_id"]
    for name in (house.campaign_id, platform_id):
        made = house.done("link_page", {"page": "campaign", "id": name}, roles=["viewer"])
        assert f"/v1/campaigns/{house.campaign_id}/page?token=" in made["url"]
        assert made["expires_in_seconds"] == 900
        assert "Spring" in shown(house.visitor.url(made["url"])).words
    other = house.ask("link_page", {"page": "campaign", "id": house.campaign_id}, user_id="other")
    assert other["error"]["code"] == "5000"
