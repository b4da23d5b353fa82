"""Pictures for Demand Gen ads: the field that a file fits, and its name among the account's assets."""

from __future__ import annotations

import hashlib
import struct

from campaign_automation.adapters.google import facts
from campaign_automation.utils.error_handler import AccountError

_PNG, _GIF, _JPEG = b"\x89PNG\r\n\x1a\n", b"GIF8", b"\xff\xd8"
_TOLERANCE = 0.01
# JPEG segments that hold the picture's size: all "start of frame" markers.
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def asset_name(url: str) -> str:
    """The asset name of a file's picture, always the same for the same URL."""
    return f"campaign-automation {hashlib.sha256(url.encode()).hexdigest()}"


def frame_of(width: int, height: int) -> facts.Frame | None:
    """The field that takes a picture of this size in pixels; None when none does."""
    return next((frame for frame in facts.FRAMES if _fits(frame, width, height)), None)


def check_picture(content: bytes, url: str, *, is_logo: bool) -> None:
    """Raise AccountError (6003) for a file that no ad can show."""
    if len(content) > facts.IMAGE_BYTES:
        raise _refused(url, f"is larger than {facts.IMAGE_BYTES} bytes")
    size = size_of(content)
    if size is None:
        raise _refused(url, "is no PNG, JPEG or GIF picture")
    if is_logo and not _fits(facts.LOGO, *size):
        least = f"{facts.LOGO.width} x {facts.LOGO.height}"
        raise _refused(url, f"is {size[0]} x {size[1]}, and a logo must be square, at least {least}")
    if not is_logo and frame_of(*size) is None:
        shapes = ", ".join(f"{frame.width} x {frame.height}" for frame in facts.FRAMES)
        raise _refused(url, f"is {size[0]} x {size[1]}, and Google takes only the shapes {shapes} or larger")


def size_of(content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, from the head of a PNG, GIF or JPEG file."""
    if content.startswith(_PNG) and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content.startswith(_GIF) and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
        return width, height
    return _jpeg_size(content) if content.startswith(_JPEG) else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        if content[place + 1] in _FRAME_MARKERS:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + int(struct.unpack(">H", content[place + 2 : place + 4])[0])
    return None


def _fits(frame: facts.Frame, width: int, height: int) -> bool:
    if width < frame.width or height < frame.height:
        return False
    return abs(width / height / (frame.width / frame.height) - 1) <= _TOLERANCE


def _refused(url: str, problem: str) -> AccountError:
    return AccountError(f"google: the picture {url} {problem}", code="6003", field="file_url")
