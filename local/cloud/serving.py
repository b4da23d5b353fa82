"""HTTP servers for WSGI applications, with connections that stay open.

Werkzeug's own handler closes each after one answer and looks for ten milliseconds whether more was sent: both
sides pay for a connection and a thread with each call of AWS. Here bodies are read and answered whole.
"""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from functools import cache
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

# Statuses of answers that have no body, nor the length of one.
_BODILESS = (204, 304)


def bind(port: int, application: Callable[..., Any]) -> BaseWSGIServer:
    """Return a server of `application` that listens on loopback; port 0 takes a free one."""
    return make_server("127.0.0.1", port, application, threaded=True, request_handler=_handler())


@cache
def _handler() -> type[WSGIRequestHandler]:
    # Not earlier: moto takes a while.
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Handler(MotoRequestHandler):
        """Keeps header names with underscores, as moto needs, and logs no request."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body leave together

        def run_wsgi(self) -> None:
            environ = self.make_environ()
            body = _read(environ)
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            status, headers, answer = _answered(self.server.app, environ)
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            if int(code) not in _BODILESS and not any(
                name.lower() == "content-length" for name, _ in headers
            ):
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)
            self.wfile.flush()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    return Handler


def _read(environ: dict[str, Any]) -> bytes:
    """Return the request's body, of which nothing may be left before the next request."""
    if environ.pop("wsgi.input_terminated", False):
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return bytes(environ["wsgi.input"].read())
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _answered(
    application: Callable[..., Any], environ: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status, headers and body of the application's answer; an exception of it is a 500."""
    told: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        told[:] = [status, headers]
        return written.append

    try:
        parts = application(environ, start_response)
        try:
            written += parts
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return told[0], told[1], b"".join(written)
    except Exception:
        traceback.print_exc(file=sys.stderr)
        return "500 Internal Server Error", [], b""
