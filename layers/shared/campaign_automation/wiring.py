"""The wiring: the parts of the module, built from its settings, each when it is first needed."""

from __future__ import annotations

from functools import cached_property

from campaign_automation.campaign_parts import CampaignParts
from campaign_automation.clients.dead_letters import DeadLetters
from campaign_automation.clients.mcp_client import McpClient
from campaign_automation.clients.scheduler import Target
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
from campaign_automation.managers.budgets.budget_manager import BudgetManager
from campaign_automation.managers.budgets.summary import SUMMARY_SCHEMA, Narrator
from campaign_automation.managers.changes.retelling import Retelling
from campaign_automation.managers.changes.targets import TargetChanges
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.decisions.looking_back import LookingBack
from campaign_automation.managers.duplicates.duplicating import CampaignDuplicates
from campaign_automation.managers.notices.digest import Digests
from campaign_automation.managers.notices.page_links import PageLinks
from campaign_automation.managers.notices.settings import NotificationChoices
from campaign_automation.managers.pacing.landing import Landing
from campaign_automation.managers.pacing.pacing import MonthlyBudgets
from campaign_automation.managers.pacing.reading import SpendReader
from campaign_automation.managers.proposals.asking import ProposalRequests
from campaign_automation.managers.proposals.creating import ProposedCreations
from campaign_automation.managers.proposals.deciding import ProposalDecisions
from campaign_automation.managers.proposals.executing import ProposalExecution
from campaign_automation.managers.proposals.making import ProposalMaker
from campaign_automation.managers.redriving import Redriving
from campaign_automation.managers.reports.collecting import Collector
from campaign_automation.managers.reports.history import History
from campaign_automation.managers.reports.reading import AccountFigures
from campaign_automation.managers.reports.reporting import Reports
from campaign_automation.managers.rules.account_snapshot import AccountSnapshots
from campaign_automation.managers.rules.applying import RuleWriter
from campaign_automation.managers.rules.campaign_reading import CampaignReading
from campaign_automation.managers.rules.checks import RuleChecks
from campaign_automation.managers.rules.evaluation import FanOut, RuleEvaluation
from campaign_automation.managers.rules.rule_manager import RuleManager
from campaign_automation.managers.rules.schedules import RuleSchedules
from campaign_automation.managers.shared.due_runs import AB_TESTS, RULES
from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue
from campaign_automation.managers.shared.quarantine import Quarantine
from campaign_automation.managers.shared.trail_search import TrailSearch
from campaign_automation.models.accounts.ab_test_lists import GetAbTest
from campaign_automation.models.common import Context, Platform
from campaign_automation.models.rules.rule import RuleReference
from campaign_automation.stores.ab_test_store import AbTestStore
from campaign_automation.stores.digest_store import DigestStore
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.operations.daily_figures import DailyFigureStore
from campaign_automation.stores.operations.forecasts import ForecastStore
from campaign_automation.stores.operations.monthly_budgets import MonthlyBudgetStore
from campaign_automation.stores.operations.owners import AdoptionStore
from campaign_automation.stores.operations.redrives import RedriveStore
from campaign_automation.stores.operations.requests import RequestStore
from campaign_automation.stores.operations.schedules import TableScheduler
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.stores.proposal_store import ProposalStore
from campaign_automation.stores.rule_store import RuleStore


class Wiring(CampaignParts):
    """The parts that actions and tasks need; clients, adapters and a table handed in replace those of the
    settings.

    Functions hand in their settings; without any this process runs creations and computations itself. With
    `runs_due` it also carries out schedules, where the settings name no scheduler.
    """

    async def aclose(self) -> None:
        """Close the connections that the module opened itself, once its messages are sent."""
        if "outbox" in self.__dict__:
            await self.outbox.drain()
        if self.__dict__.get("_own_redis") is not None:
            await self._own_redis.aclose()
        if isinstance(tools := self.__dict__.get("tools"), McpClient):
            await tools.aclose()
        if isinstance(table := self.__dict__.get("_table"), SqliteTable):
            table.close()

    # --- messages and what was given up --------------------------------------------------------------

    @cached_property
    def retelling(self) -> Retelling:
        return Retelling(self.store, TagStore(self._table), self.outbox)

    @cached_property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.store)

    @cached_property
    def redriving(self) -> Redriving:
        settings, aws = self.settings, self._aws
        letters = settings.schedule_dead_letters_url and DeadLetters(
            settings.schedule_dead_letters_url,
            settings.scheduled_function_arns,
            lambda: aws.client("sqs"),
            lambda: aws.client("lambda"),
        )
        return Redriving(letters or None, RedriveStore(self._table))

    @cached_property
    def trail_search(self) -> TrailSearch:
        requests, tags = RequestStore(self._table), TagStore(self._table)
        return TrailSearch(self.audit, requests, self.store, tags)

    @cached_property
    def notification_choices(self) -> NotificationChoices:
        return NotificationChoices(self._webhook_store, self.webhooks)

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
        return ProposalMaker(
            self._proposal_store, self.notices, lambda tenant, made: self.campaigns.is_gone(tenant, made)
        )

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

    @cached_property
    def page_links(self) -> PageLinks:
        async def campaign(name: str, caller: Context) -> str:
            return await self.campaigns.id_of(caller.user_id, name)

        async def test(name: str, caller: Context) -> str:
            return (await self.lists.ab_test(GetAbTest(test_id=name), caller)).test_id

        async def rule(name: str, caller: Context) -> str:
            return (await self.rules.get(RuleReference(rule_id=name), caller)).rule_id

        return PageLinks(self.links, {"campaign": campaign, "ab_test": test, "rule": rule})

    @cached_property
    def monthly_budgets(self) -> MonthlyBudgets:
        landing = Landing(self.campaigns, self.gate, self.updates, self.proposal_maker, self._proposal_store)
        reader, step = SpendReader(self.reports, self.gate), self.settings.max_budget_step_percent
        store = MonthlyBudgetStore(self._table)
        return MonthlyBudgets(store, self.campaigns, reader, landing, self.notices, step)

    # --- budgets, A/B tests and rules -----------------------------------------------------------------

    @cached_property
    def _rule_store(self) -> RuleStore:
        return RuleStore(self._table)

    @cached_property
    def _ab_test_store(self) -> AbTestStore:
        return AbTestStore(self._table)

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
        reading = CampaignReading(self.store, self.audit, DigestStore(self._table))
        return AccountSnapshots(reading, self.insights)

    @cached_property
    def rules(self) -> RuleManager:
        checks = RuleChecks(self._rule_store, self._snapshots)
        return RuleManager(self._rule_store, checks, self._rule_schedules)

    @cached_property
    def rule_evaluation(self) -> RuleEvaluation:
        writer = RuleWriter(self.gate, self.decisions)
        return RuleEvaluation(
            self._rule_store, self._snapshots, writer, self.notices, self.proposal_maker, self._fan_out
        )

    @cached_property
    def _fan_out(self) -> FanOut | None:
        """The functions that look at many accounts beside each other, or None where one process does."""
        settings = self.settings
        if (arn := settings.evaluate_rule_state_machine_arn) is None:
            return None
        executions = self._executions_of(arn, "the run of the rule could not be started")
        return FanOut(executions, settings.rule_accounts_of_one_function, settings.rule_functions_at_once)

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
