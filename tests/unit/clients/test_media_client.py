"""Files of creatives are read from the public internet and from the Web Platform's folders, nowhere else."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from campaign_automation.clients.media_client import MediaClient, TrustedFiles
from campaign_automation.clients.public_addresses import is_public
from campaign_automation.utils.error_handler import AccountError, WebPlatformUnavailableError


class Server(ThreadingHTTPServer):
    """Answers each path as `answers` says: a location, bytes, or None for silence."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, str | bytes | None] = {}
        self.hosts: list[str] = []
        self.stopped = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])
        answer = self.server.answers[self.path]
        if answer is None:
            self.server.stopped.wait()
            return
        self.send_response(302 if isinstance(answer, str) else 200)
        if isinstance(answer, str):
            self.send_header("Location", answer)
        self.end_headers()
        if isinstance(answer, bytes):
            self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.stopped.set()
        made.shutdown()
        thread.join()


def fetch(server: Server, path: str, host: str = "127.0.0.1", **more: Any) -> bytes:
    trusted = TrustedFiles.of(f"http://{host}:{server.port}/mcp", ["/files/"])
    return asyncio.run(MediaClient(trusted, **more).fetch(f"http://{host}:{server.port}{path}"))


def test_the_name_is_resolved_once_and_its_address_is_connected_to(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/files/a"] = b"bytes"
    original, asked = socket.getaddrinfo, []

    def resolve(host: Any, *arguments: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != "files.example":
            return original(host, *arguments, **more)
        asked.append(name)
        return original("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert fetch(server, "/files/a", "files.example") == b"bytes"
    assert asked == ["files.example"]
    assert server.hosts == [f"files.example:{server.port}"]


@pytest.mark.parametrize("path", ["/admin", "/files/../admin", "/files/%2e%2e/admin", "/x?y=/files/"])
def test_only_the_folders_of_files_are_trusted(server: Server, path: str) -> None:
    with pytest.raises(AccountError, match="public internet"):
        fetch(server, path)
    assert server.hosts == []


def test_another_port_or_scheme_of_the_trusted_host_is_not_trusted(server: Server) -> None:
    client = MediaClient(TrustedFiles.of(f"https://127.0.0.1:{server.port}", ["/files/"]))
    for url in (f"http://127.0.0.1:{server.port}/files/a", "https://127.0.0.1:1/files/a"):
        with pytest.raises(AccountError, match="public internet"):
            asyncio.run(client.fetch(url))
    assert server.hosts == []


def test_a_redirect_is_checked_like_the_first_address(server: Server) -> None:
    server.answers |= {"/files/a": "/files/b", "/files/b": b"bytes", "/files/c": "http://169.254.169.254/x"}
    assert fetch(server, "/files/a") == b"bytes"
    with pytest.raises(AccountError, match="public internet"):
        fetch(server, "/files/c")


def test_redirects_without_end_are_refused(server: Server) -> None:
    server.answers["/files/a"] = "/files/a"
    with pytest.raises(AccountError, match="more than 3 times"):
        fetch(server, "/files/a")
    assert len(server.hosts) == 4


def test_a_server_that_says_nothing_costs_the_time_of_one_file(server: Server) -> None:
    server.answers["/files/a"] = None
    with pytest.raises(WebPlatformUnavailableError, match=r"TimeoutError|ReadTimeout"):
        fetch(server, "/files/a", timeout_seconds=0.2)


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "file:///etc/passwd", "nothing", "http://", "http://[::1", "\ud83d"]
)
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(AccountError) as refused:
        asyncio.run(MediaClient().fetch(url))
    assert refused.value.code == "6003"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2001:0:1::1", False),
        ("fd00::1", False),
        ("::", False),
    ],
)
def test_an_address_that_carries_another_one_is_not_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public
