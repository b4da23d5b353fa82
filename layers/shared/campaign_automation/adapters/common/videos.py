"""The wait for an uploaded video, which platforms process before an ad may show it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from campaign_automation.utils.error_handler import PlatformUnavailableError

# TikTok takes 10 to 15 seconds; Meta takes seconds, for long videos minutes.
POLL_SECONDS = (0.5, 1, 2, 4, 4, 8, 8, 8)


async def cover_of(platform: str, look: Callable[[], Awaitable[str | None]]) -> str:
    """Return the address of the video's cover as soon as `look` has it.

    Raises PlatformUnavailableError when the video is still processed after about 35 seconds.
    """
    for pause in POLL_SECONDS:
        if cover := await look():
            return cover
        await asyncio.sleep(pause)
    raise PlatformUnavailableError(f"{platform}: the video is still being processed", platform=platform)
