"""A local cloud for tests and the demo, as a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from local.cloud import instance

ROOT = Path(__file__).parents[2]
START_SECONDS = 600.0


class CloudError(Exception):
    """The local cloud did not start; the message ends with its log."""


@dataclass
class Cloud:
    """A running local cloud. `info` is its cloud.json; leaving the `with` block stops it."""

    directory: Path
    info: dict[str, Any]
    process: subprocess.Popen[bytes]

    def token(self, user_id: str, lifetime_seconds: float = 3600, **claims: Any) -> str:
        """A bearer token for any user, with more claims; a negative lifetime gives one that has expired."""
        body = {"user_id": user_id, "lifetime_seconds": lifetime_seconds, "claims": claims}
        return str(self._post("/_local/tokens", body)["token"])

    def tick(self) -> list[dict[str, Any]]:
        """Fire the schedules that are due by the sandbox's clock; what each target answered."""
        fired: list[dict[str, Any]] = self._post("/_local/tick", {})["fired"]
        return fired

    def deploy(self, template: Path | str | None = None, **parameters: str) -> dict[str, str]:
        """Update the running stack from `template`, else from its own, and return the parameters' values.

        Raises CloudError when the template asks for what cannot be changed.
        """
        path = {"template": str(Path(template).resolve())} if template else {}
        try:
            return self._post("/_local/deploy", {**path, "parameters": parameters})
        except HTTPError as error:
            raise CloudError(json.load(error)["message"]) from None

    def stop(self) -> None:
        """Stop every process of this cloud and wait for that."""
        self.process.terminate()
        self.process.wait(instance.STOP_SECONDS)

    def __enter__(self) -> Cloud:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with urlopen(Request(self.info["api_url"] + path, json.dumps(body).encode())) as answer:
            result: dict[str, Any] = json.load(answer)
        return result


def start(
    directory: Path | str,
    port: int = 0,
    mcp: str = "customer",
    template: Path | str | None = None,
    bridge: str = "none",
    parameters: Mapping[str, str] | None = None,
) -> Cloud:
    """Start a local cloud that keeps its state in `directory`, and wait until it is ready.

    Port 0 takes a free one. `mcp` is the dialect of the Web Platform, "customer" or "standard"; "none" is a
    stack without one. `bridge` is an address at which containers reach it too; `parameters` are the
    template's.
    It also stops when this process ends. Raises CloudError with the log.
    """
    folder = Path(directory).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "local", "up", "--dir", str(folder), "--port", str(port), "--mcp", mcp]
    argv += ["--parent", str(os.getpid()), "--bridge", bridge]
    if template is not None:
        argv += ["--template", str(Path(template).resolve())]
    if parameters:
        argv += ["--parameters", *(f"{name}={value}" for name, value in parameters.items())]
    log = folder / "cloud.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    return Cloud(folder, _wait_for_info(process, folder, log), process)


def _wait_for_info(process: subprocess.Popen[bytes], folder: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while (info := instance.read(folder)).get("pid") != process.pid:
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            process.wait()
            raise CloudError(f"the local cloud did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
    return info
