"""The words of the page of a proposal."""

from __future__ import annotations

WORDS: dict[str, str] = {
    "proposal.title": "Proposal",
    "proposal.state": "State",
    "proposal.by": "Proposed by",
    "proposal.reason": "Reason",
    "proposal.made": "Made",
    "proposal.expires": "Expires",
    "proposal.decided_by": "Decided by",
    "proposal.digest": "Plan",
    "proposal.approve": "Approve",
    "proposal.reject": "Reject",
    "proposal.changes": "Changes",
    "proposal.changes_table": "Values that are changed, and those that they get",
    "proposal.objects": "Objects",
    "proposal.objects_table": "Objects that are made",
    "proposal.receipts": "Receipts",
    "proposal.receipts_table": "Writes that were carried out, and those that were not",
    "proposal.object": "Object",
    "proposal.level": "Level",
    "proposal.field": "Field",
    "proposal.before": "Before",
    "proposal.after": "After",
    "proposal.planned": "As planned",
    "proposal.platform_id": "On the platform",
    "proposal.write": "Write",
    "proposal.outcome": "Outcome",
    "proposal.why": "Why",
}
