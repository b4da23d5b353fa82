"""The creatives of a request, from the Web Platform or from the request itself."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Literal

from pydantic import HttpUrl, TypeAdapter, ValidationError

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.models.campaigns import CreateCampaign, Creative, CreativeInput
from campaign_automation.utils.cache_manager import CacheManager
from campaign_automation.utils.error_handler import AccountError, InvalidRequestError, NotFoundError

CACHE_SECONDS = 300
_CONCURRENT_LOOKUPS = 10
# The Web Platform's creatives have numbers; callers write 12 or creative_12.
_NUMBER = re.compile(r"^(?:creative_)?(\d+)$")
_URL = TypeAdapter(HttpUrl)
_ENDING = re.compile(r"\.([a-z0-9]+)(?:[?#].*)?$")
_IMAGES = frozenset({"image", "jpg", "jpeg", "png"})
_VIDEOS = frozenset({"video", "mp4", "mov"})
# No platform takes them everywhere: TikTok refuses both, Google webp, and Meta shows one picture of a GIF.
_NOT_SHOWN = frozenset({"gif", "webp"})


class CreativeLibrary:
    def __init__(self, tools: ToolCaller | None, cache: CacheManager) -> None:
        self._tools = tools
        self._cache = cache

    async def fetch(self, user_id: str, spec: CreateCampaign) -> list[Creative]:
        """Return the request's creatives, in its order.

        Raises NotFoundError naming an unknown one, AccountError (6006) for one without a product page, and
        InvalidRequestError for `creative_ids` without a Web Platform.
        """
        if spec.creatives is not None:
            return [_from_input(item, spec.product_url) for item in spec.creatives]
        limit = asyncio.Semaphore(_CONCURRENT_LOOKUPS)

        async def one(creative_id: str) -> Creative:
            async with limit:
                return _from_record(creative_id, await self._lookup(user_id, creative_id), spec.product_url)

        return await asyncio.gather(*map(one, spec.creative_ids or []))

    async def _lookup(self, user_id: str, creative_id: str) -> dict[str, Any]:
        async def load() -> dict[str, Any]:
            return await self._ask(user_id, creative_id)

        record = await self._cache.get_or_load(user_id, f"creative:{creative_id}", CACHE_SECONDS, load)
        return record if isinstance(record, dict) else await load()  # another program's value

    async def _ask(self, user_id: str, creative_id: str) -> dict[str, Any]:
        if self._tools is None:
            raise InvalidRequestError(
                "creative_ids: no Web Platform is configured; give creatives inline", field="creative_ids"
            )
        number = _NUMBER.match(creative_id)
        unknown = NotFoundError(f"creative {creative_id} is not known", field="creative_ids")
        if number is None:
            raise unknown
        arguments = {"user_id": user_id, "creative_id": int(number[1])}
        try:
            return await self._tools.call_tool("get_creative", arguments)
        except NotFoundError as error:
            raise unknown from error


def _from_input(item: CreativeInput, product_url: Any) -> Creative:
    return Creative(
        creative_id=item.creative_id,
        name=item.name,
        file_url=str(item.file_url),
        file_type=item.file_type,
        product_url=_product_page(item.creative_id, product_url or item.product_url),
        style=item.style,
        tags=item.tags,
    )


def _from_record(creative_id: str, record: dict[str, Any], product_url: Any) -> Creative:
    file_url = record.get("cdn_url") or record.get("file_url")
    if not file_url:
        raise _unusable(creative_id, "has no file")
    return Creative(
        creative_id=creative_id,
        name=str(record.get("name") or f"creative {creative_id}"),
        file_url=str(file_url),
        file_type=_file_type(creative_id, record.get("file_type"), str(file_url)),
        product_url=_product_page(creative_id, product_url or record.get("product_url")),
        style=str(record["style"]) if record.get("style") else None,
        tags=_tags(record.get("tags")),
    )


def _file_type(creative_id: str, stored: Any, file_url: str) -> Literal["image", "video"]:
    """The type of a creative's file, from what the Web Platform calls it, else from the file's name."""
    # The Web Platform keeps the word of whoever made the creative: image, IMAGE, image/png, jpg or nothing.
    named = _ENDING.search(file_url.lower())
    word = str(stored or "").strip().lower() or (named[1] if named else "")
    kind, _, ending = word.rpartition("/")
    if ending in _IMAGES or (kind == "image" and ending not in _NOT_SHOWN):
        return "image"
    if ending in _VIDEOS or kind == "video":
        return "video"
    raise _unusable(creative_id, f"is a file of the type {word or 'unknown'}; give a JPG, a PNG or an MP4")


def _tags(stored: Any) -> list[str]:
    """Tags, which may be a list, a list in JSON, or words between commas."""
    if isinstance(stored, str):
        try:
            parsed = json.loads(stored)
        except ValueError:
            parsed = None
        stored = parsed if isinstance(parsed, list) else stored.split(",")
    listed = stored if isinstance(stored, list) else []
    return [word for tag in listed if tag is not None and (word := str(tag).strip())]


def _unusable(creative_id: str, problem: str) -> AccountError:
    return AccountError(
        f"creative {creative_id} {problem}", code="6003", field="creative_ids", creative_id=creative_id
    )


def _product_page(creative_id: str, url: Any) -> str:
    try:
        return str(_URL.validate_python(str(url)) if url else _URL.validate_python(""))
    except ValidationError:
        raise AccountError(
            f"creative {creative_id} has no valid product page: give product_url",
            code="6006",
            field="product_url",
            creative_id=creative_id,
        ) from None
