"""The ad accounts of users, their tokens, and the days for which those hold."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import SecretStr

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.common.account_ids import bare_id, platform_account_id
from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    AccountError,
    CampaignAutomationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    PlatformAuthError,
    WebPlatformError,
    WebPlatformUnavailableError,
)
from campaign_automation.utils.languages.plurals import counted
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.redaction import keep_secret
from campaign_automation.utils.retry_strategy import ATTEMPT_TIMEOUT_SECONDS

T = TypeVar("T")

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_DEAD_TOKEN = re.compile(r"token (?:has |is )?(?:expired|revoked|invalid)|re-?authori[sz]e", re.IGNORECASE)
_LEAST_DIGITS = 8  # of an id on a platform; a shorter number is the Web Platform's
_LAST_SECOND = 1e11  # of the year 5138; larger numbers count milliseconds
_MISSING = object()
# The characters of a header: others fail in the platform's client, and look like its fault.
_TOKEN = re.compile(r"[\x21-\x7e]+")
TOKEN_SECONDS = 300
WARN_DAYS = 14


class AccountDirectory(Protocol):
    async def choose(self, user_id: str, platform: str, ad_account_id: str | None) -> str:
        """Return the id of the account to use: the given one, or the user's active one.

        Raises AccountError when the user has none, or not the given one.
        """
        ...

    async def access(self, user_id: str, platform: str, ad_account_id: str) -> Access: ...

    def forget(self, user_id: str) -> None:
        """Forget the user's kept tokens, so that the next call reads them anew."""
        ...


async def with_access(
    accounts: AccountDirectory,
    user_id: str,
    platform: str,
    ad_account_id: str,
    call: Callable[[Access], Awaitable[T]],
    *,
    connect_url: str | None = None,
) -> T:
    """Return the answer of `call`. A refused token is read anew once: it may have been renewed meanwhile.

    Raises PlatformAuthError (6001) with `action_url`, where a person can connect the account again.
    """
    access = await accounts.access(user_id, platform, ad_account_id)
    try:
        return await call(access)
    except PlatformAuthError as error:
        accounts.forget(user_id)
        if error.code != "6001":  # of an expired or revoked token
            raise
        fresh = await accounts.access(user_id, platform, ad_account_id)
        # The same token again could only be refused again.
        if fresh.token == access.token:
            raise with_action(error, platform, connect_url) from error
        logger.info("token renewed", platform=platform)
    try:
        return await call(fresh)
    except PlatformAuthError as error:
        raise with_action(error, platform, connect_url) from error


def with_action(error: PlatformAuthError, platform: str, connect_url: str | None) -> PlatformAuthError:
    """Return the error with `action_url`, where the account can be connected again."""
    if error.code == "6001" and connect_url:
        error.details["action_url"] = connect_url.replace("{platform}", platform)
    return error


def days_left(access: Access) -> int | None:
    """Return the whole days until the token expires, negative after that; None when that is unknown."""
    if access.expires_at is None:
        return None
    return (access.expires_at - clock.now()).days


def token_warnings(access: Access, platform: str) -> list[str]:
    """Return a warning of a token that expires within 14 days, and emit the metric behind the alarm."""
    days = days_left(access)
    if days is None:
        return []
    emit("ad_account_token_days", days)
    if days > WARN_DAYS:
        return []
    left = counted(max(days, 0), "day")
    return [f"{platform}: the ad account's token expires in {left}; connect the account again"]


# The user, the platform and its id of the account.
KnownAccount = Callable[[str, str, str], Awaitable[str | None]]


class _Kept(NamedTuple):
    access: Access
    until: float


