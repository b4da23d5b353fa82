"""The pages that a link opens: one proposal as HTML, with a form to decide on it. No script, nothing loaded.

A template engine was weighed: one page of tables needs none, and everything that is shown passes `escape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qs

from campaign_automation.api.link_verifier import OVER
from campaign_automation.managers.proposals import wording
from campaign_automation.models.common import Context, Role
from campaign_automation.models.proposals import (
    ApproveProposal,
    GetProposal,
    ProposalView,
    RejectProposal,
)
from campaign_automation.utils.error_handler import CODES, CampaignAutomationError, InvalidRequestError
from campaign_automation.utils.observability import logger
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

Event = Mapping[str, Any]

_PATH = "/v1/proposals/{proposal_id}/page"
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # The link itself is a right: it goes to no other site and is kept nowhere.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "td,th{border:1px solid #ccc;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "button{font:inherit;padding:.5rem 1.2rem;margin-right:1rem}.state{font-weight:bold}"
)


async def show_proposal(parts: Wiring, event: Event) -> dict[str, Any]:
    """Return the page of the proposal that a link opens, with a form while it waits."""
    if _is_over(event):
        return _over()
    context, proposal_id = _caller(event), str(event["pathParameters"]["proposal_id"])
    try:
        shown = await parts.proposals.get(parse(GetProposal, {"proposal_id": proposal_id}), context)
    except CampaignAutomationError as error:
        return _refused(error)
    view = shown.proposal
    token = None
    if view.state == "open":
        token = parts.links.decision_token(context.user_id, _person(event), f"proposals/{proposal_id}")
    return _page(200, "Proposal", _proposal(view), _form(token) if token else "")


async def decide_proposal(parts: Wiring, event: Event) -> dict[str, Any]:
    """Approve or reject the proposal as the form says, once for each form, and return its page."""
    if _is_over(event):
        return _over()
    context, proposal_id = _caller(event), str(event["pathParameters"]["proposal_id"])
    link_id = str(event["requestContext"]["authorizer"]["link_id"])
    try:
        decision = _decision(event)
        await parts.proposals.use_link(proposal_id, link_id, context)
        asked = {"proposal_ids": [proposal_id]}
        if decision == "approve":
            decided = await parts.proposals.approve(parse(ApproveProposal, asked), context)
        else:
            decided = await parts.proposals.reject(parse(RejectProposal, asked), context)
    except CampaignAutomationError as error:
        return _refused(error)
    return _page(200, "Proposal", _proposal(decided.proposals[0]))


PROPOSAL_PAGES = {("GET", _PATH): show_proposal, ("POST", _PATH): decide_proposal}


def _is_over(event: Event) -> bool:
    return bool(event["requestContext"]["authorizer"]["link_purpose"] == OVER)


def _over() -> dict[str, Any]:
    return _page(401, "Link is over", "<h1>This link is over</h1>", _paragraph(wording.LINK_OVER))


def _caller(event: Event) -> Context:
    """Return the holder of the link as the authorizer verified it: they may decide on this proposal alone."""
    verified = event["requestContext"]["authorizer"]
    return parse(
        Context,
        {
            "user_id": verified["principalId"],
            "person": verified["person"],
            "roles": [Role.APPROVER],
            "request_id": event["requestContext"]["requestId"],
            "deadline_seconds": 25,
        },
    )


def _person(event: Event) -> str:
    return str(event["requestContext"]["authorizer"]["person"])


def _decision(event: Event) -> str:
    """Return approve or reject. Raises InvalidRequestError for any other form."""
    try:
        form: dict[str, list[str]] = parse_qs(str(event.get("body") or ""), max_num_fields=8)
    except ValueError:  # more fields than the form has
        form = {}
    decision = (form.get("decision") or [""])[0]
    if decision not in ("approve", "reject"):
        raise InvalidRequestError("decision: should be approve or reject", field="decision")
    return decision


# --- HTML --------------------------------------------------------------------------------------------------


def _page(status: int, title: str, *parts: str) -> dict[str, Any]:
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>"
    )
    return {"statusCode": status, "headers": _HEADERS, "body": body}


def _refused(error: CampaignAutomationError) -> dict[str, Any]:
    logger.info("page refused", code=error.code)
    return _page(CODES[error.code].http_status, "Not done", "<h1>Not done</h1>", _paragraph(error.message))


def _proposal(view: ProposalView) -> str:
    facts = [
        ("Proposed by", view.proposed_by),
        ("Reason", view.reason),
        ("Made", view.created_at),
        ("Expires", view.expires_at),
        ("Decided by", view.decided_by or ""),
        ("Plan", view.plan_digest[:16]),
    ]
    parts = [
        f"<h1>{escape(view.summary)}</h1>",
        f'<p>State: <span class="state">{escape(view.state)}</span> {escape(view.note)}</p>',
        _table(["", ""], [list(fact) for fact in facts if fact[1]]),
        _writes(view),
    ]
    if view.receipts:
        rows = [
            [item.operation, item.id, item.platform_id or "", item.outcome, item.reason]
            for item in view.receipts
        ]
        parts += ["<h2>Receipts</h2>", _table(["write", "object", "on the platform", "outcome", ""], rows)]
    return "".join(parts)


def _writes(view: ProposalView) -> str:
    """Return the table of what is changed, or of what a creation makes."""
    if view.writes:
        rows = [
            [item.level, item.id, item.field, item.before or "", item.after or ""] for item in view.writes
        ]
        return "<h2>Changes</h2>" + _table(["level", "object", "field", "before", "after"], rows)
    made = [
        [item["level"], item["name"], _told(item.get("after") or {})]
        for item in view.plan.get("changes") or []
    ]
    return "<h2>Objects</h2>" + _table(["level", "name", "as planned"], made) if made else ""


def _told(after: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in after.items() if value not in (None, "", []))


def _form(token: str) -> str:
    # The same path: only the token is another one, which is good for one decision.
    return (
        f'<form method="post" action="?token={escape(token)}">'
        '<button name="decision" value="approve">Approve</button>'
        '<button name="decision" value="reject">Reject</button></form>'
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(item)}</th>" for item in heads) if any(heads) else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"
