"""The Google Ads API on the wire: the vendor's client in a thread, its failures as ours, calls counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock, local
from typing import Any, TypeVar

import grpc
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.interceptors import ExceptionInterceptor, MetadataInterceptor
from google.ads.googleads.v26.services.services.google_ads_service import GoogleAdsServiceClient
from google.ads.googleads.v26.services.services.google_ads_service.transports import (
    GoogleAdsServiceGrpcTransport,
)
from google.ads.googleads.v26.services.types.google_ads_service import (
    MutateGoogleAdsRequest,
    SearchGoogleAdsRequest,
)
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.common.account_ids import platform_account_id
from campaign_automation.adapters.common.pages import Pages
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.errors import from_exception
from campaign_automation.adapters.google.facts import PLATFORM
from campaign_automation.adapters.google.messages import Operation
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.limits.limit import Kind
from campaign_automation.utils.error_handler import AccountError, ConfigurationError
from campaign_automation.utils.event_loop import in_thread

T = TypeVar("T")

ENDPOINT = "googleads.googleapis.com:443"
_INSECURE = "http://"
_MUTABLE_RESOURCE = 2  # ResponseContentType: the answer shows what was stored
_OPTIONS = [
    ("grpc.max_metadata_size", 16 * 1024 * 1024),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
]


class GoogleWire:
    """Calls over one channel for all accounts: the token travels with each call.

    `endpoint` is "host:port" for TLS, "http://host:port" for a channel without it (a sandbox).
    """

    def __init__(
        self,
        app: Callable[[], Mapping[str, Any]],
        endpoint: str | None,
        timeout_seconds: float,
        calls: Calls | None = None,
    ) -> None:
        self._calls = calls or Calls(PLATFORM)
        self._app = app
        self._endpoint = endpoint or ENDPOINT
        self._timeout = timeout_seconds
        self._client: GoogleAdsServiceClient | None = None
        self._lock = Lock()
        self._request_ids = _RequestIds()

    async def search(self, access: Access, operation: str, query: str) -> list[Any]:
        """Return every row of every page, as raw messages."""

        def read(client: GoogleAdsServiceClient, call: dict[str, Any]) -> list[Any]:
            request = SearchGoogleAdsRequest(customer_id=access.platform_account_id, query=query)
            pages = Pages(PLATFORM, operation)
            rows: list[Any] = []
            for page in client.search(request=request, **call).pages:
                rows += page.results
                if page.next_page_token:
                    pages.turn_to(page.next_page_token)
            return rows

        # Further pages are not counted. Source: "API limits and quotas".
        return await self._run(access, operation, read, "read")

    async def mutate(
        self, access: Access, operation: str, operations: Sequence[Operation]
    ) -> tuple[Any, str | None]:
        """Do all operations or none. Returns the raw response, with the objects as they were stored, and the
        request's id."""
        return await self._mutate(access, operation, operations, partial=False)

    async def mutate_each(
        self, access: Access, operation: str, operations: Sequence[Operation]
    ) -> tuple[Any, str | None]:
        """Do each operation that can be done. Returns the raw response and the request's id."""
        return await self._mutate(access, operation, operations, partial=True)

    async def _mutate(
        self, access: Access, operation: str, operations: Sequence[Operation], *, partial: bool
    ) -> tuple[Any, str | None]:
        def send(client: GoogleAdsServiceClient, call: dict[str, Any]) -> tuple[Any, str | None]:
            request = MutateGoogleAdsRequest()
            message = MutateGoogleAdsRequest.pb(request)
            message.customer_id = access.platform_account_id
            message.mutate_operations.extend(operations)
            message.partial_failure = partial
            message.response_content_type = _MUTABLE_RESOURCE
            return client.mutate(request=request, **call), self._request_ids.last()

        return await self._run(access, operation, send, "write", len(operations))

    async def _run(
        self,
        access: Access,
        operation: str,
        work: Callable[[GoogleAdsServiceClient, dict[str, Any]], T],
        kind: Kind,
        count: int = 1,
    ) -> T:
        token = access.token.get_secret_value()
        call = {"timeout": self._timeout, "metadata": (("authorization", f"Bearer {token}"),)}
        async with self._calls.made(access.platform_account_id, operation, kind, count):
            return await in_thread(_translated, work, self._get_client, call)

    def _get_client(self) -> GoogleAdsServiceClient:
        with self._lock:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _make_client(self) -> GoogleAdsServiceClient:
        """The vendor's client over a channel of ours."""
        # Its own constructor demands credentials that it refreshes itself, and cannot do without TLS.
        app = self._app()
        login = app.get("login_customer_id")
        manager = _manager(login) if login else None
        channel = grpc.intercept_channel(
            self._make_channel(),
            MetadataInterceptor(app.get("developer_token"), manager, None),
            ExceptionInterceptor(facts.API_VERSION, use_proto_plus=False),
            self._request_ids,
        )
        return GoogleAdsServiceClient(transport=GoogleAdsServiceGrpcTransport(channel=channel))

    def _make_channel(self) -> Any:
        if self._endpoint.startswith(_INSECURE):
            target = self._endpoint.removeprefix(_INSECURE).rstrip("/")
            return grpc.insecure_channel(target, options=_OPTIONS)
        return grpc.secure_channel(self._endpoint, grpc.ssl_channel_credentials(), options=_OPTIONS)


class _RequestIds(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    """The request id of each thread's last call, which is made and answered in that thread."""

    # The id stands in the trailer, which the vendor's client shows only with errors.

    def __init__(self) -> None:
        self._thread = local()

    def last(self) -> str | None:
        return getattr(self._thread, "request_id", None)

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        call = continuation(details, request)
        trailer = {entry[0]: entry[1] for entry in call.trailing_metadata() or ()}
        self._thread.request_id = trailer.get("request-id")
        return call


def _manager(login: object) -> str:
    """Return the manager account's id as Google takes it: the operator wrote it, no caller did."""
    try:
        return platform_account_id(PLATFORM, login)
    except AccountError as error:
        message = f"login_customer_id in the secret of Google Ads: {error.message}"
        raise ConfigurationError(message, setting="login_customer_id") from error


def _translated(
    work: Callable[[GoogleAdsServiceClient, dict[str, Any]], T],
    get_client: Callable[[], GoogleAdsServiceClient],
    call: dict[str, Any],
) -> T:
    try:
        return work(get_client(), call)
    except (GoogleAdsException, GoogleAPICallError, GoogleAuthError, grpc.RpcError) as error:
        raise from_exception(error) from error
