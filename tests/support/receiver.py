"""A webhook for tests, which keeps what it takes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Receiver:
    """A webhook in this process: what it took, and the status that it answers with."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        self.taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.asked += 1
                if receiver.status == 200:
                    names = {name.lower(): value for name, value in self.headers.items()}
                    receiver.taken.append(json.loads(body))
                    receiver.headers.append({**names, "body": body.decode()})
                self.send_response(receiver.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"


def receiving() -> Iterator[Receiver]:
    """Yield a webhook that answers."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()
