"""TikTok's Business API on the wire: envelopes opened, failures as our errors, every call counted."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import httpx

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.common.calls import CONNECT_SECONDS, without_usable_body
from campaign_automation.adapters.common.pages import Pages
from campaign_automation.adapters.common.reading import count_of
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.limits.limit import Kind
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.errors import OK, PARTLY_DONE, is_per_second, translate, unavailable
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.utils.retry_strategy import with_retries
from campaign_automation.utils.tls import ssl_context
from campaign_automation.utils.validation import json_of, words_of

Send = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


class Answer(NamedTuple):
    """The `data` member of an envelope, and the platform's id of the request.

    Of a change that was done in part, `problem` is the platform's message.
    """

    data: Any
    request_id: str | None
    problem: str | None = None


class TikTokWire:
    """Calls of the Business API. Each write is sent once; reads may be asked again by the caller.

    A call beyond the app's calls per second is no failure: it waits a second and goes on, three times.
    """

    def __init__(self, api_url: str, timeout_seconds: float, calls: Calls | None = None) -> None:
        self._calls = calls or Calls(PLATFORM)
        self._url = api_url.rstrip("/")
        self._timeout = httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS)

    async def get(self, access: Access, operation: str, path: str, params: facts.Params) -> facts.Params:
        """Read, and return the `data` of the answer."""
        # Lists and objects are JSON inside the query.
        query = {"advertiser_id": access.platform_account_id} | {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()
        }

        async def send(http: httpx.AsyncClient) -> httpx.Response:
            return await http.get(f"{self._url}/{path}/", params=query, headers=_token(access))

        answer = await self._call(access, operation, send, "read")
        if answer.problem is not None:
            # An object that a part of a list does not show is not deleted.
            raise unavailable(f"tiktok: {path} was answered in part ({answer.problem})")
        if not isinstance(answer.data, dict):
            raise unavailable(f"tiktok: {path} answered with a list instead of an object")
        return answer.data

    async def get_all(
        self, access: Access, operation: str, path: str, params: facts.Params
    ) -> list[facts.Params]:
        """Read every page of a list."""
        pages = Pages(PLATFORM, operation)
        items: list[facts.Params] = []
        page = 1
        while True:
            paged = {**params, "page": page, "page_size": facts.PAGE_SIZE}
            data = await self.get(access, operation, path, paged)
            rows = _rows(data, path)
            items += rows
            if not _goes_on(data, page, len(rows)):
                break
            page += 1
            pages.turn_to(page)
        if not items and _counted(data):
            raise unavailable(f"tiktok: {path} counts {_counted(data)} objects and shows none")
        return items

    async def post(self, access: Access, operation: str, path: str, body: facts.Params) -> Any:
        """Write, and return the `data` of the answer: an object, or a list for an uploaded video.

        A partial success is no error here: its data names the objects that were left alone.
        """
        return (await self.change(access, operation, path, body)).data

    async def change(self, access: Access, operation: str, path: str, body: facts.Params) -> Answer:
        """Write, and return the answer with the id of the request."""
        content = {"advertiser_id": access.platform_account_id, **body}
        return await self._call(
            access,
            operation,
            lambda http: http.post(f"{self._url}/{path}/", json=content, headers=_token(access)),
        )

    async def upload(
        self, access: Access, operation: str, path: str, fields: Mapping[str, str], part: str, content: bytes
    ) -> Any:
        """Send a file as multipart, and return the `data` of the answer; `part` is the name of its field."""
        form = {"advertiser_id": access.platform_account_id, **fields}
        files = {part: (fields["file_name"], content)}
        answer = await self._call(
            access,
            operation,
            lambda http: http.post(f"{self._url}/{path}/", data=form, files=files, headers=_token(access)),
        )
        return answer.data

    async def _call(self, access: Access, operation: str, send: Send, kind: Kind = "write") -> Answer:
        async def attempt() -> Answer:
            # The client is there before the call's turn: TikTok counts calls when they arrive.
            async with (
                self._client() as http,
                self._calls.made(access.platform_account_id, operation, kind),
            ):
                return await _answer(http, send)

        # A call over the limit per second was refused before TikTok acted: creates may be sent again.
        return await with_retries(attempt, what=operation, is_retryable=is_per_second)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=self._timeout, verify=ssl_context())


async def _answer(http: httpx.AsyncClient, send: Send) -> Answer:
    try:
        answer = await send(http)
    except httpx.TimeoutException as error:
        raise unavailable("tiktok: no answer in time") from error
    except httpx.HTTPError as error:
        raise unavailable(f"tiktok: the connection failed ({type(error).__name__})") from error
    return opened(answer)


def _rows(data: facts.Params, path: str) -> list[Any]:
    """The rows of a page. A missing list is an empty one only where the page counts no rows."""
    rows = data.get("list")
    if isinstance(rows, list):
        return rows
    if rows is None and _told(data, "total_number") == 0:
        return []
    raise unavailable(f"tiktok: {path} answered without its list")


def _goes_on(data: facts.Params, page: int, rows: int) -> bool:
    """Return whether a page follows; a full page without a count may have one."""
    total = _told(data, "total_page")
    return rows >= facts.PAGE_SIZE if total is None else page < total


def _counted(data: facts.Params) -> int:
    """The number of rows that a list says it has; 0 where it does not say."""
    return _told(data, "total_number") or 0


def _told(data: facts.Params, name: str) -> int | None:
    """A count of the list's pages or rows."""
    info = data.get("page_info")
    return count_of(info.get(name)) if isinstance(info, Mapping) else None


def opened(answer: httpx.Response) -> Answer:
    """Open the envelope {code, message, request_id, data}. Raises PlatformError for any code of failure."""
    # HTTP 200 does not mean success: TikTok answers it to refusals as well.
    try:
        body = json_of(answer.content)
    except ValueError:
        body = None
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(code, int) or isinstance(code, bool):
        raise without_usable_body(PLATFORM, answer.status_code, answer.headers.get("retry-after"))
    if code not in (OK, PARTLY_DONE):
        raise translate(body)
    data = body.get("data") or {}
    if not isinstance(data, dict | list):
        raise unavailable("tiktok: an answer whose data is no object")
    problem = (words_of(body.get("message")) or "done in part") if code == PARTLY_DONE else None
    return Answer(data, words_of(body.get("request_id")), problem)


def _token(access: Access) -> dict[str, str]:
    return {"Access-Token": access.token.get_secret_value()}