class WebPlatformAccounts:
    """The accounts that the Web Platform holds. Tokens are kept in this process for five minutes only."""

    def __init__(
        self, tools: ToolCaller, connect_url: str | None = None, known: KnownAccount | None = None
    ) -> None:
        """`known` finds the number of an account that has campaigns here, by the platform's id."""
        self._tools = tools
        self._connect_url = connect_url
        self._known = known
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    async def choose(self, user_id: str, platform: str, ad_account_id: str | None) -> str:
        if ad_account_id is None:
            return (await self._active(user_id, platform))[0]
        is_number = _NUMBER.fullmatch(ad_account_id) is not None
        if is_number and len(ad_account_id) < _LEAST_DIGITS:
            # Whose account it is shows when its token is read: the Web Platform checks the user.
            return ad_account_id
        try:
            if is_number:
                await self.access(user_id, platform, ad_account_id)
                return ad_account_id
        except AccountError as error:  # no number of the Web Platform, so it may be the platform's id
            logger.info("no number of an account", platform=platform, reason=error.message)
        return await self._spelled(user_id, platform, ad_account_id)

    async def _spelled(self, user_id: str, platform: str, asked: str) -> str:
        """Return the number of the account that is named as its platform does, in any spelling."""
        try:
            wanted = platform_account_id(platform, asked)
        except AccountError as error:
            raise InvalidRequestError(
                "ad_account_id: should be the Web Platform's number of the account, or its platform's id, as"
                f" {error.details['expected']}",
                field="ad_account_id",
            ) from error
        number, spelled = await self._active(user_id, platform)
        if bare_id(spelled) == bare_id(wanted):
            return number
        known = self._known and await self._known(user_id, platform, wanted)
        if not known:
            raise AccountError(
                f"the ad account {asked} is not known: it is not the active one, and has no campaigns here;"
                " give the Web Platform's number of it",
                platform=platform,
                field="ad_account_id",
            )
        return known

    async def _active(self, user_id: str, platform: str) -> tuple[str, str]:
        """Return the number of the user's active account, and its id as the Web Platform has it."""
        answer = await self._tools.call_tool(
            "get_active_ad_account", {"user_id": user_id, "platform": platform}
        )
        account = answer.get("active_account", _MISSING)
        if account is None:
            raise AccountError(f"no {platform} ad account is connected: connect one", platform=platform)
        number = str(account.get("id")) if isinstance(account, dict) else ""
        if not _NUMBER.fullmatch(number):
            # Told as "not connected" it would send a person to connect what is connected.
            raise WebPlatformError("get_active_ad_account: the answer is neither an account nor null")
        return number, str(account.get("platform_account_id", ""))

    async def access(self, user_id: str, platform: str, ad_account_id: str) -> Access:
        key = (user_id, platform, ad_account_id)
        kept = self._kept.get(key)
        if kept is None or kept.until < time.monotonic():
            kept = _Kept(await self._read(*key), time.monotonic() + TOKEN_SECONDS)
            self._kept[key] = kept
        return kept.access

    async def _read(self, user_id: str, platform: str, ad_account_id: str) -> Access:
        try:
            answer = await self._tools.call_tool(
                "get_ad_account_token", {"user_id": user_id, "ad_account_id": int(ad_account_id)}
            )
        except NotFoundError as error:
            raise AccountError(
                f"the ad account {ad_account_id} is not known", platform=platform, field="ad_account_id"
            ) from error
        except WebPlatformError as error:
            # The Web Platform itself refuses tokens that it knows to be dead, with a text only.
            if not _DEAD_TOKEN.search(error.message):
                raise
            raise _dead_token(platform, self._connect_url) from error
        if not isinstance(answer.get("platform"), str):
            # Told as the account of another platform it would blame the caller's choice.
            raise WebPlatformError("get_ad_account_token: the answer names no platform")
        if answer["platform"] != platform:
            raise InvalidRequestError(
                f"ad_account_id: {ad_account_id} is an account of {answer['platform']}, not {platform}",
                field="ad_account_id",
            )
        return _access(platform, answer, self._connect_url)

    def forget(self, user_id: str) -> None:
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] != user_id}


GivenAccount = Mapping[str, Any]
GivenAccountSource = (
    Mapping[str, Mapping[str, GivenAccount]] | Callable[[str, str], Awaitable[GivenAccount | None]]
)


class TokenRenewal(Protocol):
    """The way from what lasts (a refresh token, a service account) to an access token."""

    async def renewed(self, platform: str, account: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the account with an access token; as it is where its own needs no renewal."""
        ...

    def forget(self) -> None:
        """Forget the tokens that are kept, since one was refused."""
        ...


class GivenAccounts:
    """The accounts that an embedding process hands in, by user and platform, or by a coroutine of both.

    An account holds the same fields as a secret of SecretAccounts, and beside a Web Platform its number
    there, `ad_account_id`. The coroutine is asked each time, so it may renew tokens.
    """

    def __init__(
        self, source: GivenAccountSource, renewal: TokenRenewal, *, has_web_platform: bool = False
    ) -> None:
        self._source = source
        self._renewal = renewal
        self._has_web_platform = has_web_platform

    async def choose(self, user_id: str, platform: str, ad_account_id: str | None) -> str:
        account = await self._account(user_id, platform)
        if not self._has_web_platform:
            return _bound_account(platform, account, ad_account_id)
        number = str(account.get("ad_account_id", ""))
        if not number.isdecimal():
            raise ConfigurationError(
                "accounts: the Web Platform is told which of its accounts a campaign is in; give each account"
                " its number there as ad_account_id",
                setting="accounts",
            )
        if ad_account_id not in (None, number):
            _bound_account(platform, account, ad_account_id)  # or one that is named as its platform does
        return number

    async def access(self, user_id: str, platform: str, ad_account_id: str) -> Access:
        account = await self._account(user_id, platform)
        return _access(platform, await self._renewal.renewed(platform, account), None)

    def forget(self, user_id: str) -> None:
        self._renewal.forget()

    async def _account(self, user_id: str, platform: str) -> GivenAccount:
        if isinstance(self._source, Mapping):
            found = self._source.get(user_id, {}).get(platform)
        else:
            found = await self._asked(self._source(user_id, platform))
        if found is None:
            raise AccountError(f"no {platform} ad account is known for this user", platform=platform)
        return found

    async def _asked(self, answer: Awaitable[GivenAccount | None]) -> GivenAccount | None:
        """Return the coroutine's answer; any exception, a hang or another shape becomes a typed error."""
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_SECONDS):
                found = await answer
        except CampaignAutomationError:
            raise
        except Exception as error:
            code = "3004" if isinstance(error, TimeoutError) else "3000"
            raise WebPlatformUnavailableError(
                f"accounts: the source of ad accounts failed: {type(error).__name__}", code=code
            ) from error
        if found is not None and not isinstance(found, Mapping):
            raise ConfigurationError(
                "accounts: the source should answer a mapping or None", setting="accounts"
            )
        return found


