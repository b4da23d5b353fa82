"""The sentences about proposals: answers, notices, and the reasons of how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaign_automation.managers.notices.links import LINK_TO
from campaign_automation.models.proposals import Proposal, Receipt
from campaign_automation.utils import clock
from campaign_automation.utils.languages.plurals import counted

UNKNOWN = "is not known"
OWN = "was proposed by you: another person has to approve it (APPROVE_OWN_PROPOSALS allows one's own)"
EXPIRED = "nobody decided on it in time"
NOT_THE_PLAN = "the stored plan does not have its digest"
LINK_USED = "this form was used before; open the link again to see the proposal as it is"
LINK_OVER = "It was good for 15 minutes. Ask for a new one (link_proposal), or decide with approve_proposal."
NO_PUBLIC_URL = "links: this deployment has no PUBLIC_URL at which they could be opened"
GOES_ON = "the creation goes on"
CREATION_ENDED = {
    "rolled_back": "the creation failed and was undone",
    "deleted": "it was created and deleted",
}
LOST = "the platform could not be reached often enough to finish it"
PLAN_NOT_READY = "the plan is not ready yet; ask again in a moment"
_SHOWN = 3


def made(proposal: Proposal) -> str:
    until = clock.iso(proposal.expires_at)
    return f"nothing was written: {proposal.summary}; it waits for approval until {until}"


def is_now(state: str, note: str) -> str:
    """Return the message of a repeated request whose proposal does not wait any more."""
    return f"the proposal is {state}" + (f": {note}" if note else "")


def stale(changed: Sequence[str]) -> str:
    """Return the reason of a plan that does not fit any more, by the objects that changed."""
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return (
        f"plan_stale: {', '.join(changed[:_SHOWN])}{more} changed since it was proposed; nothing was written"
    )


def changed_object(name: str, field: str, before: str | None, now: str | None) -> str:
    return f"{name} ({field} {before or 'none'}, now {now or 'none'})"


def changes(count: int, campaigns: int) -> str:
    """Return the summary of a plan of changes."""
    return f"{counted(count, 'change')} in {counted(campaigns, 'campaign')}"


def creation(name: str, adsets: int, ads: int, budget: str) -> str:
    """Return the summary of a plan of a new campaign."""
    return f"the campaign {name} with {counted(adsets, 'ad set')} and {counted(ads, 'ad')} at {budget} a day"


def reason(text: str, proposal: Proposal) -> str:
    """Return the reason of a write in the audit trail: who proposed and who approved it."""
    people = f"proposed by {proposal.proposed_by}, approved by {proposal.decided_by}"
    return f"{text} ({proposal.proposal_id}: {people})"


def ended(receipts: Sequence[Receipt]) -> str:
    """Return the note of a proposal that was carried out, in part or whole."""
    left = [item for item in receipts if not item.is_in_force]
    if not left:
        return f"{counted(len(receipts), 'write')} carried out and read back"
    reasons = "; ".join(dict.fromkeys(item.reason for item in left if item.reason))
    return f"{len(left)} of {counted(len(receipts), 'write')} not carried out: {reasons or 'see receipts'}"


def decided(verb: str, count: int, failed: int) -> str:
    done = f"{verb} {counted(count, 'proposal')}"
    return f"{done}; {failed} could not be, see failed" if failed else done


def notice(proposal: Proposal) -> dict[str, Any]:
    """Return the arguments of create_notification for a proposal that waits."""
    return {
        "notification_type": "important",
        "category": "optimization_suggestion",
        "title": "A proposal waits for your decision",
        "message": f"{proposal.summary}. Proposed by {proposal.proposed_by}: {proposal.reason}. It expires at"
        f" {clock.iso(proposal.expires_at)}.",
        LINK_TO: f"proposals/{proposal.proposal_id}",
        "extra_data": {"proposal_id": proposal.proposal_id, "action": proposal.action},
    }
