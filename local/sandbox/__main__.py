"""`python -m local.sandbox --port 0 --ready-file F`: serves the sandbox on the loopback address."""

import argparse
import json
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import uvicorn

from local.sandbox.app import build_app
from local.sandbox.core.http import DroppableProtocol

HOST = "127.0.0.1"


class ReadyServer(uvicorn.Server):
    """Writes the ready file once connections are accepted."""

    def __init__(
        self, config: uvicorn.Config, ready_file: Path | None, ports: Callable[[], dict[str, int]]
    ) -> None:
        super().__init__(config)
        self._ready_file = ready_file
        self._ports = ports

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready_file and not self.should_exit:
            _write_whole(self._ready_file, json.dumps(self._ports()))


def main() -> None:
    arguments = _arguments()
    listener = _listener(arguments.port)
    port = listener.getsockname()[1]
    app = build_app(f"http://{HOST}:{port}", arguments.seed)
    config = uvicorn.Config(
        app,
        http=DroppableProtocol,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )

    if clock_file := arguments.clock_file:
        app.state.world.clock.moved = partial(_write_offset, clock_file)
        _write_offset(clock_file, timedelta())

    def ports() -> dict[str, int]:
        return {"port": port, "google_port": app.state.google_port}

    ReadyServer(config, arguments.ready_file, ports).run(sockets=[listener])


def _listener(port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle's algorithm off: 40 ms saved on every call.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument(
        "--ready-file", type=Path, help='gets {"port": n, "google_port": m} once the sandbox answers'
    )
    parser.add_argument(
        "--clock-file",
        type=Path,
        help="holds {\"ahead_seconds\": n}, of the sandbox's clock before the machine's, for who asks often",
    )
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _write_offset(path: Path, offset: timedelta) -> None:
    _write_whole(path, json.dumps({"ahead_seconds": offset.total_seconds()}))


def _write_whole(path: Path, text: str) -> None:
    """Readers see the file complete or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


if __name__ == "__main__":
    main()
