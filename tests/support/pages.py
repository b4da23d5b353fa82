"""A reader of pages as browsers and screen readers need them: it refuses what they could not use."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlparse

from campaign_automation.api.link_verifier import LinkVerifier, link_policy
from campaign_automation.api.pages.ab_test_report import TEST_PAGES
from campaign_automation.api.pages.account_overview import ACCOUNT_PAGES
from campaign_automation.api.pages.campaign_report import REPORT_PAGES
from campaign_automation.api.pages.proposal import PROPOSAL_PAGES
from campaign_automation.api.pages.rule_report import RULE_PAGES
from campaign_automation.managers.notices.links import Links
from campaign_automation.managers.notices.signed_links import LinkKeys, Purpose, new_link, signed
from tests.support.one_tenant import OneTenant

KEYS = LinkKeys(lambda is_fresh: {"current": "k" * 64})
PAGES = {**PROPOSAL_PAGES, **REPORT_PAGES, **TEST_PAGES, **RULE_PAGES, **ACCOUNT_PAGES}
_IDS = {"campaigns": "campaign_id", "ab-tests": "test_id", "rules": "rule_id", "proposals": "proposal_id"}
HOSTILE = "<script>alert(1)</script>"

_VOID = {"meta", "input", "br"}
_ADDRESSES = ("href", "src", "action", "poster", "srcset", "xlink:href")


class ReadPage(HTMLParser):
    """One page, read. `words` is all that a person sees, `links` the addresses that it leads to."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.words = ""
        self.links: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == [], f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self.links += [str(given[name]) for name in _ADDRESSES if name in given]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError(f"<{tag}/> closes nothing in HTML")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            return
        self.words += f"{data} "
        if self._open and re.fullmatch(r"h[1-6]", self._open[-1]):
            level, text = self.headings.pop()
            self.headings.append((level, text + data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [given for name, given in self.tags if name == tag]


def read(document: str) -> ReadPage:
    """The page, once it is sure that everybody can use it and that it loads nothing."""
    page = ReadPage(document)
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1, "a page has one main heading"
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    assert all(text.strip() for _, text in page.headings)
    assert all(item.get("lang") for item in page.all("html"))
    assert len(page.all("table")) == len(page.all("caption")), "a table without a caption"
    assert all(item.get("scope") for item in page.all("th"))
    pictures = [item for item in page.all("svg") if item.get("aria-hidden") != "true"]
    assert all(item.get("role") == "img" and item.get("aria-label") for item in pictures)
    assert len(page.all("desc")) == len(pictures)
    assert all(item.get("content") != "" for item in page.all("meta"))
    assert page.all("script") == []
    assert not any(name.startswith("on") or name == "style" for _, given in page.tags for name in given)
    assert not re.search(r"url\(|@import", document)
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    return page


# --- opening pages ------------------------------------------------------------------------------------------


class Visitor:
    """Opens pages as a browser does through the gateway: with a token, or by a link."""

    def __init__(self, house: OneTenant) -> None:
        self._house = house
        house.wiring.__dict__["links"] = Links(KEYS, "https://ads.example")

    def open(
        self, route: str, path: dict[str, str] | None = None, query: Any = None, **verified: Any
    ) -> dict[str, Any]:
        """The answer to a caller with a token, who is the user u and a viewer unless told otherwise."""
        caller = {"principalId": "u", "person": "ann", "roles": "viewer"} | verified
        return self._answer("GET", route, path, query, caller)

    def follow(
        self, method: str, route: str, path: dict[str, str] | None, token: str, body: str | None = None
    ) -> dict[str, Any]:
        """The answer to the holder of a link; 401 where the gateway lets nobody through."""
        asked = {
            "httpMethod": method,
            "resource": route,
            "pathParameters": path,
            "queryStringParameters": {"token": token},
        }
        link = LinkVerifier(KEYS).holder(asked)
        if link is None:
            return {"statusCode": 401, "body": ""}
        policy = link_policy(link, "arn")
        verified = {"principalId": policy["principalId"], **policy["context"]}
        return self._answer(method, route, path, {"token": token}, verified, body)

    def url(self, url: str, method: str = "GET", body: str | None = None) -> dict[str, Any]:
        """The answer to who follows a whole link."""
        parts = urlparse(url)
        place = parts.path.removeprefix("/v1/").removesuffix("/page").split("/")
        names = {
            "campaigns": "campaign_id",
            "ab-tests": "test_id",
            "rules": "rule_id",
            "proposals": "proposal_id",
        }
        path = {names[place[0]]: place[1]} if len(place) > 1 else None
        route = f"/v1/{place[0]}" + "".join(f"/{{{name}}}" for name in path or ()) + "/page"
        return self.follow(method, route, path, parse_qs(parts.query)["token"][0], body)

    def _answer(
        self, method: str, route: str, path: Any, query: Any, verified: Any, body: str | None = None
    ) -> dict[str, Any]:
        event = {
            "httpMethod": method,
            "resource": route,
            "headers": {"Accept": "text/html"},
            "pathParameters": path,
            "queryStringParameters": query,
            "requestContext": {"requestId": "q", "authorizer": verified},
            "body": body,
        }
        return asyncio.run(PAGES[method, route](self._house.wiring, event))


def link_token(tenant: str, resource: str, purpose: Purpose = "read", *, expires: int | None = None) -> str:
    link = new_link(tenant, tenant, resource, purpose)
    return signed(link if expires is None else link._replace(expires=expires), KEYS)


def shown(answer: dict[str, Any]) -> ReadPage:
    """The page of an answer that has to be one."""
    assert answer["statusCode"] == 200, answer
    return read(answer["body"])
