"""Meta's Graph API on the wire: the SDK in a thread, its failures as ours, every call counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests
from facebook_business.api import FacebookAdsApi, FacebookResponse
from facebook_business.exceptions import FacebookError
from facebook_business.session import FacebookSession
from requests.adapters import HTTPAdapter

from campaign_automation.adapters.base import Access, Outcome, failed
from campaign_automation.adapters.common.calls import CONNECT_SECONDS, without_usable_body
from campaign_automation.adapters.common.listings import chunks
from campaign_automation.adapters.common.pages import Pages
from campaign_automation.adapters.common.reading import id_or_none, listed
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.limits.limit import Kind
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.common_batches import CommonBatches
from campaign_automation.adapters.meta.errors import is_too_much, translate, unavailable
from campaign_automation.adapters.meta.facts import PLATFORM
from campaign_automation.adapters.meta.usage import Usage, usage_of
from campaign_automation.utils.error_handler import PlatformError, PlatformUnavailableError
from campaign_automation.utils.event_loop import WAITING_THREADS, in_thread
from campaign_automation.utils.observability import platform_call
from campaign_automation.utils.validation import json_of

T = TypeVar("T")
Call = tuple[str, tuple[str, ...], facts.Params]  # method, path, parameters
Send = Callable[[Access, str, Mapping[str, Call]], Awaitable[list[Outcome]]]  # by operation and tag

CONCURRENT_CALLS = 4  # each takes a thread
_TRACE_HEADER = "x-fb-trace-id"


class Item(NamedTuple):
    """One call of a batch. Later items of it may refer to the answer of one that `is_named`, by its tag."""

    operation: str
    call: Call
    is_named: bool = False


def reference(tag: str) -> str:
    """Return the text that stands for the id of the item of this tag within its batch."""
    return f"{{result={tag}:$.id}}"


class MetaWire:
    """Calls of the Graph API; `app` is the platform's secret, `graph_url` a sandbox's in tests."""

    def __init__(
        self,
        app: Callable[[], Mapping[str, Any]],
        graph_url: str,
        api_version: str,
        timeout_seconds: float,
        calls: Calls | None = None,
    ) -> None:
        self._calls = calls or Calls(PLATFORM)
        self._usage: dict[str, Usage] = {}  # by account, as the last answer told it
        self._app = app
        self._graph_url = graph_url
        self._version = api_version
        self._timeout = (CONNECT_SECONDS, timeout_seconds)
        self._api_for = lru_cache(maxsize=16)(self._make_api)
        self._common_for = lru_cache(maxsize=16)(self._make_common)

    async def get(self, access: Access, operation: str, node: str, fields: str) -> dict[str, Any]:
        """One node with its fields; edges may be expanded in them."""

        def read(api: FacebookAdsApi) -> dict[str, Any]:
            data: dict[str, Any] = api.call("GET", (node, ""), params={"fields": fields}).body()
            return data

        return await self.run(access, operation, read, "read")

    async def get_each(
        self, access: Access, operation: str, nodes: Sequence[str], fields: str
    ) -> dict[str, dict[str, Any] | PlatformError]:
        """Nodes with their fields, in one batch; the error of a node stands in the place of its fields."""
        lost = unavailable("meta: no answer for an item of the batch")
        found: dict[str, dict[str, Any] | PlatformError] = dict.fromkeys(nodes, lost)
        query = urlencode({"fields": fields}, quote_via=quote)  # once, where the SDK quotes it for each node

        def read(api: FacebookAdsApi) -> None:
            batch = api.new_batch()
            for node in nodes:
                batch.add("GET", f"{node}?{query}", **_readers(node, found))
            batch.execute()

        await self.run(access, "batch", read, "read", count=len(nodes))
        for answer in found.values():
            platform_call(PLATFORM, operation, answer.code if isinstance(answer, PlatformError) else "ok")
        return found

    async def get_all(
        self, access: Access, operation: str, node: str, edge: str, params: facts.Params
    ) -> list[dict[str, Any]]:
        """Every page of an edge; a page that is too large for Meta is asked for by halves."""
        pages = Pages(PLATFORM, operation)
        read = lambda api: _all_pages(api, pages, (node, edge), params)  # noqa: E731
        try:
            return await self.run(access, operation, read, "read")
        finally:
            self._calls.spend(access.platform_account_id, pages.turned)

    async def send_all(self, access: Access, operation: str, calls: Mapping[str, Call]) -> list[Outcome]:
        """One outcome per call, in order. A lone call needs no batch."""
        if len(calls) == 1:
            return [await self.send(access, operation, tag, call) for tag, call in calls.items()]
        outcomes: list[Outcome] = []
        for tags in chunks(list(calls), facts.BATCH_LIMIT):
            outcomes += await self.send_items(access, {tag: Item(operation, calls[tag]) for tag in tags})
        return outcomes

    async def send_apart(self, access: Access, operation: str, calls: Mapping[str, Call]) -> list[Outcome]:
        """One outcome per call, for calls that may not share a batch: a few at a time, each alone or together
        with those of other callers."""
        common = self._common_for(access)
        return await common.send({tag: Item(operation, call) for tag, call in calls.items()})

    def _make_common(self, access: Access) -> CommonBatches[Item]:
        return CommonBatches(partial(self.send_items, access), facts.BATCH_LIMIT, CONCURRENT_CALLS)

    async def send(self, access: Access, operation: str, tag: str, call: Call) -> Outcome:
        method, path, params = call

        def send(api: FacebookAdsApi) -> Outcome:
            return _success(tag, api.call(method, path, params=params))

        try:
            return await self.run(access, operation, send)
        except PlatformError as error:
            return failed(tag, error)

    async def send_items(self, access: Access, items: Mapping[str, Item]) -> list[Outcome]:
        """Send one batch, and return one outcome per item, in order."""
        if len(items) == 1:
            return [await self.send(access, item.operation, tag, item.call) for tag, item in items.items()]

        def send(api: FacebookAdsApi) -> dict[str, Outcome]:
            outcomes: dict[str, Outcome] = {}
            batch = api.new_batch()
            for tag, item in items.items():
                method, path, params = item.call
                added = batch.add(method, path, params=params, **_callbacks(tag, outcomes))
                if item.is_named:
                    # Meta leaves out the answer of a named item unless it is told otherwise.
                    added.update(name=tag, omit_response_on_success=False)
            batch.execute()
            return outcomes

        lost: PlatformError = unavailable("meta: no answer for an item of the batch")
        try:
            outcomes = await self.run(access, "batch", send, count=len(items))
        except PlatformError as error:
            outcomes, lost = {}, error
        for tag, outcome in outcomes.items():
            code = "ok" if outcome.error is None else outcome.error.code
            platform_call(PLATFORM, items[tag].operation, code)
        # An item that the platform answered with null may have been made.
        return [outcomes.get(tag, failed(tag, lost)) for tag in items]

    async def run(
        self,
        access: Access,
        operation: str,
        work: Callable[[FacebookAdsApi], T],
        kind: Kind = "write",
        count: int = 1,
    ) -> T:
        """Do `work` in a thread, since the SDK is synchronous; its exceptions are translated and counted."""
        api, account = self._api_for(access), access.platform_account_id
        async with self._calls.made(account, operation, kind, count):
            answer = await in_thread(_translated, work, api)
        if (usage := self._usage.pop(account, None)) is not None:
            await self._calls.saw_usage(account, usage.account)
            await self._calls.saw_usage(account, usage.app, of_app=True)
        return answer

    def _make_api(self, access: Access) -> FacebookAdsApi:
        app = self._app()
        session = FacebookSession(
            app_id=app.get("app_id"),
            app_secret=app.get("app_secret"),
            access_token=access.token.get_secret_value(),
            timeout=self._timeout,
        )
        session.GRAPH = self._graph_url
        _take_environment_once(session.requests, self._graph_url)
        # A connection for each thread: requests keeps ten of them, and would make the others anew each time.
        for scheme in ("https://", "http://"):
            session.requests.mount(scheme, HTTPAdapter(pool_maxsize=WAITING_THREADS))
        session.requests = _Requests(session.requests, partial(self._note_usage, access.platform_account_id))
        return FacebookAdsApi(session, api_version=self._version)

    def _note_usage(self, account: str, answer: requests.Response) -> None:
        if (usage := usage_of(_by_name(answer.headers))) is not None:
            self._usage[account] = usage


def _take_environment_once(session: requests.Session, url: str) -> None:
    """Set the environment's proxies and certificates for `url`: looked for at each request, as requests does,
    they take a third of what it costs."""
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify, session.cert = found["proxies"], found["verify"], found["cert"]
    session.trust_env = False


class _Answer(NamedTuple):
    """The part of an answer that the SDK reads. It takes `text` as JSON, or as the value of it."""

    text: Any
    headers: Mapping[str, str]
    status_code: int


class _Requests:
    """The requests of the SDK's session: each answer is noted, refused where it is a failure, and parsed
    once."""

    def __init__(self, session: requests.Session, note: Callable[[requests.Response], None]) -> None:
        self.session = session
        self._note = note

    def request(self, method: str, url: str, **options: Any) -> _Answer:
        answer = self.session.request(method, url, **options)
        self._note(answer)
        return _Answer(_value_of(answer), answer.headers, answer.status_code)


def _value_of(answer: requests.Response) -> Any:
    """Return the JSON of an answer. Raises the PlatformError of one that is a failure."""
    # The SDK's own exception cannot be made from some of Meta's bodies (`error_data` of "" or null), and a
    # proxy's HTML is a success to it.
    try:
        body = json_of(answer.content)
    except ValueError:
        body = None
    is_failure = answer.status_code >= 400 or not isinstance(body, dict | list)
    if is_failure or (isinstance(body, dict) and body.get("error")):
        raise _platform_error(body, answer.status_code, answer.headers)
    return list(map(_with_object, body)) if isinstance(body, list) else body


def _with_object(item: Any) -> dict[str, Any] | None:
    """Return an item of a batch with the object in its body, None for any other body; None for no item."""
    if not isinstance(item, dict):
        return None
    body = item.get("body")
    try:
        body = json_of(body) if isinstance(body, str) else body
    except ValueError:
        body = None
    # The SDK breaks at a number, and with it the whole batch.
    return {**item, "body": body if isinstance(body, dict) else None}


def _translated(work: Callable[[FacebookAdsApi], T], api: FacebookAdsApi) -> T:
    try:
        return work(api)
    except requests.exceptions.Timeout as error:
        raise unavailable("meta: no answer in time") from error
    except requests.exceptions.RequestException as error:
        # Its text quotes the URL with the token, so only its name goes on.
        raise unavailable(f"meta: the connection failed ({type(error).__name__})") from None
    except (FacebookError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise unavailable("meta: the answer could not be read") from error


def _platform_error(body: Any, http_status: int | None, headers: Any) -> PlatformError:
    lowered = _by_name(headers)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return without_usable_body(PLATFORM, http_status, lowered.get("retry-after"))
    return translate(error, http_status, lowered)


def _callbacks(tag: str, outcomes: dict[str, Outcome]) -> dict[str, Callable[[FacebookResponse], None]]:
    def success(answer: FacebookResponse) -> None:
        outcomes[tag] = _success(tag, answer)

    def failure(answer: FacebookResponse) -> None:
        error = _platform_error(answer.body(), answer.status(), answer.headers())
        outcomes[tag] = failed(tag, error)

    return {"success": success, "failure": failure}


def _readers(
    node: str, found: dict[str, dict[str, Any] | PlatformError]
) -> dict[str, Callable[[FacebookResponse], None]]:
    def success(answer: FacebookResponse) -> None:
        if isinstance(body := answer.body(), dict):
            found[node] = body

    def failure(answer: FacebookResponse) -> None:
        found[node] = _platform_error(answer.body(), answer.status(), answer.headers())

    return {"success": success, "failure": failure}


def _by_name(headers: Any) -> dict[str, str]:
    """Headers by lower-case name; the items of a batch have them as a list, or not at all."""
    if isinstance(headers, Mapping):
        return {str(name).lower(): str(value) for name, value in headers.items()}
    items = headers if isinstance(headers, list) else []
    entries = [item for item in items if isinstance(item, dict)]
    return {str(item.get("name")).lower(): str(item.get("value")) for item in entries}


def _success(tag: str, answer: FacebookResponse) -> Outcome:
    """The outcome of a call that worked; an update or delete answers no id, and its tag is the id."""
    body = answer.body()
    if not isinstance(body, dict):
        return Outcome(tag, error=unavailable("meta: an answer that is no object"))
    # The tag of a create is no id, so that one which is answered without its id is found to have none.
    platform_id = id_or_none({"id": body.get("id", tag)}, "id")
    if platform_id is None or body.get("success", True) is not True:
        return Outcome(tag, error=unavailable("meta: an answer without an id or a success"))
    return Outcome(tag, platform_id, request_id=_by_name(answer.headers()).get(_TRACE_HEADER))


def _all_pages(
    api: FacebookAdsApi, pages: Pages, path: tuple[str, str], params: facts.Params
) -> list[dict[str, Any]]:
    page = {"fields": "id,name", **params}
    items: list[dict[str, Any]] = []
    while True:
        try:
            data = api.call("GET", path, params=page).body()
        except PlatformUnavailableError as error:
            if not is_too_much(error) or page.get("limit", 1) <= 1:
                raise
            page["limit"] //= 2
            pages.turn_to(("limit", page["limit"], page.get("after")))
            continue
        items += listed(data, "data")
        after = _next_cursor(data.get("paging") or {}, pages)
        if after is None:
            return items
        pages.turn_to(after)
        page["after"] = after


def _next_cursor(paging: Mapping[str, Any], pages: Pages) -> str | None:
    """The cursor of the next page; None after the last one, which has no next link."""
    link = paging.get("next")
    if not link:
        return None
    # An empty page has a next link without cursors beside it.
    after = (paging.get("cursors") or {}).get("after") or parse_qs(urlsplit(link).query).get("after", [""])[0]
    if not after:
        raise pages.without_cursor()
    return str(after)
