"""Uploads for Demand Gen ads, the only ads of Google's that show files here."""

from __future__ import annotations

from collections.abc import Sequence

from campaign_automation.adapters.base import Access, AdOrder
from campaign_automation.adapters.google import facts, pictures, queries, requests
from campaign_automation.adapters.google.errors import unavailable
from campaign_automation.adapters.google.messages import Operation
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.clients.media_client import MediaClient


class GoogleFiles:
    """Pictures among the account's assets, under names of ours, so that each is uploaded once."""

    def __init__(self, wire: GoogleWire, media: MediaClient) -> None:
        self._wire = wire
        self._media = media

    async def assets(self, access: Access, orders: Sequence[AdOrder], logo_url: str) -> dict[str, str]:
        """Return "<field> <asset>" of each creative's file and of the logo, by URL; upload missing ones.

        Raises AccountError (6003) for a file that no ad can show.
        """
        urls = list(dict.fromkeys([logo_url, *(order.creative.creative.file_url for order in orders)]))
        found = await self._find(access, urls)
        missing = [url for url in urls if url not in found]
        if missing:
            await self._upload(access, missing, logo_url)
            found |= await self._find(access, missing)
        if len(found) < len(urls):
            raise unavailable("google: an uploaded picture cannot be found yet")
        return found

    async def _find(self, access: Access, urls: Sequence[str]) -> dict[str, str]:
        names = {pictures.asset_name(url): url for url in urls}
        found = {}
        for row in await self._wire.search(access, "list_images", queries.images_by_name(names)):
            size = row.asset.image_asset.full_size
            frame = pictures.frame_of(size.width_pixels, size.height_pixels) or facts.LOGO
            found[names[row.asset.name]] = f"{frame.field} {row.asset.resource_name}"
        return found

    async def _upload(self, access: Access, urls: Sequence[str], logo_url: str) -> None:
        """Upload as many pictures in one request as a message can hold."""
        waiting: list[Operation] = []
        held = 0
        for url in urls:
            content = await self._media.fetch(url)
            pictures.check_picture(content, url, is_logo=url == logo_url)
            if held + len(content) > facts.UPLOAD_BYTES:
                await self._wire.mutate(access, "upload_image", waiting)
                waiting, held = [], 0
            waiting.append(requests.image_operation(pictures.asset_name(url), content))
            held += len(content)
        # A second upload of the same content makes no new asset, so a lost answer may be asked again.
        await self._wire.mutate(access, "upload_image", waiting)
