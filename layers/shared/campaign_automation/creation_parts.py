"""The parts of a creation's steps, each built when it is first needed."""

from __future__ import annotations

from functools import cached_property

from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.campaigns.creation import CampaignCreation
from campaign_automation.managers.campaigns.journal import Journal
from campaign_automation.managers.campaigns.steps import CreationSteps
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.shared_parts import SharedParts
from campaign_automation.stores.operations.tags import TagStore


class CreationParts(SharedParts):
    """Creations and the gate: the functions that carry out steps start with these alone."""

    @cached_property
    def campaigns(self) -> CampaignManager:
        # The gate is built when the first earlier campaign is looked at, not for every action.
        return CampaignManager(self.store, self.adapters, lambda campaign: self.gate.look(campaign))

    @cached_property
    def creation(self) -> CampaignCreation:
        steps = CreationSteps(
            self.store,
            TagStore(self._table),
            self.accounts,
            self.adapters,
            self._library,
            self._copywriter,
            Journal(self.store, self.audit, self.notices, self.switches),
            self.gate,
            self.commitments,
            self.outbox,
            self.notices,
            self.settings.request_defaults,
        )
        return CampaignCreation(self.store, self.accounts, steps, self.settings.account_connect_url)

    @cached_property
    def gate(self) -> WriteGate:
        return WriteGate(
            self.store,
            self.audit,
            self.platforms,
            self.outbox,
            self.commitments,
            Limits.from_settings(self.settings),
            self.switches,
            self.settings.change_timeout_seconds,
        )

    @cached_property
    def commitments(self) -> Commitments:
        return Commitments(self.store, Limits.from_settings(self.settings), self.switches)
