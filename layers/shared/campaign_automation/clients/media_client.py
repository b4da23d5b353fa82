"""The client that fetches a creative's file for platforms that want its bytes.

A URL given by a caller must not make us read from inside our own network (public_addresses.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import unquote

import httpx

from campaign_automation.clients.public_addresses import PORTS, AddressRefusedError, answer_of
from campaign_automation.utils.error_handler import AccountError, WebPlatformUnavailableError

MAX_BYTES = 30 * 1024 * 1024  # Meta's limit for an image
_LATER = (408, 425, 429)
_MAX_REDIRECTS = 3


class TrustedFiles(NamedTuple):
    """The files of the Web Platform, which may stand in a private network: one origin, some folders."""

    origin: tuple[str, str, int]
    folders: tuple[str, ...]

    @classmethod
    def of(cls, url: str, folders: Collection[str]) -> TrustedFiles:
        """Return those at the scheme, host and port of `url`, in `folders` such as "/files/"."""
        return cls(_origin(httpx.URL(url)), tuple(folders))

    def hold(self, url: httpx.URL) -> bool:
        path = unquote(url.path)
        inside = ".." not in path.split("/") and any(folder in path for folder in self.folders)
        return _origin(url) == self.origin and inside


class MediaClient:
    """The client of public addresses, and of the trusted files."""

    def __init__(self, trusted: TrustedFiles | None = None, timeout_seconds: float = 20) -> None:
        """Take the seconds for a file as a whole: its name, its redirects and all of its bytes."""
        self._trusted = trusted
        self._timeout = timeout_seconds

    async def fetch(self, url: str) -> bytes:
        """Return the file's bytes.

        Raises AccountError (6003) for a file that cannot be had, and WebPlatformUnavailableError (4002) when
        its server does not answer now.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(url)
        except (httpx.TransportError, TimeoutError) as error:
            raise _unavailable(url, f"cannot be fetched now ({type(error).__name__})") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise _refused(url, f"cannot be fetched ({type(error).__name__})") from error

    async def _follow(self, url: str) -> bytes:
        target = httpx.URL(url)
        for _ in range(_MAX_REDIRECTS + 1):
            async with self._answer(target) as answer:
                if not answer.has_redirect_location:
                    _check_status(url, answer)
                    return await _read_limited(url, answer)
                target = target.join(answer.headers["location"])
        raise _refused(url, f"is redirected more than {_MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _answer(self, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        """Open the file's answer. Raises AccountError unless its address is public, or the file trusted."""
        is_trusted = self._trusted is not None and self._trusted.hold(url)
        accepts = {"Accept": "*/*"}
        try:
            async with answer_of(
                "GET", url, accepts, timeout_seconds=self._timeout, may_be_private=is_trusted
            ) as answer:
                yield answer
        except AddressRefusedError as error:
            raise _refused(str(url), str(error)) from error


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or PORTS.get(url.scheme, 0)


def _check_status(url: str, answer: httpx.Response) -> None:
    """Raise the error of an answer without the file."""
    status = answer.status_code
    if status >= 500 or status in _LATER:
        raise _unavailable(url, f"cannot be fetched now (HTTP {status})")
    if not answer.is_success:
        raise _refused(url, f"cannot be fetched (HTTP {status})")


async def _read_limited(url: str, answer: httpx.Response) -> bytes:
    # Counted while it is read: a server need not state a length, or the true one.
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise _refused(url, f"is larger than {MAX_BYTES} bytes")
    return bytes(content)


def _unavailable(url: str, problem: str) -> WebPlatformUnavailableError:
    return WebPlatformUnavailableError(f"the creative's file {url} {problem}", code="4002", field="file_url")


def _refused(url: str, problem: str) -> AccountError:
    return AccountError(f"the creative's file {url} {problem}", code="6003", field="file_url")
