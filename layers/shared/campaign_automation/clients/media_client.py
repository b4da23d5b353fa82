"""The client that fetches a creative's file for platforms that want its bytes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from campaign_automation.utils.error_handler import AccountError, WebPlatformUnavailableError
from campaign_automation.utils.tls import ssl_context

_LATER = (408, 425, 429)
MAX_BYTES = 30 * 1024 * 1024  # Meta's limit for an image


class MediaClient:
    """The client of public addresses and of `trusted_hosts` only.

    A URL given by a caller must not make us read from inside our own network.
    """

    def __init__(self, trusted_hosts: frozenset[str] = frozenset(), timeout_seconds: float = 20) -> None:
        self._trusted = trusted_hosts
        self._timeout = timeout_seconds

    async def fetch(self, url: str) -> bytes:
        """Return the file's bytes.

        Raises AccountError (6003) for a file that cannot be had, and WebPlatformUnavailableError (4002) when
        its server does not answer now.
        """
        await self._refuse_private(url)
        try:
            async with (
                httpx.AsyncClient(timeout=self._timeout, verify=ssl_context()) as http,
                http.stream("GET", url) as answer,
            ):
                _check_status(url, answer)
                return await _read_limited(answer)
        except httpx.TransportError as error:
            raise _unavailable(url, f"cannot be fetched now ({type(error).__name__})") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _refused(url, f"cannot be fetched ({type(error).__name__})") from error

    async def _refuse_private(self, url: str) -> None:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError as error:
            raise _refused(url, "has no valid address") from error
        if host in self._trusted:
            return
        try:
            found = await asyncio.to_thread(socket.getaddrinfo, host, None)
        except OSError as error:
            raise _refused(url, "has a host name that cannot be resolved") from error
        # All of them: the connection may go to any address of the host.
        if not all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
            raise _refused(url, "is not on the public internet")


def _check_status(url: str, answer: httpx.Response) -> None:
    """Raise the error of an answer without the file."""
    status = answer.status_code
    if status >= 500 or status in _LATER:
        raise _unavailable(url, f"cannot be fetched now (HTTP {status})")
    if not answer.is_success:
        raise _refused(url, f"cannot be fetched (HTTP {status})")


async def _read_limited(answer: httpx.Response) -> bytes:
    # Counted while it is read: a server need not state a length, or the true one.
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise _refused(str(answer.url), f"is larger than {MAX_BYTES} bytes")
    return bytes(content)


def _unavailable(url: str, problem: str) -> WebPlatformUnavailableError:
    return WebPlatformUnavailableError(f"the creative's file {url} {problem}", code="4002", field="file_url")


def _refused(url: str, problem: str) -> AccountError:
    return AccountError(f"the creative's file {url} {problem}", code="6003", field="file_url")
