"""Parts of the wiring made by tests: a gate with limits of the test's own, and campaigns as it takes them."""

from __future__ import annotations

import asyncio

from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.models.campaign import Campaign
from campaign_automation.wiring import Wiring


def gate_with(wiring: Wiring, limits: Limits) -> WriteGate:
    commitments = Commitments(wiring.store, limits, wiring.switches)
    stores = wiring.store, wiring.audit
    return WriteGate(*stores, wiring.platforms, wiring.outbox, commitments, limits, wiring.switches)


def campaign_of(wiring: Wiring, campaign_id: str) -> Campaign:
    campaign = asyncio.run(wiring.store.campaign("u", campaign_id))
    assert campaign is not None
    return campaign
