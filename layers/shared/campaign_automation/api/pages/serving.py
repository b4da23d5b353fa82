"""The door of pages: who opens one, by a token or by a link, and the answer where it is not shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from campaign_automation.api.http import Event, Page, caller_of, query_of
from campaign_automation.api.link_verifier import OVER
from campaign_automation.api.pages.kit.frame import page, paragraph, response
from campaign_automation.api.pages.wording import say
from campaign_automation.capability import run_action
from campaign_automation.managers.proposals import wording as proposal_wording
from campaign_automation.models.common import LONGEST_WAIT_SECONDS, Context, Role
from campaign_automation.utils.error_handler import (
    CODES,
    CampaignAutomationError,
    ConfigurationError,
    envelope,
)
from campaign_automation.utils.languages import reader
from campaign_automation.utils.languages.speaking import answer_in, told
from campaign_automation.utils.observability import logger
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

Json = dict[str, Any]


class Refusal(Exception):
    """The error of an action that a page is made of, as its envelope has it."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.error = error


class Visit(NamedTuple):
    """One opening of a page: its route, its parameters, and the caller as the authorizer verified them."""

    parts: Wiring
    route: str
    parameters: Json
    caller: Json

    @property
    def context(self) -> Context:
        return parse(Context, self.caller)

    async def ask(self, action: str, parameters: Json) -> Json:
        """Return the answer of an action that the caller asks for. Raises Refusal."""
        answer = await run_action(self.parts, action, parameters, self.caller)
        if answer["status"] == "error":
            raise Refusal(answer["error"])
        return answer_in(answer, reader.get())

    def decision_address(self, proposal_id: str) -> str | None:
        """Return the address that a form decides on a proposal with; None where the caller may not decide.

        It is relative, since a deployment's address has its stage before the route.
        """
        if Role.APPROVER not in self.context.roles:
            return None
        tenant, person = self.context.user_id, self.context.person or self.context.user_id
        try:
            token = self.parts.links.decision_token(tenant, person, f"proposals/{proposal_id}")
        except ConfigurationError:  # a deployment without the secret of links shows its pages all the same
            return None
        up = "../" * (self.route.count("/") - 2)
        return f"{up}proposals/{proposal_id}/page?token={token}"


Show = Callable[[Visit], Awaitable[str]]


def opened(show: Show) -> Page:
    """Return the page of a route: what `show` makes of a visit, or the refusal."""

    async def answer(parts: Wiring, event: Event) -> Json:
        if is_over(event):
            return over()
        try:
            return response(200, await show(_visit(parts, event)))
        except Refusal as refusal:
            return refused(refusal.error)
        except CampaignAutomationError as error:
            return refused(envelope(error, event["requestContext"]["requestId"])["error"])

    return answer


def refused(error: Json) -> Json:
    """Return the page of an error, under its HTTP status."""
    logger.info("page refused", code=error["code"])
    wait = say("refused.wait") if error["details"].get("retryable") else None
    message = answer_in({"error": error}, reader.get())["error"]["message"]
    document = page(say("refused.title"), paragraph(message), paragraph(wait) if wait else None)
    return response(CODES[error["code"]].http_status, document)


def is_over(event: Event) -> bool:
    """Return whether a link opened the page that is good no longer."""
    return bool(_verified(event).get("link_purpose") == OVER)


def over() -> Json:
    return response(401, page(say("over.title"), paragraph(told(proposal_wording.LINK_OVER))))


def link_holder(event: Event) -> Json:
    """Return the caller who holds a link: its tenant and person, who may read, and approve if it says so."""
    verified = _verified(event)
    roles = [Role.VIEWER, Role.APPROVER] if verified["link_purpose"] == "approve" else [Role.VIEWER]
    return {
        "user_id": verified["principalId"],
        "person": verified["person"],
        "roles": roles,
        "request_id": event["requestContext"]["requestId"],
        "deadline_seconds": LONGEST_WAIT_SECONDS,
    }


def _visit(parts: Wiring, event: Event) -> Visit:
    given = event.get("pathParameters") or {}
    if "link_purpose" in _verified(event):
        return Visit(parts, event["resource"], dict(given), link_holder(event))
    return Visit(parts, event["resource"], query_of(event) | given, caller_of(event))


def _verified(event: Event) -> Mapping[str, Any]:
    return event["requestContext"].get("authorizer") or {}
