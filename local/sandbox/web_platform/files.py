"""The creatives' files: small, real, and different for each creative."""

import re
import struct
import zlib

from starlette.responses import Response

SIZE = 320
_NAME = re.compile(r"creative_(\d+)\.(png|mp4)")


def file(name: str) -> Response:
    match = _NAME.fullmatch(name)
    if match is None:
        return Response("Not Found", 404)
    number, extension = int(match.group(1)), match.group(2)
    if extension == "png":
        return Response(picture(number), media_type="image/png")
    return Response(film(number), media_type="video/mp4")


def picture(number: int) -> bytes:
    """A PNG of SIZE x SIZE in one colour of its own."""
    colour = bytes((number * 47 % 256, number * 89 % 256, number * 131 % 256))
    rows = (b"\0" + colour * SIZE) * SIZE
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    text = b"Title\0" + f"creative {number}".encode()
    chunks = ((b"IHDR", header), (b"tEXt", text), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def film(number: int) -> bytes:
    """The opening box of an MP4 and some bytes of its own: enough to be uploaded, not to be played."""
    body = f"creative {number}".encode() * 64
    opening = b"ftypisom\x00\x00\x02\x00isomiso2mp41"
    boxes = (opening, b"mdat" + body)
    return b"".join(struct.pack(">I", len(box) + 4) + box for box in boxes)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
