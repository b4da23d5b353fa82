"""Uploads: images by file with their MD5, videos by their address and with a cover image."""

from __future__ import annotations

import hashlib
import json
import uuid

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.common.reading import rows_of, text_of
from campaign_automation.adapters.common.videos import cover_of
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.adapters.tiktok.wire import TikTokWire
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.campaigns import Creative


class TikTokFiles:
    """Uploads of images and videos to an ad account."""

    def __init__(self, wire: TikTokWire, media: MediaClient) -> None:
        self._wire = wire
        self._media = media

    async def upload(self, access: Access, creative: Creative) -> str:
        """Upload the file, and return JSON {"image_id"} or {"video_id", "image_id"}.

        Raises AccountError (6003) for a file that cannot be fetched, PlatformUnavailableError for a video
        that is still processed.
        """
        if creative.file_type == "image":
            return json.dumps({"image_id": await self._image(access, creative)})
        video_id = await self._video(access, creative)
        cover = await cover_of(PLATFORM, lambda: self._cover_url(access, video_id))
        return json.dumps({"video_id": video_id, "image_id": await self._cover(access, creative, cover)})

    async def _image(self, access: Access, creative: Creative) -> str:
        content = await self._media.fetch(creative.file_url)
        fields = {
            "upload_type": "UPLOAD_BY_FILE",
            "image_signature": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "file_name": _file_name(creative),
        }
        data = await self._wire.upload(
            access, "upload_image", "file/image/ad/upload", fields, "image_file", content
        )
        return text_of(data["image_id"])

    async def _video(self, access: Access, creative: Creative) -> str:
        body = {
            "upload_type": "UPLOAD_BY_URL",
            "video_url": creative.file_url,
            "file_name": _file_name(creative),
        }
        data = await self._wire.post(access, "upload_video", "file/video/ad/upload", body)
        return text_of(data[0]["video_id"])

    async def _cover_url(self, access: Access, video_id: str) -> str | None:
        """The address of the cover that TikTok makes; None while it processes the video."""
        data = await self._wire.get(access, "read_video", "file/video/ad/info", {"video_ids": [video_id]})
        videos = rows_of(data.get("list"))
        return videos[0].get("video_cover_url") if videos else None

    async def _cover(self, access: Access, creative: Creative, url: str) -> str:
        body = {"upload_type": "UPLOAD_BY_URL", "image_url": url, "file_name": _file_name(creative)}
        data = await self._wire.post(access, "upload_image", "file/image/ad/upload", body)
        return text_of(data["image_id"])


def _file_name(creative: Creative) -> str:
    """A name that is new in the account, which TikTok demands, and tells nothing but the file."""
    digest = hashlib.sha256(creative.file_url.encode()).hexdigest()
    return f"{digest[:12]}-{uuid.uuid4().hex[:8]}"
