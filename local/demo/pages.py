"""The pages of a demo: each is taken as the API serves it to a browser, and all are laid into one folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from campaign_automation.api.pages.kit.frame import link, listed, page, paragraph, with_links
from local.cloud import Cloud

FOLDER = Path(__file__).parents[2] / "build" / "report"
_PATIENCE_SECONDS = 120
_WAITS = '<meta http-equiv="refresh"'  # of a page whose figures are being fetched
_INDEX = "index.html"


class _Taken(NamedTuple):
    file: str
    title: str
    document: str


class Pages:
    """The pages taken so far, as user_123 sees them."""

    def __init__(self, cloud: Cloud) -> None:
        token = cloud.info["tokens"]["user_123"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/html"}
        self._http = httpx.Client(base_url=cloud.info["api_url"], headers=headers, timeout=60)
        self._taken: list[_Taken] = []

    def take(self, name: str, title: str, path: str) -> None:
        """Take the page of a route; one that waits for its figures is asked for again."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while _WAITS in (document := self._http.get(path).raise_for_status().text):
            if time.monotonic() > until:
                break
            time.sleep(0.5)
        self._taken.append(_Taken(f"{name}.html", title, document))

    def write(self, folder: Path) -> Path:
        """Write the pages with links between them, and return the one that lists them all."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.html"):
            old.unlink()
        links = [(_INDEX, "All pages"), *((item.file, item.title) for item in self._taken)]
        for item in self._taken:
            (folder / item.file).write_text(with_links(item.document, links), encoding="utf-8")
        index = folder / _INDEX
        index.write_text(_index(self._taken), encoding="utf-8")
        return index

    def close(self) -> None:
        self._http.close()


def _index(taken: list[_Taken]) -> str:
    about = "Each page as the API serves it where Accept asks for text/html, in the order of the demo."
    return page("The demo's pages", paragraph(about), listed(link(item.file, item.title) for item in taken))


Take = Callable[[str, str, str], None]
