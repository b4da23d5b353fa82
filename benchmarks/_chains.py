"""The longest chain of recorded calls that need each other's answers, and the time spent waiting for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

Calls = Sequence[Mapping[str, Any]]

# The calls whose answers a call cannot do without, by operation; what was not called adds nothing.
_ACCOUNT = ("read_account", "read_identity", "read_pixels")
_COPY = ("generate_content",)
_FILES = ("upload_image", "upload_video", "read_file")
_CREATED = ("create_ad",)
NEEDS: Mapping[str, Sequence[str]] = {
    "get_active_ad_account": (),
    "get_ad_account_token": ("get_active_ad_account",),
    **dict.fromkeys(_ACCOUNT, ("get_ad_account_token",)),
    "get_creative": (),
    "list_models": (),
    "generate_content": ("get_creative",),
    "read_file": ("get_creative",),
    **dict.fromkeys(("upload_image", "upload_video"), ("read_file", "get_ad_account_token")),
    "create_campaign": _ACCOUNT,
    "create_adset": ("create_campaign",),
    "create_creative": (*_COPY, *_FILES),
    "create_ad": ("create_adset", "create_creative", *_COPY, *_FILES),
    # The last look: at what the creates of all levels left.
    **dict.fromkeys(("read_campaign", "list_adsets", "list_ads"), _CREATED),
}
# The record of the campaign, told once its caller has the answer.
AFTERWARDS = frozenset(
    ("web_platform", operation) for operation in ("get_campaigns", "create_campaign", "update_campaign")
)
_BATCH = "batch"  # the request around the items, which are recorded themselves


class Node(NamedTuple):
    """One request on the wire: its platform, and the operations that it carries."""

    platform: str
    operations: frozenset[str]


class Waits(NamedTuple):
    """The seconds of the chain and those with any call under way, and the number of requests."""

    chain: float
    under_way: float
    requests: int


def waits(calls: Calls, latency_ms: Mapping[str, float]) -> Waits:
    """Return the waits of one creation, of which all `calls` are. KeyError for an operation without a place
    in NEEDS."""
    needed = [call for call in calls if (call["platform"], call["operation"]) not in AFTERWARDS]
    nodes = set(_nodes(needed))
    requests = sum(not call["batch"] for call in calls)
    return Waits(_longest(nodes, latency_ms) / 1000, under_way(needed, latency_ms), requests)


def _nodes(calls: Calls) -> Iterable[Node]:
    batches: dict[int, set[str]] = {}
    for call in calls:
        if call["batch"]:
            batches.setdefault(call["batch"], set()).add(call["operation"])
        elif call["operation"] != _BATCH:
            yield Node(call["platform"], frozenset({call["operation"]}))
    for operations in batches.values():
        yield Node("meta", frozenset(operations))


def _longest(nodes: set[Node], latency_ms: Mapping[str, float]) -> float:
    @cache
    def until(node: Node) -> float:
        # A batch's item may refer to an earlier item's answer and waits for nothing then.
        wanted = {need for operation in node.operations for need in NEEDS[operation]} - node.operations
        before = [until(other) for other in nodes if other.operations & wanted and other != node]
        return max(before, default=0) + latency_ms.get(node.platform, 0)

    return max(map(until, nodes), default=0)


def under_way(calls: Calls, latency_ms: Mapping[str, float]) -> float:
    """Return the seconds in which at least one call waits for its answer."""
    spans = sorted(
        (begun := datetime.fromisoformat(call["time"]), begun + _latency(call, latency_ms))
        for call in calls
        if not call["batch"]
    )
    total, until = timedelta(), datetime.min.replace(tzinfo=spans[0][0].tzinfo)
    for begun, ended in spans:
        total += max(ended, until) - max(begun, until)
        until = max(ended, until)
    return total.total_seconds()


def _latency(call: Mapping[str, Any], latency_ms: Mapping[str, float]) -> timedelta:
    return timedelta(milliseconds=latency_ms.get(call["platform"], 0))


def one_after_another(calls: Calls, objects: Mapping[str, int], latency_ms: Mapping[str, float]) -> float:
    """Return the seconds of the calls in sequence, each object in a request of its own and a text per ad."""
    single = Counter((call["platform"], call["operation"]) for call in calls if call["operation"] != _BATCH)
    for (platform, operation), _ in list(single.items()):
        if operation in objects and platform != "web_platform":
            single[platform, operation] = objects[operation]
    return sum(count * latency_ms.get(platform, 0) for (platform, _), count in single.items()) / 1000
