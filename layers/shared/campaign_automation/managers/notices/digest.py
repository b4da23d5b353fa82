"""The daily digest: the spend of the day before, what was changed, and what waits for a person."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo

from campaign_automation.managers.notices import wording
from campaign_automation.managers.notices.settings import next_digest
from campaign_automation.managers.proposals.deciding import ProposalDecisions
from campaign_automation.managers.reports.reporting import Reports
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Context
from campaign_automation.models.notices import Digest
from campaign_automation.models.proposals import ListProposals
from campaign_automation.models.reports import GetReport, Report
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.operations.webhooks import WebhookStore
from campaign_automation.stores.rule_store import RuleStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import internal_error, logger

_MOST_TENANTS = 500  # of one sweep
_MOST_CHANGES = 1000  # that are counted
_AGAIN_MS = 3600_000  # after a failure


class Digests:
    def __init__(
        self,
        store: WebhookStore,
        reports: Reports,
        audit: AuditStore,
        rules: RuleStore,
        proposals: ProposalDecisions,
        notices: Notices,
    ) -> None:
        self._store = store
        self._reports = reports
        self._audit = audit
        self._rules = rules
        self._proposals = proposals
        self._notices = notices

    async def sweep(self, until: float) -> int:
        """Send the digests that are due, and return how many were; none is begun after `until`, a time of
        the monotonic clock."""
        sent = 0
        for tenant in await self._store.digests_due(_MOST_TENANTS):
            if time.monotonic() > until:
                break  # the next sweep goes on
            sent += await self._send_due(tenant)
        return sent

    async def _send_due(self, tenant: str) -> bool:
        digest = (await self._store.settings(tenant)).settings.digest
        if digest is None:  # it was turned off a moment ago
            return False
        next_at = next_digest(digest, clock.now())
        try:
            await self._send(tenant, digest)
        except CampaignAutomationError as error:
            logger.warning("digest not sent", reason=error.message)
            next_at = clock.now_ms() + _AGAIN_MS
        except Exception:  # of one tenant: the others are still to be told
            internal_error("digest not sent")
            next_at = clock.now_ms() + _AGAIN_MS
        await self._store.next_digest(tenant, next_at or clock.now_ms() + _AGAIN_MS)
        return True

    async def _send(self, tenant: str, digest: Digest) -> None:
        """Tell what happened on the day before; once for each day."""
        today = clock.day_of(clock.now(), ZoneInfo(digest.time_zone))
        day = today - timedelta(days=1)
        asked = GetReport.model_validate({"from": day, "to": day, "by": "total"})
        report = await self._reports.report(asked, Context(user_id=tenant))
        # Yesterday is read live, so that its history is never missing.
        totals = report.totals if isinstance(report, Report) else []
        trail = await self._audit.of_day(tenant, day, since="", limit=_MOST_CHANGES)
        problems = await self._problems(tenant, report if isinstance(report, Report) else None)
        arguments = wording.digest(day, totals, _changes(trail), problems)
        await self._notices.tell(tenant, f"digest-{day}", arguments)

    async def _problems(self, tenant: str, report: Report | None) -> list[str]:
        """Return what waits for a person."""
        blocks = [] if report is None else report.blocks
        unread = [
            wording.not_read(item.platform, item.ad_account_id, item.problem)
            for item in blocks
            if item.problem
        ]
        heads = await self._rules.heads(tenant)
        rules = [wording.to_review(head.rule.rule_name) for head in heads if head.state == "needs_review"]
        failing = (await self._store.settings(tenant)).failing
        webhook = [] if failing is None else [wording.webhook_failing(failing.error)]
        return [*unread, *rules, *await self._open_proposals(tenant), *webhook]

    async def _open_proposals(self, tenant: str) -> list[str]:
        listed = await self._proposals.list_proposals(ListProposals(), Context(user_id=tenant))
        return [wording.proposal_waits(item.summary, item.expires_at) for item in listed.proposals]


def _changes(trail: Iterable[AuditRecord]) -> Counter[str]:
    """Return how many changes were applied, by the kind of who made them: user, rule, optimizer."""
    return Counter(item.actor.partition(":")[0] for item in trail if item.outcome == "applied")