def _bound_account(platform: str, stored: Mapping[str, Any], asked: str | None) -> str:
    """Return the account's id. Raises AccountError when it is no id, or when another one was asked for."""
    bound = platform_account_id(platform, stored.get("platform_account_id"))
    if asked is not None and bare_id(asked) != bare_id(bound):
        raise AccountError(f"the ad account {asked} is not known", field="ad_account_id")
    return bound


class SecretAccounts:
    """The accounts of a deployment without a Web Platform: one secret per user and platform.

    A secret holds {"platform_account_id", "access_token"} and, where it is known, "token_expires_at"; for
    Google, whose access tokens last an hour, "refresh_token" or "service_account" in place of both.
    """

    def __init__(
        self,
        read: Callable[[str], Mapping[str, Any]],
        stage: str,
        renewal: TokenRenewal,
        connect_url: str | None = None,
    ) -> None:
        self._read = read
        self._renewal = renewal
        self._stage = stage
        self._connect_url = connect_url

    async def choose(self, user_id: str, platform: str, ad_account_id: str | None) -> str:
        return _bound_account(platform, self._secret(user_id, platform), ad_account_id)

    async def access(self, user_id: str, platform: str, ad_account_id: str) -> Access:
        secret = self._secret(user_id, platform)
        try:
            account = await self._renewal.renewed(platform, secret)
        except PlatformAuthError as error:
            raise with_action(error, platform, self._connect_url) from error
        return _access(platform, account, self._connect_url)

    def forget(self, user_id: str) -> None:
        self._renewal.forget()

    def _secret(self, user_id: str, platform: str) -> Mapping[str, Any]:
        try:
            return self._read(f"campaign-automation/{self._stage}/accounts/{user_id}/{platform}")
        except ConfigurationError as error:
            if error.details.get("reason") != "missing":
                raise
            # To have no secret is to have no account; one that cannot be read is the operator's to mend.
            raise AccountError(error.message, platform=platform) from error


def _access(platform: str, stored: Mapping[str, Any], connect_url: str | None) -> Access:
    """Return the access to an account as it is stored, with its id as the platform spells it.

    Raises AccountError for an id that is none, PlatformAuthError (6001) without a token.
    """
    account_id = platform_account_id(platform, stored.get("platform_account_id"))
    told = stored.get("access_token")
    token = told.strip() if isinstance(told, str) else ""
    if not _TOKEN.fullmatch(token):
        raise _dead_token(platform, connect_url)
    keep_secret(token)
    return Access(
        platform_account_id=account_id,
        token=SecretStr(token),
        expires_at=_expiry(stored.get("token_expires_at")),
    )


def _dead_token(platform: str, connect_url: str | None) -> PlatformAuthError:
    error = PlatformAuthError(
        f"{platform}: the ad account has no valid token; connect the account again", platform=platform
    )
    return with_action(error, platform, connect_url)


def _expiry(value: Any) -> datetime | None:
    """Return the end of a token from an ISO 8601 time (UTC when it names no zone) or epoch seconds.

    None stands for a token without an end: 0 and 1970 are no date, and anything else that is none is
    not known to end either.
    """
    try:
        if isinstance(value, int | float) or _NUMBER.fullmatch(str(value)):
            seconds = float(value)
            parsed = datetime.fromtimestamp(seconds / 1000 if seconds > _LAST_SECOND else seconds, UTC)
        else:
            parsed = datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError, OSError):
        return None
    if parsed.year <= 1970:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
