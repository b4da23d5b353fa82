"""Meta's Graph API on the wire: the SDK in a thread, its failures as ours, every call counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import requests
from facebook_business.api import FacebookAdsApi, FacebookResponse
from facebook_business.exceptions import FacebookError, FacebookRequestError
from facebook_business.session import FacebookSession

from campaign_automation.adapters.base import Access, Outcome, failed
from campaign_automation.adapters.common.calls import CONNECT_SECONDS, counted
from campaign_automation.adapters.common.listings import chunks
from campaign_automation.adapters.common.reading import id_or_none
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.errors import translate, unavailable
from campaign_automation.adapters.meta.facts import PLATFORM
from campaign_automation.utils.error_handler import PlatformError
from campaign_automation.utils.observability import platform_call

T = TypeVar("T")
Call = tuple[str, tuple[str, ...], facts.Params]  # method, path, parameters

_CONCURRENT_CALLS = 4  # per process; Meta counts calls per ad account
_TRACE_HEADER = "x-fb-trace-id"


class _Api(FacebookAdsApi):  # type: ignore[misc]  # the SDK has no types
    """The SDK's client, for which a 5xx with an HTML body is a fault and not a success as in the SDK."""

    def call(self, *args: Any, **kwargs: Any) -> FacebookResponse:
        answer = super().call(*args, **kwargs)
        if answer.status() >= 400 or not isinstance(answer.json(), dict | list):
            raise unavailable(f"meta: HTTP {answer.status()} without a usable answer")
        return answer


class MetaWire:
    """Calls of the Graph API; `app` is the platform's secret, `graph_url` a sandbox's in tests."""

    def __init__(
        self, app: Callable[[], Mapping[str, Any]], graph_url: str, api_version: str, timeout_seconds: float
    ) -> None:
        self._app = app
        self._graph_url = graph_url
        self._version = api_version
        self._timeout = (CONNECT_SECONDS, timeout_seconds)
        self._api_for = lru_cache(maxsize=16)(self._make_api)

    async def get(self, access: Access, operation: str, node: str, fields: str) -> dict[str, Any]:
        """One node with its fields; edges may be expanded in them."""

        def read(api: FacebookAdsApi) -> dict[str, Any]:
            data: dict[str, Any] = api.call("GET", (node, ""), params={"fields": fields}).json()
            return data

        return await self.run(access, operation, read)

    async def get_all(
        self, access: Access, operation: str, node: str, edge: str, params: facts.Params
    ) -> list[dict[str, Any]]:
        """Every page of an edge."""
        return await self.run(access, operation, lambda api: _all_pages(api, node, edge, params))

    async def send_all(self, access: Access, operation: str, calls: Mapping[str, Call]) -> list[Outcome]:
        """One outcome per call, in order. A lone call needs no batch."""
        if len(calls) == 1:
            return [await self.send(access, operation, tag, call) for tag, call in calls.items()]
        outcomes: list[Outcome] = []
        for tags in chunks(list(calls), facts.BATCH_LIMIT):
            outcomes += await self._one_batch(access, operation, {tag: calls[tag] for tag in tags})
        return outcomes

    async def send_each(self, access: Access, operation: str, calls: Mapping[str, Call]) -> list[Outcome]:
        """One request per call, a few at a time, for calls that may not share a batch."""
        limit = asyncio.Semaphore(_CONCURRENT_CALLS)

        async def send(tag: str, call: Call) -> Outcome:
            async with limit:
                return await self.send(access, operation, tag, call)

        return await asyncio.gather(*(send(tag, call) for tag, call in calls.items()))

    async def send(self, access: Access, operation: str, tag: str, call: Call) -> Outcome:
        method, path, params = call

        def send(api: FacebookAdsApi) -> Outcome:
            return _success(tag, api.call(method, path, params=params))

        try:
            return await self.run(access, operation, send)
        except PlatformError as error:
            return failed(tag, error)

    async def _one_batch(self, access: Access, operation: str, calls: Mapping[str, Call]) -> list[Outcome]:
        def send(api: FacebookAdsApi) -> dict[str, Outcome]:
            outcomes: dict[str, Outcome] = {}
            batch = api.new_batch()
            for tag, (method, path, params) in calls.items():
                batch.add(method, path, params=params, **_callbacks(tag, outcomes))
            batch.execute()
            return outcomes

        lost: PlatformError = unavailable(f"meta: no answer for an item of the batch ({operation})")
        try:
            outcomes = await self.run(access, "batch", send)
        except PlatformError as error:
            outcomes, lost = {}, error
        for outcome in outcomes.values():
            platform_call(PLATFORM, operation, "ok" if outcome.error is None else outcome.error.code)
        # An item that the platform answered with null may have been made.
        return [outcomes.get(tag, failed(tag, lost)) for tag in calls]

    async def run(self, access: Access, operation: str, work: Callable[[FacebookAdsApi], T]) -> T:
        """Do `work` in a thread, since the SDK is synchronous; its exceptions are translated and counted."""
        api = self._api_for(access)
        with counted(PLATFORM, operation):
            return await asyncio.to_thread(_translated, work, api)

    def _make_api(self, access: Access) -> FacebookAdsApi:
        app = self._app()
        session = FacebookSession(
            app_id=app.get("app_id"),
            app_secret=app.get("app_secret"),
            access_token=access.token.get_secret_value(),
            timeout=self._timeout,
        )
        session.GRAPH = self._graph_url
        return _Api(session, api_version=self._version)


