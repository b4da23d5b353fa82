"""The parts of campaigns and of their changes, on which the other subjects build."""

from __future__ import annotations

from functools import cached_property

from campaign_automation.clients.scheduler import EventBridge, Target
from campaign_automation.clients.step_functions import Executions
from campaign_automation.creation_parts import CreationParts
from campaign_automation.managers.ads.adding import AdAdditions
from campaign_automation.managers.ads.replacing import CopyReplacements
from campaign_automation.managers.ads.run import AdRuns
from campaign_automation.managers.campaigns.reconciling import OrphanSearch, Reconciler
from campaign_automation.managers.campaigns.runner import InProcess, Runner, StateMachine
from campaign_automation.managers.campaigns.status import CampaignStatusReader
from campaign_automation.managers.changes.control import CampaignControl
from campaign_automation.managers.changes.history import ChangeHistory
from campaign_automation.managers.changes.resuming import PauseSchedules, Resumes
from campaign_automation.managers.changes.stopping import CampaignStops
from campaign_automation.managers.changes.targets import TargetChanges
from campaign_automation.managers.shared.due_runs import PAUSES
from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue
from campaign_automation.managers.shared.insights import Insights
from campaign_automation.managers.updates.updating import CampaignUpdates
from campaign_automation.stores.insight_store import InsightStore
from campaign_automation.stores.operations.schedules import TableScheduler
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.stores.operations.visits import VisitStore


class CampaignParts(CreationParts):
    """Creations, changes through the gate, and those that look after them."""

    @cached_property
    def insights(self) -> Insights:
        return Insights(InsightStore(self._table), self.platforms, FirstPartyRevenue(self.tools))

    @cached_property
    def additions(self) -> AdAdditions:
        return AdAdditions(
            self.campaigns,
            self.platforms,
            self._library,
            self._quick_copywriter,
            self.gate,
            self._ad_runs,
            self.settings.request_defaults,
        )

    @cached_property
    def replacements(self) -> CopyReplacements:
        return CopyReplacements(
            self.campaigns,
            self.platforms,
            self._library,
            self._quick_copywriter,
            self.gate,
            self._ad_runs,
            self.settings.request_defaults,
        )

    @cached_property
    def _ad_runs(self) -> AdRuns:
        return AdRuns(
            self.campaigns,
            self.store,
            self.audit,
            self.platforms,
            self.gate,
            self.outbox,
            self.notices,
            self.switches,
            self.settings.change_timeout_seconds,
        )

    @cached_property
    def runner(self) -> Runner:
        """The state machine where the settings name it, else this process."""
        if self._executions is None:
            return InProcess(self.creation, self.campaigns, self.reconciler)
        return StateMachine(self._executions, self.campaigns, VisitStore(self._table))

    @cached_property
    def _executions(self) -> Executions | None:
        arn = self.settings.create_campaign_state_machine_arn
        not_started = "the creation could not be started; ask again with the same idempotency key"
        return None if arn is None else self._executions_of(arn, not_started)

    def _executions_of(self, arn: str, not_started: str) -> Executions:
        return Executions(arn, lambda: self._aws.client("stepfunctions"), not_started)

    @cached_property
    def reconciler(self) -> Reconciler:
        return Reconciler(
            self.store,
            VisitStore(self._table),
            self.creation,
            self.gate,
            self._resumes,
            self.notices,
            self._executions,
        )

    @cached_property
    def orphans(self) -> OrphanSearch:
        return OrphanSearch(
            self.store, TagStore(self._table), self.creation, self.accounts, self.adapters, self.notices
        )

    @cached_property
    def status(self) -> CampaignStatusReader:
        return CampaignStatusReader(self.store, self.campaigns, self.platforms, self.cache)

    @cached_property
    def control(self) -> CampaignControl:
        categories = self.settings.special_ad_categories
        return CampaignControl(self.campaigns, self.gate, self._resumes, self._executions, categories)

    @cached_property
    def _resumes(self) -> Resumes:
        return Resumes(self.store, self.audit, self.gate, self.switches, self._pause_schedules)

    @cached_property
    def _pause_schedules(self) -> PauseSchedules | None:
        """The schedules that end pauses, or None in a process that makes none."""
        settings = self.settings
        if settings.pause_schedule_group is None:
            return PauseSchedules(TableScheduler(self._table, PAUSES)) if self._runs_due else None
        target = Target(
            settings.required("reconcile_campaigns_function_arn"),
            settings.required("pause_schedule_role_arn"),
            settings.required("schedule_dead_letters_arn"),
        )
        return PauseSchedules(self._event_bridge(settings.pause_schedule_group, target))

    @cached_property
    def updates(self) -> CampaignUpdates:
        targets = TargetChanges(self.store, self.audit)
        return CampaignUpdates(self.campaigns, self.gate, targets, self.adapters)

    @cached_property
    def stops(self) -> CampaignStops:
        return CampaignStops(self.store, self.switches, TagStore(self._table), self.control)

    @cached_property
    def history(self) -> ChangeHistory:
        return ChangeHistory(self.campaigns, self.audit, self.gate, TargetChanges(self.store, self.audit))

    def _event_bridge(self, group: str, target: Target) -> EventBridge:
        return EventBridge(group, target, lambda: self.scheduler)
