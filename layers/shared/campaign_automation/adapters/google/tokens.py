"""Access tokens of Google, which last an hour, from a refresh token or a service account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

from campaign_automation.adapters.google.facts import PLATFORM
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    ConfigurationError,
    PlatformAuthError,
    PlatformUnavailableError,
)
from campaign_automation.utils.event_loop import in_thread
from campaign_automation.utils.validation import whole, words_of

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
_SCOPES = ("https://www.googleapis.com/auth/adwords",)
_CLIENT = ("client_id", "client_secret")
# A token near its end could die on its way.
_MARGIN = timedelta(minutes=5)


class _Token(NamedTuple):
    text: str
    expires_at: datetime


class GoogleTokens:
    """Keeps each access token until five minutes before its end. `app` gives {"client_id", "client_secret"}
    for the refresh tokens of accounts that have no client of their own."""

    def __init__(
        self, app: Callable[[], Mapping[str, Any]], url: str | None, timeout_seconds: float = 10
    ) -> None:
        self._app = app
        self._url = url or TOKEN_URL
        self._request = partial(Request(), timeout=timeout_seconds)
        self._kept: dict[str, _Token] = {}

    async def renewed(self, account: Mapping[str, Any]) -> dict[str, Any]:
        """Return the account with `access_token` and `token_expires_at`.

        `account` holds "refresh_token" (with "client_id" and "client_secret", if the app has none) or
        "service_account", the key file's object. Raises PlatformAuthError (6001) when Google refuses it,
        PlatformUnavailableError when Google cannot be reached, ConfigurationError for one that is incomplete.
        """
        key = str(account.get("refresh_token") or account.get("service_account"))
        kept = self._kept.get(key)
        if kept is None or kept.expires_at - _MARGIN <= clock.now():
            kept = self._kept[key] = await in_thread(self._ask, account)
        return {**account, "access_token": kept.text, "token_expires_at": None}

    def forget(self) -> None:
        """Forget all tokens: one was refused."""
        self._kept.clear()

    def _ask(self, account: Mapping[str, Any]) -> _Token:
        asking = self._credentials(account)
        try:
            asking.refresh(self._request)
        except TransportError as error:
            raise PlatformUnavailableError(
                f"google: the token endpoint did not answer: {type(error).__name__}", platform=PLATFORM
            ) from error
        except RefreshError as error:
            if error.retryable:
                raise PlatformUnavailableError(
                    "google: the token endpoint failed", platform=PLATFORM
                ) from error
            raise PlatformAuthError(
                f"google: no access token for the ad account: {_reason(error)}; connect the account again",
                platform=PLATFORM,
            ) from error
        except (GoogleAuthError, ValueError) as error:
            raise _incomplete(str(error)) from error
        # The library tells the end by the machine's clock, in UTC without saying so.
        left = asking.expiry.replace(tzinfo=UTC) - datetime.now(UTC)
        return _Token(asking.token, clock.now() + left)

    def _credentials(self, account: Mapping[str, Any]) -> Any:
        if robot := account.get("service_account"):
            try:
                return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                    {**robot, "token_uri": self._url}, scopes=_SCOPES, subject=account.get("subject")
                )
            except (GoogleAuthError, TypeError, ValueError) as error:
                raise _incomplete(f"service_account: {error}") from error
        client = {name: account.get(name) or self._app().get(name) for name in _CLIENT}
        for name, value in client.items():
            if not value:
                raise _incomplete(f"{name} is missing beside refresh_token")
        return credentials.Credentials(  # type: ignore[no-untyped-call]
            None, refresh_token=account["refresh_token"], token_uri=self._url, scopes=_SCOPES, **client
        )


def _reason(error: RefreshError) -> str:
    """Return Google's word for the refusal, as invalid_grant; its answer may hold what it was asked with."""
    body = error.args[1] if len(error.args) > 1 else None
    told = words_of(whole(body.get("error"))) if isinstance(body, Mapping) else None
    return told or "it was refused"


def _incomplete(what: str) -> ConfigurationError:
    return ConfigurationError(f"google: the ad account's secret is not complete: {what}", platform=PLATFORM)
