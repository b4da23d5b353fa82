"""Images and videos in an advertiser's library."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from local.sandbox.tiktok.errors import Json, bad_file, duplicate_file, missing, wrong
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account, Kind, Node, TikTokStore

IMAGE_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
# A fresh video shows no cover at this many looks at it.
PROCESSING_POLLS = 1

Files = Mapping[str, tuple[str, bytes]]


def upload_image(store: TikTokStore, account: Account, params: Params, files: Files, now: datetime) -> Json:
    """file/image/ad/upload/ by multipart with its MD5, or by URL. Raises TikTokError."""
    node = _upload(store, account, "image", params, files, now)
    return {"image_id": node.id, **_described(node), "image_url": _address(node, "jpg")}


def upload_video(
    store: TikTokStore, account: Account, params: Params, files: Files, now: datetime
) -> list[Json]:
    """file/video/ad/upload/: its data is a list. Raises TikTokError."""
    node = _upload(store, account, "video", params, files, now)
    node.data["polls_left"] = PROCESSING_POLLS
    return [{"video_id": node.id, **_described(node)}]


def video_info(store: TikTokStore, account: Account, params: Params) -> Json:
    """file/video/ad/info/; each look brings the processing nearer to its end."""
    params.only({"video_ids"})
    found = [store.own(account, "video", video_id) for video_id in params.ids("video_ids", 60)]
    return {"list": [_looked_at(video) for video in found if video]}


def _looked_at(video: Node) -> Json:
    is_ready = not video.data["polls_left"]
    video.data["polls_left"] = max(0, video.data["polls_left"] - 1)
    cover = {"video_cover_url": _address(video, "jpg")} if is_ready else {}
    return {"video_id": video.id, "displayable": is_ready, **_described(video), **cover}


def _upload(
    store: TikTokStore, account: Account, kind: Kind, params: Params, files: Files, now: datetime
) -> Node:
    params.only({"upload_type", "file_name", f"{kind}_url", f"{kind}_signature"})
    way = params.choice("upload_type", ("UPLOAD_BY_FILE", "UPLOAD_BY_URL"))
    if way == "UPLOAD_BY_URL":
        source = default = params.required(f"{kind}_url")
        if urlsplit(source).scheme not in ("http", "https"):
            raise wrong(f"{kind}_url: Not a valid URL.")
    else:
        default, source = _checked_file(kind, params, files)
    name = params.text("file_name") or default
    if any(node.data["file_name"] == name for node in store.of_kind(account.id, kind)):
        raise duplicate_file()
    return store.add(kind, account, {"file_name": name, "source": source}, now)


def _checked_file(kind: Kind, params: Params, files: Files) -> tuple[str, str]:
    """Name and MD5 of the part that carries the file."""
    if f"{kind}_file" not in files:
        raise missing(f"{kind}_file")
    name, content = files[f"{kind}_file"]
    signature = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if params.required(f"{kind}_signature") != signature:
        raise bad_file(f"{kind}_signature: The signature does not match the file.")
    if kind == "image" and not content.startswith(IMAGE_SIGNATURES):
        raise bad_file("image_file: Unsupported image format.")
    return name, signature


def _described(node: Node) -> Json:
    return {"file_name": node.data["file_name"], "material_id": f"7{node.id}"}


def _address(node: Node, extension: str) -> str:
    return f"https://p16-ad.example/{node.account_id}/{node.id}.{extension}"
