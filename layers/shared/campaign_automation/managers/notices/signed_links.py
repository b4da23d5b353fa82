"""Signed tokens of links: who may do what with one resource, for a quarter of an hour.

PyJWT was weighed: it is in the authorizer's layer alone, and links are signed by functions without it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

LINK_SECONDS = 15 * 60
# To read a page, to read one whose forms decide, or to decide once.
Purpose = Literal["read", "approve", "decide"]

_FRESH_SECONDS = 10  # the least time between two reads of the secret that strange tokens can cause
_SHORTEST_KEY = 32
_DOMAIN = b"campaign-automation-link\n"  # a signature of these keys over anything else is none of a link
_LONGEST_TOKEN = 2048


class Link(NamedTuple):
    """The holder of a link: the tenant, the person that it was made for, and the one resource.

    A link to decide is good for one decision, by its `token_id`.
    """

    tenant: str
    person: str
    resource: str
    purpose: Purpose
    expires: int
    token_id: str

    @property
    def is_over(self) -> bool:
        return self.expires <= time.time()


class LinkKeys:
    """The keys of the secret, {"current", "previous"}: the first signs, both are taken.

    `read` returns the secret, anew where it is asked for. A token under a key that is not known is a reason
    to read it anew: the key may have been changed a moment ago.
    """

    def __init__(self, read: Callable[[bool], Mapping[str, Any]]) -> None:
        self._read = read
        self._read_at = 0.0

    @property
    def current(self) -> bytes:
        return _keys_of(self._read(False))[0]

    def find(self, key_id: str) -> bytes | None:
        """Return the key of that id, or None."""
        if (key := _find(self._read(False), key_id)) is not None:
            return key
        if time.monotonic() - self._read_at < _FRESH_SECONDS:
            return None
        self._read_at = time.monotonic()
        return _find(self._read(True), key_id)


def new_link(tenant: str, person: str, resource: str, purpose: Purpose) -> Link:
    # By the machine's clock, as the authorizer's: the module's own can be moved.
    return Link(tenant, person, resource, purpose, int(time.time()) + LINK_SECONDS, uuid.uuid4().hex)


def signed(link: Link, keys: LinkKeys) -> str:
    """Return the token of a link."""
    key = keys.current
    payload = json.dumps([_id_of(key), *link], separators=(",", ":")).encode()
    return f"{_text(payload)}.{_text(_signature(key, payload))}"


def authentic(token: str, keys: LinkKeys) -> Link | None:
    """Return the link of a token that is ours, also of one that is over; else None."""
    try:
        payload, signature = map(_bytes, token[:_LONGEST_TOKEN].split("."))
        key_id, *values = json.loads(payload)
        link = Link(*values)
    except (ValueError, TypeError, binascii.Error):
        return None
    key = keys.find(str(key_id))
    if key is None or not hmac.compare_digest(_signature(key, payload), signature):
        return None
    return link


def _keys_of(secret: Mapping[str, Any]) -> list[bytes]:
    texts = [str(secret.get(name) or "") for name in ("current", "previous")]
    if len(texts[0]) < _SHORTEST_KEY:
        raise ValueError(f"the secret of links: current is shorter than {_SHORTEST_KEY} characters")
    return [text.encode() for text in texts if len(text) >= _SHORTEST_KEY]


def _find(secret: Mapping[str, Any], key_id: str) -> bytes | None:
    return next((key for key in _keys_of(secret) if _id_of(key) == key_id), None)


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"id\n" + key).hexdigest()[:12]


def _signature(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + payload, "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
