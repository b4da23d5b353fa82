"""Requests to public addresses alone: a URL given by a caller must not lead into our own network.

The address that was checked is the address that is connected to: a name that answers another address the
second time is of no use.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import httpx

from campaign_automation.utils.tls import ssl_context

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = {"http": 80, "https": 443}
# Addresses of IPv4 inside IPv6: RFC 6052 (NAT64) and RFC 8215 (its local use).
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class AddressRefusedError(ValueError):
    """The error of a URL that is not requested; its text follows the URL."""


@asynccontextmanager
async def answer_of(
    method: str,
    url: httpx.URL,
    headers: Mapping[str, str],
    *,
    content: bytes | None = None,
    timeout_seconds: float,
    may_be_private: bool = False,
) -> AsyncIterator[httpx.Response]:
    """Open the answer of the very address that was checked. Raises AddressRefusedError, httpx's errors."""
    address = await checked_address(url, may_be_private=may_be_private)
    # By address, but the certificate and the server's choice of site are of the name.
    request = httpx.Request(
        method,
        url.copy_with(host=str(address)),
        headers={"Host": url.netloc.decode(), **headers},
        content=content,
        extensions={"sni_hostname": url.host},
    )
    # No proxy of the environment: it would resolve the name a second time.
    async with httpx.AsyncClient(timeout=timeout_seconds, verify=ssl_context(), trust_env=False) as http:
        answer = await http.send(request, stream=True)
        try:
            yield answer
        finally:
            await answer.aclose()


async def checked_address(url: httpx.URL, *, may_be_private: bool = False) -> Address:
    """Return an address of the host. Raises AddressRefusedError unless all are public, or may be private."""
    if url.scheme not in PORTS or not url.host:
        raise AddressRefusedError("has no address of http or https")
    try:
        found = await asyncio.to_thread(socket.getaddrinfo, url.host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefusedError("has a host name that cannot be resolved") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not may_be_private and not all(map(is_public, addresses)):
        raise AddressRefusedError("is not on the public internet")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Return whether an address is public, and the address of IPv4 that it may hold too."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    # An address that only carries another one leads wherever a gateway decides.
    carries = address.ipv4_mapped or address.sixtofour or address.teredo
    return not carries and not any(address in network for network in _NAT64)
