"""The console's addresses, and the refusal of requests that are not of its page on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

ADDRESS = "/_local/console"
ROOT = "/"
_NAMES = ("127.0.0.1", "localhost")


def is_console(environ: Mapping[str, Any]) -> bool:
    """Return whether a request is for the console; the root leads browsers to it."""
    path = str(environ["PATH_INFO"])
    if path == ROOT:
        return "text/html" in str(environ.get("HTTP_ACCEPT", ""))
    return path == ADDRESS or path.startswith(f"{ADDRESS}/")


def refusal(request: Request, port: str) -> str | None:
    """Return the reason why a request is refused, or None.

    The Host header keeps out a site whose name was made to lead here, and whoever reaches this machine by
    another address; the Origin header keeps out forms of other sites, which a browser posts as well.
    """
    own = {f"{name}:{port}" for name in _NAMES}
    if request.host not in own:
        return f"The console is for this machine alone: open http://{sorted(own)[0]}."
    if request.method in ("GET", "HEAD"):
        return None
    told = request.headers.get("Origin") or request.headers.get("Referer") or ""
    if urlsplit(told).netloc != request.host:
        return "Only forms of this page are taken, from the same address."
    return None


def is_of_another_site(request: Request) -> bool:
    """Return whether a browser sends a request for a page of another site: programs name no origin."""
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host
