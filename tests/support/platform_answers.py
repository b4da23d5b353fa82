"""Answers of the platforms, recorded from the sandbox, spoiled and played back to the adapters.

Recording keeps what a wire got, below its transport: JSON bodies of Meta, `data` of TikTok's envelopes and
messages of Google. Playing gives the same answers again, with fields missing or set to something else.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import httpx
import requests
from facebook_business.api import FacebookAdsApi
from requests.adapters import HTTPAdapter

from campaign_automation.adapters.base import Access, PlatformAdapter
from campaign_automation.adapters.google.errors import unavailable as google_unavailable
from campaign_automation.utils.tls import ssl_context

MISSING = "(missing)"
_INT64 = 2**63 - 1
Path = tuple[Any, ...]
# Values that a field may hold instead of those that the vendor documents.
JSON_SPOILS: tuple[Any, ...] = (
    MISSING, None, "", "UNKNOWN_WORD", "-", "NaN", "1e9999", "2026-13-45", 7, -1, 1.5, 10**30, True,
    [], {}, [None], ["x"], {"x": 1}, [{"x": 1}], "\ud83d", "shoes \ude00\ud83d", {"\ud83d": "\ud83d"},
)  # fmt: skip
MESSAGE_SPOILS = (MISSING, "odd", "extreme")
# Pages have rules of their own: an answer with a broken end of its pages is not a broken row.
_PAGING = {"paging", "page_info"}


class Spoil(NamedTuple):
    """One field of one answer, and what it holds instead."""

    answer: int
    path: Path
    value: Any


class Recorded(NamedTuple):
    """The answers of one operation in their order, each with the key that asks for it."""

    answers: list[tuple[str, Any]]

    def paths(self) -> list[tuple[int, Path]]:
        """Every field of every answer, the whole answer included."""
        return [
            (number, path) for number, (_, answer) in enumerate(self.answers) for path in paths_of(answer)
        ]

    def spoiled(self, spoils: Sequence[Spoil]) -> Recorded:
        answers = [(key, _copy(answer)) for key, answer in self.answers]
        for spoil in spoils:
            key, answer = answers[spoil.answer]
            answers[spoil.answer] = (key, apply(answer, spoil.path, spoil.value))
        return Recorded(answers)


class NoAnswerError(Exception):
    """Nothing was recorded for a call, which spoiled answers may well lead to."""


class _Player:
    """The answers by key, each key's in their order, the last one again and again."""

    def __init__(self, recorded: Recorded) -> None:
        self._left: dict[str, list[Any]] = {}
        for key, answer in recorded.answers:
            self._left.setdefault(key, []).append(answer)

    def next(self, key: str) -> Any:
        waiting = self._left.get(key)
        if waiting is None:
            raise NoAnswerError(f"no answer was recorded for {key}")
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


