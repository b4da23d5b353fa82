"""The TLS context, one per process: making it costs more than a call (42 ms measured)."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()
