"""The console over HTTP: GET shows the page, POST does what a form asks for and leads back to it."""

from __future__ import annotations

import json
from collections import deque
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from campaign_automation.api.pages.kit.frame import element, page, paragraph
from campaign_automation.api.pages.kit.style import HEADERS
from local.console.deeds import Outcome, carry_out
from local.console.doors import USERS, Doors
from local.console.guard import ADDRESS, ROOT, refusal
from local.console.page import SEE, document
from local.console.view import look

_KEPT = 3  # outcomes that are still shown
# A browser that may not tell where a form comes from sends no Origin that could be checked.
_HEADERS = {**HEADERS, "Referrer-Policy": "same-origin"}


class Console:
    """Answers the requests to its own addresses, to this machine alone."""

    def __init__(self, doors: Doors, port: int) -> None:
        self._doors, self._port = doors, str(port)
        self._outcomes: deque[Outcome] = deque(maxlen=_KEPT)

    def __call__(self, request: Request) -> Response:
        if (reason := refusal(request, self._port)) is not None:
            return _page(403, page("Not here", paragraph(reason)))
        if request.path == ROOT:
            return Response(status=303, headers={"Location": ADDRESS})
        if request.path == SEE and request.method == "GET":
            return self._see(request)
        if request.path != ADDRESS:
            return _page(404, page("There is no such page", paragraph("The console is one page.")))
        return self._done(request) if request.method == "POST" else self._shown(request)

    def _shown(self, request: Request) -> Response:
        return _page(200, document(look(self._doors, _user(request.args.get("user")), list(self._outcomes))))

    def _done(self, request: Request) -> Response:
        form = {name: str(value) for name, value in request.form.items()}
        form["user"] = _user(form.get("user"))
        self._outcomes.appendleft(carry_out(self._doors, form))
        # A page that is loaded anew must not do it again.
        address = f"{ADDRESS}?{urlencode({'user': form['user']})}#done"
        return Response(status=303, headers={"Location": address})

    def _see(self, request: Request) -> Response:
        """Show a page of the API: a browser has no token to send."""
        path = request.args.get("path", "")
        if not path.startswith("/v1/"):
            return _page(404, page("There is no such page", paragraph("Pages of the API begin with /v1/.")))
        text = self._doors.page(_user(request.args.get("user")), path)
        if not text.lower().startswith("<!doctype html"):  # an answer without a page
            text = page("Answer", element("pre", _laid_out(text)))
        return _page(200, text)


def _laid_out(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _user(asked: str | None) -> str:
    return asked if asked in USERS else USERS[0]


def _page(status: int, text: str) -> Response:
    return Response(text, status, headers=_HEADERS)