# --- fields of answers -------------------------------------------------------------------------------------


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all fields: keys and positions of JSON, fields and positions of messages."""
    yield path
    if hasattr(value, "DESCRIPTOR"):
        for field, content in value.ListFields():
            yield from paths_of(content, (*path, field.name))
    elif isinstance(value, Mapping):
        for name, content in value.items():
            if name not in _PAGING:
                yield from paths_of(content, (*path, name))
    elif not isinstance(value, str | bytes) and hasattr(value, "__len__"):
        for position, content in enumerate(value):
            yield from paths_of(content, (*path, position))


def apply(answer: Any, path: Path, value: Any) -> Any:
    """The answer with one field replaced; a path that an earlier replacement cut off changes nothing."""
    if hasattr(answer, "DESCRIPTOR"):
        _spoil_message(answer, path, value)
        return answer
    if not path:
        return None if value == MISSING else copy.deepcopy(value)
    parent = answer
    for step in path[:-1]:
        try:
            parent = parent[step]
        except (LookupError, TypeError):
            return answer
    if isinstance(parent, dict) and path[-1] in parent and value == MISSING:
        del parent[path[-1]]
    elif isinstance(parent, dict) or (
        isinstance(parent, list) and isinstance(path[-1], int) and path[-1] < len(parent)
    ):
        parent[path[-1]] = None if value == MISSING else copy.deepcopy(value)
    return answer


def _spoil_message(message: Any, path: Path, value: str) -> None:
    """Spoil the field at `path`, or clear the message there."""
    owner, left = message, list(path)
    while left:
        content = getattr(owner, left[0])
        field = owner.DESCRIPTOR.fields_by_name[left[0]]
        if len(left) > 1 and isinstance(left[1], int):  # one of several
            if left[1] >= len(content) or not hasattr(content[left[1]], "DESCRIPTOR"):
                owner.ClearField(left[0])
                return
            owner, left = content[left[1]], left[2:]
        elif value != MISSING and len(left) == 1 and not hasattr(content, "DESCRIPTOR"):
            _set_odd(owner, field, extreme=value == "extreme")
            return
        elif len(left) == 1:
            owner.ClearField(left[0])
            return
        else:
            owner, left = content, left[1:]
    owner.Clear()


def _set_odd(owner: Any, field: Any, *, extreme: bool) -> None:
    odd = {
        field.TYPE_STRING: "9" * 400 if extreme else "UNKNOWN_WORD",
        field.TYPE_ENUM: 999_999 if extreme else 0,
        field.TYPE_BOOL: extreme,
        field.TYPE_DOUBLE: math.inf if extreme else math.nan,
        field.TYPE_INT64: _INT64 if extreme else -7,
        field.TYPE_INT32: 2**31 - 1 if extreme else -7,
        field.TYPE_BYTES: b"\xff" if extreme else b"",
    }
    if field.type not in odd:
        owner.ClearField(field.name)
    elif field.label == field.LABEL_REPEATED:
        getattr(owner, field.name).append(odd[field.type])
    else:
        setattr(owner, field.name, odd[field.type])


def _copy(answer: Any) -> Any:
    if not hasattr(answer, "DESCRIPTOR"):
        return copy.deepcopy(answer)
    new = type(answer)()
    new.CopyFrom(answer)
    return new


# --- the wires ---------------------------------------------------------------------------------------------


def record(platform: str, adapter: PlatformAdapter) -> Recorded:
    """Keep in what is returned whatever the adapter gets from now on."""
    recorded = Recorded([])
    _RECORD[platform](_wire(adapter), recorded.answers)
    return recorded


def play(platform: str, adapter: PlatformAdapter, recorded: Recorded) -> None:
    """Answer the adapter's calls from `recorded`."""
    _PLAY[platform](_wire(adapter), _Player(recorded))


def _wire(adapter: PlatformAdapter) -> Any:
    return adapter._wire  # type: ignore[attr-defined]


class _MetaRecorder(HTTPAdapter):
    def __init__(self, kept: list[tuple[str, Any]]) -> None:
        super().__init__()
        self._kept = kept

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        answer = super().send(request, **options)
        body = answer.json()
        if _key_of(request) == "POST batch":
            body = [item and item | {"body": json.loads(item["body"])} for item in body]
        self._kept.append((_key_of(request), body))
        return answer


class _MetaPlayer(HTTPAdapter):
    def __init__(self, player: _Player) -> None:
        super().__init__()
        self._player = player

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        try:
            body = self._player.next(_key_of(request))
        except NoAnswerError as error:
            raise requests.exceptions.ConnectionError(str(error)) from None
        if isinstance(body, list) and _key_of(request) == "POST batch":
            body = [_item_with_text(item) for item in body]
        answer = requests.Response()
        answer.status_code, answer._content, answer.request = 200, json.dumps(body).encode(), request
        answer.url = request.url or ""
        return answer


def _item_with_text(item: Any) -> Any:
    if isinstance(item, dict) and not isinstance(item.get("body"), str | None):
        return item | {"body": json.dumps(item["body"])}
    return item


