"""Tokens of links: signed, over after a quarter of an hour, under keys that change without a gap."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from campaign_automation.managers.notices import signed_links
from campaign_automation.managers.notices.signed_links import (
    LINK_SECONDS,
    Link,
    LinkKeys,
    authentic,
    new_link,
    signed,
)

OLD, NEW, OTHER = ({"current": letter * 64} for letter in "abc")


class Secret:
    """A secret as one process sees it: what it read once it keeps, until it is asked to read anew."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value, self.kept, self.reads = value, value, 0

    def read(self, is_fresh: bool) -> Mapping[str, Any]:
        if is_fresh:
            self.reads += 1
            self.kept = self.value
        return self.kept


def keys(value: Mapping[str, Any]) -> LinkKeys:
    return LinkKeys(Secret(value).read)


@pytest.fixture
def link() -> Link:
    return new_link("u", "ann", "proposals/prop_1", "read")


def test_a_token_says_what_was_signed(link: Link) -> None:
    assert authentic(signed(link, keys(OLD)), keys(OLD)) == link
    assert link.expires - time.time() == pytest.approx(LINK_SECONDS, abs=5)
    # Two links for the same are two.
    assert new_link("u", "ann", "proposals/prop_1", "read").token_id != link.token_id


def test_a_token_is_over_after_its_time(link: Link) -> None:
    over = link._replace(expires=int(time.time()) - 1)
    known = authentic(signed(over, keys(OLD)), keys(OLD))
    assert known is not None
    assert (known.is_over, link.is_over) == (True, False)


def test_a_token_that_was_touched_or_is_none_is_refused(link: Link) -> None:
    payload, signature = signed(link, keys(OLD)).split(".")
    values = json.loads(base64.urlsafe_b64decode(payload + "=="))
    for index in range(1, len(values)):
        other = [*values]
        other[index] = other[index] + 999 if isinstance(other[index], int) else "other"
        touched = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")
        assert authentic(f"{touched}.{signature}", keys(OLD)) is None, values[index]
    strange = [
        "",
        ".",
        "a.b",
        "a.b.c",
        payload,
        f"{payload}.",
        f".{signature}",
        "é.ü",
        f"{payload}.{payload}",
    ]
    strange += ["W10.W10", "e30.e30", "bnVsbA.bnVsbA", "x" * 100_000]
    for token in strange:
        assert authentic(token, keys(OLD)) is None, token
    assert authentic(signed(link, keys(OTHER)), keys(OLD)) is None


def test_keys_change_without_a_gap(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {**NEW, "previous": OLD["current"]}
    before, after = signed(link, keys(OLD)), signed(link, keys(changed))
    assert authentic(before, keys(changed)) == link
    # A process that kept the secret of before reads it anew when it meets the new key.
    secret = Secret(OLD)
    late = LinkKeys(secret.read)
    secret.value = changed
    assert authentic(after, late) == link
    assert (authentic(before, late), secret.reads) == (link, 1)
    # Strange keys make it read once in a while, not each time.
    for _ in range(5):
        assert authentic(signed(link, keys(OTHER)), late) is None
    assert secret.reads == 1
    monkeypatch.setattr(signed_links, "_FRESH_SECONDS", 0)
    assert authentic(signed(link, keys(OTHER)), late) is None
    assert secret.reads == 2


@pytest.mark.parametrize("secret", [{}, {"current": ""}, {"current": "short"}, {"previous": "a" * 64}])
def test_a_secret_without_a_key_signs_nothing(link: Link, secret: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="shorter than 32"):
        signed(link, keys(secret))
