"""The page of one proposal, with a form to decide on it; a decision is posted with a token of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from campaign_automation.api.http import Event
from campaign_automation.api.pages.kit.figures import amount, moment
from campaign_automation.api.pages.kit.frame import (
    Column,
    Markup,
    element,
    facts,
    form,
    page,
    paragraph,
    response,
    section,
    table,
)
from campaign_automation.api.pages.serving import Visit, is_over, link_holder, opened, over, refused
from campaign_automation.api.pages.wording import named, say
from campaign_automation.models.common import Context, Role
from campaign_automation.models.proposals import (
    ApproveProposal,
    GetProposal,
    ProposalShown,
    ProposalView,
    Receipt,
    RejectProposal,
)
from campaign_automation.utils.error_handler import CampaignAutomationError, InvalidRequestError, envelope
from campaign_automation.utils.languages.speaking import told
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

_PATH = "/v1/proposals/{proposal_id}/page"
_DIGEST_SHOWN = 16


async def show_proposal(parts: Wiring, event: Event) -> dict[str, Any]:
    """Return the page of the proposal that a link opens, with a form while it waits."""
    if is_over(event):
        return over()
    context, proposal_id = _caller(event), str(event["pathParameters"]["proposal_id"])
    try:
        shown = await parts.proposals.get(parse(GetProposal, {"proposal_id": proposal_id}), context)
    except CampaignAutomationError as error:
        return _refused(error, event)
    view, decision = shown.proposal, None
    if view.state == "open":
        person = context.person or context.user_id
        token = parts.links.decision_token(context.user_id, person, f"proposals/{proposal_id}")
        # The same path: only the token is another one, which is good for one decision.
        decision = decision_form(f"?token={token}")
    return response(200, document(view, await _about(parts, context, view), decision))


async def decide_proposal(parts: Wiring, event: Event) -> dict[str, Any]:
    """Approve or reject the proposal as the form says, once for each form, and return its page."""
    if is_over(event):
        return over()
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
        return _refused(error, event)
    view = decided.proposals[0]
    return response(200, document(view, await _about(parts, context, view)))


async def show_to_caller(visit: Visit) -> str:
    """Return the page of a proposal to a caller with a token; an approver gets the form while it waits."""
    shown = parse(ProposalShown, await visit.ask("get_proposal", visit.parameters)).proposal
    address = visit.decision_address(shown.proposal_id) if shown.state == "open" else None
    about = await _about(visit.parts, visit.context, shown)
    return document(shown, about, decision_form(address) if address else None)


PROPOSAL_PAGES = {
    ("GET", "/v1/proposals/{proposal_id}"): opened(show_to_caller),
    ("GET", _PATH): show_proposal,
    ("POST", _PATH): decide_proposal,
}


class About(NamedTuple):
    """The currency of a proposal's amounts, and the names of its objects by our ids, as far as known."""

    currency: str | None = None
    names: Mapping[str, str] = {}


async def _about(parts: Wiring, context: Context, view: ProposalView) -> About:
    """Return what is stored of the campaigns that a proposal changes; no platform is read."""
    loaded = [await parts.store.campaign(context.user_id, item) for item in view.campaign_ids]
    campaigns = [item for item in loaded if item is not None]
    currencies: set[str | None] = {item.account.currency for item in campaigns}
    currencies = currencies or {view.plan.get("currency")}
    entries = [entry for item in campaigns for entry in item.objects.values()]
    names = {entry.tag: entry.renamed or entry.name for entry in entries}
    return About(next(iter(currencies)) if len(currencies) == 1 else None, names)


def _caller(event: Event) -> Context:
    """Return the holder of the link as the authorizer verified it: they may decide on this proposal alone."""
    return parse(Context, link_holder(event) | {"roles": [Role.APPROVER]})


def _refused(error: CampaignAutomationError, event: Event) -> dict[str, Any]:
    return refused(envelope(error, event["requestContext"]["requestId"])["error"])


def _decision(event: Event) -> str:
    """Return approve or reject. Raises InvalidRequestError for any other form."""
    try:
        sent: dict[str, list[str]] = parse_qs(str(event.get("body") or ""), max_num_fields=8)
    except ValueError:  # more fields than the form has
        sent = {}
    decision = (sent.get("decision") or [""])[0]
    if decision not in ("approve", "reject"):
        raise InvalidRequestError("decision: should be approve or reject", field="decision")
    return decision


# --- HTML --------------------------------------------------------------------------------------------------


def decision_form(address: str) -> Markup:
    """Return the form that decides on a proposal; its address holds the token."""
    choices = [("decision", value, say(f"proposal.{value}")) for value in ("approve", "reject")]
    return form(address, buttons=choices)


def document(view: ProposalView, about: About, decision: Markup | None = None) -> str:
    """Return the page of a proposal, with the form where it may be decided on."""
    state = element("span", named("proposal_state", view.state), class_="state")
    return page(
        told(view.summary),
        paragraph(f"{say('proposal.state')}: ", state, f" {told(view.note)}" if view.note else None),
        decision,
        facts(
            (say(f"proposal.{name}"), value)
            for name, value in (
                ("by", view.proposed_by),
                ("reason", told(view.reason)),
                ("made", moment(view.created_at)),
                ("expires", moment(view.expires_at)),
                ("decided_by", view.decided_by),
                ("digest", view.plan_digest[:_DIGEST_SHOWN]),
            )
            if value
        ),
        _writes(view, about),
        _receipts(view.receipts) if view.receipts else None,
        about=say("proposal.title"),
    )


def _writes(view: ProposalView, about: About) -> Markup | None:
    """Return the table of what is changed, or of what a creation makes."""
    if view.writes:
        rows = [
            [
                about.names.get(item.id, item.id),
                named("level", item.level),
                item.field,
                *(_value(item.field, value, about) for value in (item.before, item.after)),
            ]
            for item in view.writes
        ]
        return _listing("changes", ["object", "level", "field", "before", "after"], rows)
    made = [
        [item["name"], named("level", item["level"]), _told(item.get("after") or {}, about)]
        for item in view.plan.get("changes") or []
    ]
    return _listing("objects", ["object", "level", "planned"], made) if made else None


def _receipts(receipts: Sequence[Receipt]) -> Markup:
    rows = [
        [
            item.id,
            item.platform_id or say("none"),
            named("operation", item.operation),
            named("outcome", item.outcome),
            _why(item),
        ]
        for item in receipts
    ]
    return _listing("receipts", ["object", "platform_id", "write", "outcome", "why"], rows)


def _why(receipt: Receipt) -> str:
    return told(receipt.reason) or say("none")


def _listing(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    heads = [Column(say(f"proposal.{column}")) for column in columns]
    return section(say(f"proposal.{name}"), table(say(f"proposal.{name}_table"), heads, rows))


def _told(after: Mapping[str, Any], about: About) -> str:
    known = {name: value for name, value in after.items() if value not in (None, "", [])}
    return "; ".join(f"{name}: {_value(name, value, about)}" for name, value in known.items())


def _value(field: str, value: Any, about: About) -> str:
    """Return a value before or after a write: amounts with their currency."""
    if value is None:
        return say("none")
    if field == "daily_budget":
        return amount(value, about.currency) or say("unknown")
    return named("value", str(value))
