"""The creatives of a request, from the Web Platform or from the request itself."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from pydantic import HttpUrl, TypeAdapter, ValidationError

from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.models.campaigns import CreateCampaign, Creative, CreativeInput
from campaign_automation.utils.cache_manager import CacheManager
from campaign_automation.utils.error_handler import AccountError, InvalidRequestError, NotFoundError

CACHE_SECONDS = 300
_CONCURRENT_LOOKUPS = 5
# The Web Platform's creatives have numbers; callers write 12 or creative_12.
_NUMBER = re.compile(r"^(?:creative_)?(\d+)$")
_URL = TypeAdapter(HttpUrl)


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

        record: dict[str, Any] = await self._cache.get_or_load(
            user_id, f"creative:{creative_id}", CACHE_SECONDS, load
        )
        return record

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
    return Creative(
        creative_id=creative_id,
        name=str(record.get("name") or f"creative {creative_id}"),
        file_url=str(record.get("cdn_url") or record["file_url"]),
        file_type=record["file_type"],
        product_url=_product_page(creative_id, product_url or record.get("product_url")),
        style=record.get("style"),
        tags=[str(tag) for tag in record.get("tags") or []],
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
