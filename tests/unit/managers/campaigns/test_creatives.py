"""Creatives as the Web Platform stores them: the words of many authors, and values that are missing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation.managers.campaigns.creatives import CreativeLibrary
from campaign_automation.models.campaigns import Creative
from campaign_automation.utils.cache_manager import CacheManager
from campaign_automation.utils.error_handler import AccountError
from tests.support.builders import spec
from tests.support.memory_cache import MemoryCache

RECORD = {
    "name": "Shoe",
    "file_url": "https://cdn.example/a.png",
    "file_type": "image",
    "product_url": "https://shop.example/p/1",
    "style": "bold",
    "tags": ["running"],
}


class Tools:
    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._record


def fetched(**changes: Any) -> Creative:
    library = CreativeLibrary(Tools(RECORD | changes), CacheManager(None, stage="test"))
    (creative,) = asyncio.run(library.fetch("user_123", spec(creative_ids=["1"])))
    return creative


@pytest.mark.parametrize(
    ("stored", "ending", "kind"),
    [
        ("image", "png", "image"),
        ("IMAGE", "png", "image"),
        (" Image ", "png", "image"),
        ("image/jpeg", "png", "image"),
        ("image/*", "png", "image"),
        ("jpg", "png", "image"),
        ("Video", "mp4", "video"),
        ("video/quicktime", "mp4", "video"),
        ("mp4", "mp4", "video"),
        (None, "PNG?width=2", "image"),
        ("", "mp4", "video"),
    ],
)
def test_the_type_of_a_file_is_read_in_every_spelling(stored: Any, ending: str, kind: str) -> None:
    assert fetched(file_type=stored, file_url=f"https://cdn.example/a.{ending}").file_type == kind


@pytest.mark.parametrize(
    ("stored", "ending"),
    [
        ("gif", "gif"),
        ("webp", "webp"),
        ("image/gif", "gif"),
        (None, "gif"),
        (None, "x"),
        ("pdf", "png"),
        (7, ""),
    ],
)
def test_a_file_that_no_platform_takes_is_refused_by_name(stored: Any, ending: str) -> None:
    with pytest.raises(AccountError, match="creative 1 is a file of the type") as refused:
        fetched(file_type=stored, file_url=f"https://cdn.example/a.{ending}")
    assert (refused.value.code, refused.value.details["field"]) == ("6003", "creative_ids")


def test_a_creative_without_a_file_is_refused() -> None:
    with pytest.raises(AccountError, match="creative 1 has no file"):
        fetched(file_url=None)


@pytest.mark.parametrize(
    ("stored", "tags"),
    [
        (["running", " light "], ["running", "light"]),
        ("running, light ,", ["running", "light"]),
        ('["running", "light"]', ["running", "light"]),
        ("running", ["running"]),
        ([1, None], ["1"]),
        (None, []),
        ("", []),
        ({"running": 1}, []),
    ],
)
def test_tags_are_read_from_a_list_and_from_text(stored: Any, tags: list[str]) -> None:
    assert fetched(tags=stored).tags == tags


def test_a_style_that_is_no_text_becomes_one() -> None:
    assert fetched(style=3).style == "3"
    assert fetched(style=None).style is None


@pytest.mark.parametrize("kept", ["[]", "5", '"Shoe"', "true"])
def test_a_cached_value_that_is_no_record_is_asked_for_again(kept: str) -> None:
    cache = MemoryCache()
    cache.values["test:{user_123}:creative:1"] = kept
    library = CreativeLibrary(Tools(RECORD), CacheManager(cache, stage="test"))
    (creative,) = asyncio.run(library.fetch("user_123", spec(creative_ids=["1"])))
    assert creative.name == "Shoe"
