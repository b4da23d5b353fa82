"""A reader of pages as browsers and screen readers need them: it refuses what they could not use."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

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
