"""Images and videos in an account's library."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from local.sandbox.meta.errors import invalid, wrong_param
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, MetaStore, Node

IMAGE_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")
# A fresh video answers "processing" to this many looks at its status.
PROCESSING_POLLS = 1


def upload_images(
    store: MetaStore, account: Account, params: Params, files: Mapping[str, tuple[str, bytes]], now: datetime
) -> Json:
    """POST act_<id>/adimages with multipart files or `bytes` (base64). The same picture keeps its hash."""
    params.only({"bytes", "name", "filename"})
    contents = dict(files.values()) or {"bytes": _decoded(params)}
    return {"images": {name: _add_image(store, account, name, c, now) for name, c in contents.items()}}


def upload_video(
    store: MetaStore, account: Account, params: Params, files: Mapping[str, tuple[str, bytes]], now: datetime
) -> Node:
    """POST act_<id>/advideos with `file_url` or a multipart `source`. Raises GraphError."""
    params.only({"file_url", "name", "title", "description"})
    source = params.text("file_url")
    if not source and not files:
        raise wrong_param("The parameter file_url is required", "file_url")
    if source and urlsplit(source).scheme not in ("http", "https"):
        raise invalid(1363018, "Invalid Video URL", "The video could not be fetched.", "file_url")
    content_key = source or hashlib.sha256(next(iter(files.values()))[1]).hexdigest()
    title = params.text("title") or params.text("name")
    data: Json = {"title": title, "source": content_key, "polls_left": PROCESSING_POLLS}
    return store.add("video", account, data, now)


def video_status(video: Node) -> Json:
    """`status` of a video; each look brings the processing nearer to its end."""
    if video.data["polls_left"]:
        video.data["polls_left"] -= 1
        return {"video_status": "processing", "processing_progress": 50}
    return {"video_status": "ready", "processing_progress": 100}


def video_picture(video: Node) -> str | None:
    """Address of the first frame, once the video is processed."""
    ready = not video.data["polls_left"]
    return f"https://scontent.example/{video.account_id}/{video.id}.jpg" if ready else None


def _decoded(params: Params) -> bytes:
    try:
        return base64.b64decode(params.required("bytes"), validate=True)
    except binascii.Error:
        raise wrong_param("Param bytes must be base64-encoded", "bytes") from None


def remove_image(store: MetaStore, account: Account, params: Params) -> Json:
    """DELETE act_<id>/adimages with `hash`: the ads that show it have issues from then on."""
    image = store.image(account.id, params.text("hash"))
    if image is None:
        raise wrong_param("Param hash must be the hash of an image of this account.", "hash")
    store.forget(image)
    return {"success": True}


def _add_image(store: MetaStore, account: Account, name: str, content: bytes, now: datetime) -> Json:
    if not content.startswith(IMAGE_SIGNATURES):
        raise invalid(
            1487411, "Invalid Image", "The file is not an image we can use: send JPG, PNG or GIF.", "filename"
        )
    image_hash = hashlib.md5(content, usedforsecurity=False).hexdigest()
    image = store.image(account.id, image_hash)
    if image is None:
        url = f"https://scontent.example/{account.id}/{image_hash}"
        image = store.add("image", account, {"hash": image_hash, "name": name, "url": url}, now)
    return {"hash": image.data["hash"], "url": image.data["url"]}
