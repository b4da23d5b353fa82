"""The TLS context, one per process: making it costs more than a call (42 ms measured)."""

from __future__ import annotations

import importlib
import ssl
import sys
from functools import cache

import httpx


@cache
def ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def load_transport() -> None:
    """Load what httpx and its connections import at a process's first request."""
    httpx.AsyncHTTPTransport(verify=ssl_context())
    importlib.import_module("anyio._backends._asyncio")


def _remember_whether_installed(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        sys.modules[name] = None  # type: ignore[assignment]


# httpcore imports it before each of its waits, and a module that is missing is looked for in all folders each
# time: a seventh of what a call costs. This is how the import system remembers that there is none.
_remember_whether_installed("sniffio")
