"""The wiring: the parts of the module, built from its settings, each when it is first needed."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel

from campaign_automation.clients.gemini_client import load_sdk
from campaign_automation.clients.scheduler import EventBridge, Target
from campaign_automation.clients.step_functions import Executions
from campaign_automation.managers.ab_tests.ab_test_manager import AbTestManager
from campaign_automation.managers.ab_tests.analysis import AbTestAnalyst
from campaign_automation.managers.ab_tests.applying import AbTestApplier
from campaign_automation.managers.ab_tests.daily_check import AbTestChecks
from campaign_automation.managers.ab_tests.ending import AbTestEnding
from campaign_automation.managers.ab_tests.schedules import AbTestSchedules, AbTestSchedulesRepair
from campaign_automation.managers.ab_tests.sizing import AbTestSizing
from campaign_automation.managers.accounts.accounts_read import AccountReader
from campaign_automation.managers.accounts.adopting import CampaignAdoption
from campaign_automation.managers.accounts.health import HealthChecks
from campaign_automation.managers.accounts.listing import CampaignLists
from campaign_automation.managers.accounts.overview import AccountOverview
from campaign_automation.managers.accounts.releasing import CommitmentReleases
from campaign_automation.managers.ads.adding import AdAdditions
from campaign_automation.managers.ads.replacing import CopyReplacements
from campaign_automation.managers.ads.run import AdRuns
from campaign_automation.managers.budgets.budget_manager import BudgetManager
from campaign_automation.managers.budgets.summary import SUMMARY_SCHEMA, Narrator
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.campaigns.creation import CampaignCreation
from campaign_automation.managers.campaigns.journal import Journal
from campaign_automation.managers.campaigns.reconciling import OrphanSearch, Reconciler
from campaign_automation.managers.campaigns.runner import InProcess, Runner, StateMachine
from campaign_automation.managers.campaigns.status import CampaignStatusReader
from campaign_automation.managers.campaigns.steps import CreationSteps
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.control import CampaignControl
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.managers.changes.history import ChangeHistory
from campaign_automation.managers.changes.resuming import PauseSchedules, Resumes
from campaign_automation.managers.changes.stopping import CampaignStops
from campaign_automation.managers.changes.targets import TargetChanges
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.decisions.looking_back import LookingBack
from campaign_automation.managers.duplicates.duplicating import CampaignDuplicates
from campaign_automation.managers.notices.digest import Digests
from campaign_automation.managers.proposals.asking import ProposalRequests
from campaign_automation.managers.proposals.creating import ProposedCreations
from campaign_automation.managers.proposals.deciding import ProposalDecisions
from campaign_automation.managers.proposals.executing import ProposalExecution
from campaign_automation.managers.proposals.making import ProposalMaker
from campaign_automation.managers.reports.collecting import Collector
from campaign_automation.managers.reports.history import History
from campaign_automation.managers.reports.reading import AccountFigures
from campaign_automation.managers.reports.reporting import Reports
from campaign_automation.managers.rules.account_snapshot import AccountSnapshots
from campaign_automation.managers.rules.applying import RuleWriter
from campaign_automation.managers.rules.checks import RuleChecks
from campaign_automation.managers.rules.evaluation import RuleEvaluation
from campaign_automation.managers.rules.rule_manager import RuleManager
from campaign_automation.managers.rules.schedules import RuleSchedules
from campaign_automation.managers.shared.due_runs import AB_TESTS, PAUSES, RULES
from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue
from campaign_automation.managers.updates.updating import CampaignUpdates
from campaign_automation.models.common import Platform
from campaign_automation.shared_parts import SharedParts
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.operations.daily_figures import DailyFigureStore
from campaign_automation.stores.operations.forecasts import ForecastStore
from campaign_automation.stores.operations.owners import AdoptionStore
from campaign_automation.stores.operations.schedules import TableScheduler
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.stores.operations.visits import VisitStore
from campaign_automation.stores.proposal_store import ProposalStore
from campaign_automation.utils.cache_manager import load_redis
from campaign_automation.utils.secrets import load_reader
from campaign_automation.utils.snapshots import after_restore, reseed
from campaign_automation.utils.tls import ssl_context


class Wiring(SharedParts):
    """The parts that actions and tasks need; clients, adapters and a table handed in replace those of the
    settings.

    Functions hand in their settings; without any this process runs creations and computations itself. With
    `runs_due` it also carries out schedules, where the settings name no scheduler.
    """

    def preload(self, *models: type[BaseModel]) -> None:
        """Import the SDKs and build the models and clients that this function will need while it starts: then
        it has the full processor, and a snapshot holds them."""
        for model in models:
            model.model_rebuild()
        for platform in self.settings.preload_platforms:
            self.adapters[platform]
        if self.settings.gemini_secret_id is not None:
            load_sdk()
        self._preload_clients()
        after_restore(reseed)
        after_restore(self._aws.drop_connections)

    def _preload_clients(self) -> None:
        """Build the clients of AWS that the settings give work; none of them calls anything yet."""
        settings = self.settings
        if settings.preload_platforms or settings.gemini_secret_id is not None:
            load_reader()
            ssl_context()
            if settings.cache_url is not None:
                load_redis()
        used = {
            "dynamodb": settings.table_name,
            "stepfunctions": settings.create_campaign_state_machine_arn,
            "scheduler": settings.rule_schedule_group
            or settings.ab_test_schedule_group
            or settings.pause_schedule_group,
            "sns": settings.notification_topic_arn,
        }
        for service in (service for service, name in used.items() if name is not None):
            self._aws.client(service)
        if settings.statistics_function_name is not None:
            self._aws.statistics  # noqa: B018 - built by being asked for

    async def aclose(self) -> None:
        """Close the connections that the module opened itself, once its messages are sent."""
        if "outbox" in self.__dict__:
            await self.outbox.drain()
        if self.__dict__.get("_own_redis") is not None:
            await self._own_redis.aclose()
        if isinstance(table := self.__dict__.get("_table"), SqliteTable):
            table.close()

    # --- campaigns and their changes ------------------------------------------------------------------

    @cached_property
    def campaigns(self) -> CampaignManager:
        return CampaignManager(self.store, self.adapters)

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
        return None if arn is None else Executions(arn, lambda: self._aws.client("stepfunctions"))

    @cached_property
    def reconciler(self) -> Reconciler:
        return Reconciler(
            self.store, VisitStore(self._table), self.creation, self.gate, self._resumes, self._executions
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

    @cached_property
    def control(self) -> CampaignControl:
        categories = self.settings.special_ad_categories
        return CampaignControl(self.campaigns, self.gate, self._resumes, self._executions, categories)

    @cached_property
    def _resumes(self) -> Resumes:
        return Resumes(self.store, self.audit, self.gate, self._pause_schedules)

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
        return CampaignStops(self.store, TagStore(self._table), self.control)

    @cached_property
    def history(self) -> ChangeHistory:
        return ChangeHistory(self.campaigns, self.audit, self.gate, TargetChanges(self.store, self.audit))

    # --- proposals ------------------------------------------------------------------------------------

    @cached_property
    def proposals(self) -> ProposalDecisions:
        allows_own = self.settings.approve_own_proposals
        stored, execution = self._proposal_store, self.proposal_execution
        return ProposalDecisions(stored, execution, self.links, allows_own=allows_own)

    @cached_property
    def proposal_requests(self) -> ProposalRequests:
        return ProposalRequests(self.proposal_maker, self.budgets, self.updates, self._proposed_creations)

    @cached_property
    def proposal_execution(self) -> ProposalExecution:
        return ProposalExecution(
            self._proposal_store,
            self.campaigns,
            self.gate,
            self.audit,
            TargetChanges(self.store, self.audit),
            self._proposed_creations,
            self.decisions,
        )

    @cached_property
    def _proposed_creations(self) -> ProposedCreations:
        return ProposedCreations(self.campaigns, self.duplicates, self.runner, self.audit)

    @cached_property
    def proposal_maker(self) -> ProposalMaker:
        return ProposalMaker(self._proposal_store, self.notices)

    @cached_property
    def _proposal_store(self) -> ProposalStore:
        return ProposalStore(self._table)

    # --- whole accounts -------------------------------------------------------------------------------

    @cached_property
    def _account_reader(self) -> AccountReader:
        return AccountReader(self.store, TagStore(self._table), self.accounts, self.platforms)

    @cached_property
    def adoption(self) -> CampaignAdoption:
        stores = self.store, AdoptionStore(self._table), TagStore(self._table)
        return CampaignAdoption(*stores, self.campaigns, self._account_reader, self.commitments)

    @cached_property
    def duplicates(self) -> CampaignDuplicates:
        return CampaignDuplicates(self.campaigns, self._account_reader, self.gate, self.adapters)

    @cached_property
    def commitment_releases(self) -> CommitmentReleases:
        return CommitmentReleases(self.campaigns, self.gate, self.audit, self.commitments)

    @cached_property
    def lists(self) -> CampaignLists:
        return CampaignLists(self.store, self._ab_test_store, self.status)

    @cached_property
    def account_overview(self) -> AccountOverview:
        platforms = [platform for platform in Platform if platform in self.adapters]
        return AccountOverview(self.store, self.accounts, self._account_reader, self.commitments, platforms)

    @cached_property
    def health(self) -> HealthChecks:
        scheduler = "run_due and background of this process" if self._runs_due else "EventBridge Scheduler"
        return HealthChecks(self._table, self.store, self.cache, self.tools, scheduler)

    # --- reports --------------------------------------------------------------------------------------

    @cached_property
    def reports(self) -> Reports:
        figures = AccountFigures(self._figures, self.insights)
        history = History(self._figures, figures, self.collector, self._collecting_function)
        first_party = FirstPartyRevenue(self.tools)
        return Reports(self.store, self.campaigns, figures, history, first_party)

    @cached_property
    def collector(self) -> Collector:
        return Collector(self._figures, self.store, TagStore(self._table), self.insights)

    @cached_property
    def digests(self) -> Digests:
        stores = self._webhook_store, self.reports, self.audit, self._rule_store
        return Digests(*stores, self.proposals, self.notices)

    @cached_property
    def _figures(self) -> DailyFigureStore:
        return DailyFigureStore(self._table)

    # --- budgets, A/B tests and rules -----------------------------------------------------------------

    @cached_property
    def budgets(self) -> BudgetManager:
        narrator = Narrator(self._text_model(SUMMARY_SCHEMA), self.settings.gemini_models)
        return BudgetManager(
            self.campaigns,
            self.insights,
            self.audit,
            self.statistics,
            self.gate,
            narrator,
            self._ab_test_store,
            self.decisions,
        )

    @cached_property
    def decisions(self) -> EarlierDecisions:
        return EarlierDecisions(ForecastStore(self._table), self.audit)

    @cached_property
    def looking_back(self) -> LookingBack:
        store = ForecastStore(self._table)
        return LookingBack(store, self.campaigns, self.insights, self.audit, self.decisions)

    @cached_property
    def ab_tests(self) -> AbTestManager:
        return AbTestManager(
            self._ab_test_store,
            self.campaigns,
            AbTestSizing(self.store, self.accounts, self.insights, self.statistics),
            self._ab_test_ending,
            self._ab_test_schedules,
            self.adapters,
            activate=self.settings.activate_ab_tests,
        )

    @cached_property
    def ab_test_analyst(self) -> AbTestAnalyst:
        step = self.settings.max_budget_step_percent
        applier = AbTestApplier(self.gate, self._ab_test_ending, self.decisions, step)
        return AbTestAnalyst(
            self.ab_tests, self._ab_test_store, self.insights, self.statistics, applier, self.decisions
        )

    @cached_property
    def ab_test_checks(self) -> AbTestChecks:
        return AbTestChecks(
            self._ab_test_store, self.campaigns, self.ab_test_analyst, self._ab_test_ending, self.notices
        )

    @cached_property
    def ab_test_repair(self) -> AbTestSchedulesRepair:
        return AbTestSchedulesRepair(self._ab_test_store, self._ab_test_schedules)

    @cached_property
    def _ab_test_ending(self) -> AbTestEnding:
        return AbTestEnding(self._ab_test_store, self.gate, self._ab_test_schedules, self.notices)

    @cached_property
    def _ab_test_schedules(self) -> AbTestSchedules | None:
        """The schedules of tests, or None in a process that makes none."""
        settings = self.settings
        if settings.ab_test_schedule_group is None:
            return AbTestSchedules(TableScheduler(self._table, AB_TESTS)) if self._runs_due else None
        # Functions that only end tests make no schedules, so the settings of a target are missing there.
        target = Target(
            settings.check_ab_test_function_arn or "",
            settings.ab_test_schedule_role_arn or "",
            settings.schedule_dead_letters_arn or "",
        )
        return AbTestSchedules(self._event_bridge(settings.ab_test_schedule_group, target))

    @cached_property
    def _snapshots(self) -> AccountSnapshots:
        return AccountSnapshots(self.store, self.insights, self.audit)

    @cached_property
    def rules(self) -> RuleManager:
        checks = RuleChecks(self._rule_store, self._snapshots)
        return RuleManager(self._rule_store, checks, self._rule_schedules)

    @cached_property
    def rule_evaluation(self) -> RuleEvaluation:
        writer = RuleWriter(self.gate, self.decisions)
        return RuleEvaluation(self._rule_store, self._snapshots, writer, self.notices, self.proposal_maker)

    @cached_property
    def _rule_schedules(self) -> RuleSchedules | None:
        """The schedules of rules, or None in a process that makes none."""
        settings = self.settings
        if settings.rule_schedule_group is None:
            return RuleSchedules(TableScheduler(self._table, RULES)) if self._runs_due else None
        target = Target(
            settings.required("evaluate_rule_function_arn"),
            settings.required("rule_schedule_role_arn"),
            settings.required("schedule_dead_letters_arn"),
        )
        return RuleSchedules(self._event_bridge(settings.rule_schedule_group, target))

    def _event_bridge(self, group: str, target: Target) -> EventBridge:
        return EventBridge(group, target, lambda: self.scheduler)
