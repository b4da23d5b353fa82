"""The container bridge: what listens on loopback is served at the bridge's address too, and nowhere else.

A function that `sam local invoke` runs in a container reaches this machine at the address of Docker's bridge.
Every server binds to loopback; a relay per port carries its connections over. Docker's own `--network host`
is no way: the SAM CLI does not pass it on, and Docker on a Mac has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import re
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping

LOOPBACK = "127.0.0.1"
INTERFACES = ("docker0", "podman0", "cni-podman0")
# Docker Desktop runs containers in a machine of its own and leads this name to our loopback.
DESKTOP = "host.docker.internal"
# A name inside every token; functions compare it and never call it.
NAMES = frozenset({"JWT_ISSUER"})

_GET_ADDRESS = 0x8915  # SIOCGIFADDR
_CHUNK = 65536
_ON_LOOPBACK = re.compile(rf"://{re.escape(LOOPBACK)}:(\d+)")


def find() -> str | None:
    """Return the address at which containers reach this machine, or None when there is no bridge."""
    if sys.platform != "linux":
        return DESKTOP
    return next((address for name in INTERFACES if (address := _address_of(name))), None)


def _address_of(interface: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        request = struct.pack("256s", interface.encode())
        try:
            answer = fcntl.ioctl(asker.fileno(), _GET_ADDRESS, request)
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


def reached_at(address: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with `address` wherever a function would call loopback."""
    return {
        name: value if name in NAMES else _ON_LOOPBACK.sub(rf"://{address}:\1", value)
        for name, value in environment.items()
    }


def ports_of(environment: Mapping[str, str]) -> set[int]:
    """Return the ports on loopback that a function calls."""
    values = (value for name, value in environment.items() if name not in NAMES)
    return {int(port) for value in values for port in _ON_LOOPBACK.findall(value)}


class Relays:
    """Carry connections to `address` over to the same ports on loopback, until `close`."""

    def __init__(self, address: str, ports: Iterable[int]) -> None:
        """Listen. Raises OSError for an address that is not this machine's."""
        self._loop = asyncio.new_event_loop()
        self._servers = [
            self._loop.run_until_complete(asyncio.start_server(_relay_to(port), address, port))
            for port in sorted(ports)
        ]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and drop what is open."""
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _relay_to(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(LOOPBACK, port)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        writer.close()

    return relay


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
    target.close()