def _translated(work: Callable[[FacebookAdsApi], T], api: FacebookAdsApi) -> T:
    try:
        return work(api)
    except FacebookRequestError as error:
        raise _platform_error(error.body(), error.http_status(), error.http_headers()) from error
    except requests.exceptions.Timeout as error:
        raise unavailable("meta: no answer in time") from error
    except requests.exceptions.RequestException as error:
        # Its text quotes the URL with the token, so only its name goes on.
        raise unavailable(f"meta: the connection failed ({type(error).__name__})") from None
    except (FacebookError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise unavailable("meta: the answer could not be read") from error


def _platform_error(body: Any, http_status: int | None, headers: Iterable[Any] | None) -> PlatformError:
    lowered = {str(name).lower(): value for name, value in dict(headers or {}).items()}
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return unavailable(f"meta: HTTP {http_status} without an error body")
    return translate(error, http_status, lowered)


def _callbacks(tag: str, outcomes: dict[str, Outcome]) -> dict[str, Callable[[FacebookResponse], None]]:
    def success(answer: FacebookResponse) -> None:
        outcomes[tag] = _success(tag, answer)

    def failure(answer: FacebookResponse) -> None:
        error = _platform_error(answer.json(), answer.status(), _headers(answer))
        outcomes[tag] = failed(tag, error)

    return {"success": success, "failure": failure}


def _headers(answer: FacebookResponse) -> dict[str, str]:
    """Headers by lower-case name; the items of a batch have them as a list, or not at all."""
    headers = answer.headers() or {}
    if isinstance(headers, list):
        return {str(item["name"]).lower(): item["value"] for item in headers}
    return {str(name).lower(): value for name, value in headers.items()}


def _success(tag: str, answer: FacebookResponse) -> Outcome:
    """The outcome of a call that worked; an update or delete answers no id, and its tag is the id."""
    body = answer.json()
    if not isinstance(body, dict):
        return Outcome(tag, error=unavailable("meta: an answer that is no object"))
    # The tag of a create is no id, so that one which is answered without its id is found to have none.
    platform_id = id_or_none({"id": body.get("id", tag)}, "id")
    if platform_id is None or body.get("success", True) is not True:
        return Outcome(tag, error=unavailable("meta: an answer without an id or a success"))
    return Outcome(tag, platform_id, request_id=_headers(answer).get(_TRACE_HEADER))


def _all_pages(api: FacebookAdsApi, node: str, edge: str, params: facts.Params) -> list[dict[str, Any]]:
    fields = params.get("fields", "id,name")
    items: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = {**params, "fields": fields} | ({"after": after} if after else {})
        data = api.call("GET", (node, edge), params=page).json()
        items += data["data"]
        paging = data.get("paging", {})
        after = paging.get("cursors", {}).get("after")
        if "next" not in paging or not after:
            return items
