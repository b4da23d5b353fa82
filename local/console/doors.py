"""Doors of the console: the sandbox's admin side, the API as one of its users, the cloud itself."""

from __future__ import annotations

import json
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

Json = dict[str, Any]
USERS = ("user_123", "user_456")
# Everything is open to the person at this machine.
ROLES = ("viewer", "buyer", "approver", "operator")
_PATIENCE_SECONDS = 120
_ACCEPTED = 202


class RefusedError(Exception):
    """A request that was refused, with words to show."""


@dataclass(frozen=True)
class Doors:
    """`token` makes one for a user, `move` changes the clock and lets what is due then fire."""

    api_url: str
    admin_url: str
    token: Callable[[str], str]
    move: Callable[[Callable[[], object]], list[Json]]
    fire: Callable[[str], Json]
    schedules: Callable[[], list[Json]]
    executions: Callable[[], list[Json]]
    metrics: Callable[[], dict[str, dict[str, dict[str, float]]]]

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the sandbox's admin side answers. Raises RefusedError."""
        status, text = _ask(method, f"{self.admin_url}{path}", body, {})
        if status >= 400:
            raise RefusedError(str(_read(text).get("error", f"the sandbox answers HTTP {status}")))
        return json.loads(text)

    def now(self) -> datetime:
        return datetime.fromisoformat(self.sandbox("GET", "/clock")["now"])

    def api(self, user: str, method: str, path: str, body: Any = None) -> Json:
        """Return the API's answer to a user. One that goes on is asked for again: the same request is the
        same creation. Raises RefusedError."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        while True:
            status, text = _ask(method, self.api_url + path, body, headers)
            if status != _ACCEPTED or method == "GET" or time.monotonic() > deadline:
                break
        answer = _read(text)
        if status >= 400:
            raise RefusedError(_told(answer))
        return answer

    def page(self, user: str, path: str) -> str:
        """Return a page of the API as a user sees it, errors included."""
        headers = {"Authorization": f"Bearer {self.token(user)}", "Accept": "text/html"}
        return _ask("GET", self.api_url + path, None, headers)[1]


def _ask(method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    kind = {} if data is None else {"Content-Type": "application/json"}
    # A path of somebody's typing may hold spaces and letters that no address has.
    request = Request(quote(url, safe=string.punctuation), data, {**headers, **kind}, method=method)
    try:
        with urlopen(request, timeout=_PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def _read(text: str) -> Json:
    """Return an answer; one that is no JSON object, such as a report as CSV, as its text."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"status": "success", "text": text}


def _told(answer: Json) -> str:
    error = answer.get("error") or {}
    code = f" ({error['code']} {error['type']})" if "code" in error else ""
    return f"{error.get('message') or answer.get('message') or answer}{code}"
