"""Image assets: real pictures of a size and shape that Google takes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from local.sandbox.google.errors import AdsError, required
from local.sandbox.google.messages import Message, set_enum
from local.sandbox.google.store import Draft

MAX_IMAGE_BYTES = 5 * 1024 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"


def check_new_asset(draft: Draft, asset: Message) -> Iterator[AdsError]:
    if asset.WhichOneof("asset_data") != "image_asset":
        yield AdsError("asset_error.ASSET_DATA_IS_MISSING", "Only image assets can be made here.")
        return
    data = asset.image_asset.data
    if not asset.name:
        yield AdsError("asset_error.NAME_REQUIRED_FOR_ASSET_TYPE", "Name is required for images.", "name")
    if not data:
        yield required("image_asset", "data")
    elif len(data) > MAX_IMAGE_BYTES:
        yield AdsError("image_error.IMAGE_DATA_TOO_LARGE", "The image is too large.", "image_asset", "data")
    elif not data.startswith(_PNG):
        yield AdsError("image_error.FORMAT_NOT_ALLOWED", "Not a PNG image.", "image_asset", "data")
    else:
        _describe(asset, data)


def _describe(asset: Message, data: bytes) -> None:
    """The stored asset tells size and type, and gives the bytes back no more."""
    width, height = struct.unpack(">II", data[16:24])
    asset.image_asset.file_size = len(data)
    asset.image_asset.full_size.width_pixels = width
    asset.image_asset.full_size.height_pixels = height
    set_enum(asset.image_asset, "mime_type", "IMAGE_PNG")
    set_enum(asset, "type_", "IMAGE")
    asset.image_asset.ClearField("data")
