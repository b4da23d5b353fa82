"""The renewal of access tokens that last an hour, for accounts stored with what lasts longer; and the end of
Meta's tokens, which nobody writes down."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from campaign_automation.adapters.meta.token_end import MetaTokenEnds
from campaign_automation.adapters.registry import app_secret
from campaign_automation.models.common import Platform
from campaign_automation.settings import Settings
from campaign_automation.utils.error_handler import needing_extra

if TYPE_CHECKING:
    from campaign_automation.adapters.google.tokens import GoogleTokens

# Meta's tokens of system users and TikTok's last until somebody ends them.
_LASTING = ("refresh_token", "service_account")


class AccountRenewal:
    """The access tokens of accounts stored with a refresh token or a service account (Google).

    The vendor's library is imported when the first such account is met.
    """

    def __init__(self, settings: Settings, apps: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._settings = settings
        self._apps = apps

    async def renewed(self, platform: str, account: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the account with an access token; as it is where its own needs no renewal. Meta is asked for
        the end of a token that is stored without one.

        Raises PlatformAuthError (6001), PlatformUnavailableError or ConfigurationError.
        """
        if platform == Platform.META:
            return await self._with_end(account)
        if platform != Platform.GOOGLE or not any(account.get(name) for name in _LASTING):
            return account
        return await self._google.renewed(account)

    async def _with_end(self, account: Mapping[str, Any]) -> Mapping[str, Any]:
        token = account.get("access_token")
        if account.get("token_expires_at") is not None or not isinstance(token, str):
            return account
        return {**account, "token_expires_at": await self._meta.end(token.strip())}

    def forget(self) -> None:
        """Forget the tokens that are kept, since one was refused."""
        if "_google" in self.__dict__:
            self._google.forget()

    @cached_property
    def _meta(self) -> MetaTokenEnds:
        app = app_secret(Platform.META, self._settings, self._apps)
        return MetaTokenEnds(app, self._settings.meta_graph_url)

    @cached_property
    def _google(self) -> GoogleTokens:
        with needing_extra(Platform.GOOGLE):
            from campaign_automation.adapters.google.tokens import GoogleTokens

        app = app_secret(Platform.GOOGLE, self._settings, self._apps)
        return GoogleTokens(app, self._settings.google_token_url)