def _key_of(request: requests.PreparedRequest) -> str:
    parts = str(request.path_url).partition("?")[0].strip("/").split("/")[2:]
    edge = parts[-1] if len(parts) > 1 else "node" if parts else "batch"
    return f"{request.method} {edge}"


def mount(wire: Any, transport: HTTPAdapter) -> None:
    def api_for(access: Access) -> FacebookAdsApi:
        api = type(wire)._make_api(wire, access)
        for scheme in ("http://", "https://"):
            api._session.requests.session.mount(scheme, transport)
        return api

    wire._api_for = api_for


class _TikTokRecorder(httpx.AsyncClient):
    """Keeps the `data` of every envelope by method and path."""

    kept: list[tuple[str, Any]]

    async def request(self, method: str, url: Any, **options: Any) -> httpx.Response:
        # In the order of the requests, in which the player hands out what it has.
        position, key = len(self.kept), _path_key(method, url)
        self.kept.append((key, None))
        answer = await super().request(method, url, **options)
        self.kept[position] = (key, answer.json().get("data"))
        return answer


def _answering(player: _Player) -> httpx.AsyncClient:
    def handle(request: httpx.Request) -> httpx.Response:
        try:
            data = player.next(_path_key(request.method, str(request.url).partition("?")[0]))
        except NoAnswerError as error:
            raise httpx.ConnectError(str(error)) from None
        body = {"code": 0, "message": "OK", "request_id": "1", "data": data}
        return httpx.Response(200, text=json.dumps(body))

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


def _path_key(method: str, url: Any) -> str:
    return f"{method} {str(url).partition('/v1.3/')[2]}"


def _record_tiktok(wire: Any, kept: list[tuple[str, Any]]) -> None:
    def client() -> httpx.AsyncClient:
        http = _TikTokRecorder(verify=ssl_context())
        http.kept = kept
        return http

    wire._client = client


def _play_tiktok(wire: Any, player: _Player) -> None:
    wire._client = lambda: _answering(player)


class _GoogleRecorder:
    def __init__(self, client: Any, kept: list[tuple[str, Any]]) -> None:
        self._client, self._kept = client, kept

    def search(self, request: Any, **call: Any) -> Any:
        pages = list(self._client.search(request=request, **call).pages)
        self._kept += [(_query_key(request.query), page) for page in pages]
        return _Pages(pages)

    def mutate(self, request: Any, **call: Any) -> Any:
        answer = self._client.mutate(request=request, **call)
        self._kept.append(("mutate", answer))
        return answer


class _GooglePlayer:
    def __init__(self, player: _Player) -> None:
        self._player = player

    def search(self, request: Any, **call: Any) -> Any:
        return _Pages([self._next(_query_key(request.query))])

    def mutate(self, request: Any, **call: Any) -> Any:
        return self._next("mutate")

    def _next(self, key: str) -> Any:
        try:
            return self._player.next(key)
        except NoAnswerError as error:
            raise google_unavailable(str(error)) from None


class _Pages(NamedTuple):
    pages: list[Any]


def _query_key(query: str) -> str:
    """The selected fields, which tell our queries apart."""
    return query.partition(" WHERE ")[0]


def _record_google(wire: Any, kept: list[tuple[str, Any]]) -> None:
    wire._get_client = lambda: _GoogleRecorder(type(wire)._get_client(wire), kept)


def _play_google(wire: Any, player: _Player) -> None:
    wire._get_client = lambda: _GooglePlayer(player)


_RECORD: dict[str, Callable[[Any, list[tuple[str, Any]]], None]] = {
    "meta": lambda wire, kept: mount(wire, _MetaRecorder(kept)),
    "tiktok": _record_tiktok,
    "google": _record_google,
}
_PLAY: dict[str, Callable[[Any, _Player], None]] = {
    "meta": lambda wire, player: mount(wire, _MetaPlayer(player)),
    "tiktok": _play_tiktok,
    "google": _play_google,
}
