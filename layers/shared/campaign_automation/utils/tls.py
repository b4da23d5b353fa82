"""The TLS context, one per process: making it costs more than a call (42 ms measured)."""

from __future__ import annotations

import importlib
import ssl
from functools import cache

import httpx


@cache
def ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def load_transport() -> None:
    """Load what httpx and its connections import at a process's first request."""
    httpx.AsyncHTTPTransport(verify=ssl_context())
    importlib.import_module("anyio._backends._asyncio")
