"""The client that fetches a creative's file for platforms that want its bytes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from campaign_automation.utils.error_handler import AccountError
from campaign_automation.utils.tls import ssl_context

MAX_BYTES = 30 * 1024 * 1024  # Meta's limit for an image


class MediaClient:
    """The client of public addresses and of `trusted_hosts` only.

    A URL given by a caller must not make us read from inside our own network.
    """

    def __init__(self, trusted_hosts: frozenset[str] = frozenset(), timeout_seconds: float = 20) -> None:
        self._trusted = trusted_hosts
        self._timeout = timeout_seconds

    async def fetch(self, url: str) -> bytes:
        """Return the file's bytes; AccountError (6003) when it cannot be fetched."""
        await self._refuse_private(url)
        try:
            async with (
                httpx.AsyncClient(timeout=self._timeout, verify=ssl_context()) as http,
                http.stream("GET", url) as answer,
            ):
                answer.raise_for_status()
                return await _read_limited(answer)
        except httpx.HTTPError as error:
            raise _refused(url, f"cannot be fetched ({type(error).__name__})") from error

    async def _refuse_private(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if host in self._trusted:
            return
        try:
            found = await asyncio.to_thread(socket.getaddrinfo, host, None)
        except OSError as error:
            raise _refused(url, "has a host name that cannot be resolved") from error
        # All of them: the connection may go to any address of the host.
        if not all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
            raise _refused(url, "is not on the public internet")


async def _read_limited(answer: httpx.Response) -> bytes:
    # Counted while it is read: a server need not state a length, or the true one.
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise _refused(str(answer.url), f"is larger than {MAX_BYTES} bytes")
    return bytes(content)


def _refused(url: str, problem: str) -> AccountError:
    return AccountError(f"the creative's file {url} {problem}", code="6003", field="file_url")
