"""The upload of images and videos to a Meta account."""

from __future__ import annotations

import base64
import json

from facebook_business.adobjects.adaccount import AdAccount as MetaAccount
from facebook_business.api import FacebookAdsApi

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.common.reading import fields_of, id_of, text_of
from campaign_automation.adapters.common.videos import cover_of
from campaign_automation.adapters.meta.facts import PLATFORM
from campaign_automation.adapters.meta.wire import MetaWire
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.campaigns import Creative
from campaign_automation.utils.error_handler import PlatformRejectedError


class MetaFiles:
    """Uploads of creatives' files."""

    def __init__(self, wire: MetaWire, media: MediaClient) -> None:
        self._wire = wire
        self._media = media

    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        """JSON {"image_hash"} or {"video_id", "image_url"}.

        An image's hash is that of its content, so a second upload makes nothing new; a video is uploaded once
        and then waited for.
        """
        asset: dict[str, str] = json.loads(known) if known else {}
        if creative.file_type == "image":
            asset = asset or {"image_hash": await self._upload_image(access, creative)}
        elif "image_url" not in asset:
            video_id = asset.get("video_id") or await self._upload_video(access, creative)
            asset = {"video_id": video_id, "image_url": await self._video_picture(access, video_id)}
        return json.dumps(asset)

    async def _upload_image(self, access: Access, creative: Creative) -> str:
        content = base64.b64encode(await self._media.fetch(creative.file_url)).decode()

        def upload(api: FacebookAdsApi) -> str:
            image = MetaAccount(access.platform_account_id, api=api).create_ad_image(
                params={"bytes": content}
            )
            return text_of(image["hash"])

        return await self._wire.run(access, "upload_image", upload)

    async def _upload_video(self, access: Access, creative: Creative) -> str:
        def upload(api: FacebookAdsApi) -> str:
            params = {"file_url": creative.file_url, "name": creative.name}
            video = MetaAccount(access.platform_account_id, api=api).create_ad_video(params=params)
            return id_of(video["id"])

        return await self._wire.run(access, "upload_video", upload)

    async def _video_picture(self, access: Access, video_id: str) -> str:
        async def look() -> str | None:
            video = await self._wire.get(access, "read_video", video_id, "status,picture")
            state = fields_of(video.get("status")).get("video_status")
            if state == "error":
                raise PlatformRejectedError(
                    "meta: the video could not be processed", platform=PLATFORM, code="6003"
                )
            return text_of(video["picture"]) if state == "ready" else None

        return await cover_of(PLATFORM, look)
