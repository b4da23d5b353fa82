"""Puts the parts together from the settings, each imported when it is first asked for: a function pays for
what it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from campaign_automation.settings import Settings, SettingsError, get_settings
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.secrets import read_secret

if TYPE_CHECKING:
    from campaign_automation.adapters.base import PlatformAdapter
    from campaign_automation.clients.gemini_client import TextModel
    from campaign_automation.clients.mcp_client import ToolCaller
    from campaign_automation.clients.media_client import MediaClient
    from campaign_automation.managers.ab_tests.ab_test_manager import AbTestManager
    from campaign_automation.managers.ab_tests.analysis import AbTestAnalyst
    from campaign_automation.managers.ab_tests.daily_check import AbTestChecks
    from campaign_automation.managers.ab_tests.ending import AbTestEnding
    from campaign_automation.managers.ab_tests.schedules import AbTestSchedules
    from campaign_automation.managers.budgets.budget_manager import BudgetManager
    from campaign_automation.managers.campaign_manager import CampaignManager
    from campaign_automation.managers.campaigns.creation import CampaignCreation
    from campaign_automation.managers.campaigns.runner import Runner
    from campaign_automation.managers.campaigns.status import CampaignStatusReader
    from campaign_automation.managers.changes.control import CampaignControl
    from campaign_automation.managers.changes.gate import WriteGate
    from campaign_automation.managers.changes.guards import Limits
    from campaign_automation.managers.changes.history import ChangeHistory
    from campaign_automation.managers.rules.account_snapshot import RuleMarket
    from campaign_automation.managers.rules.evaluation import RuleEvaluation
    from campaign_automation.managers.rules.rule_manager import RuleManager
    from campaign_automation.managers.rules.schedules import RuleSchedules
    from campaign_automation.managers.shared.accounts import AccountDirectory
    from campaign_automation.managers.shared.idempotency import Idempotency
    from campaign_automation.managers.shared.insights import Insights
    from campaign_automation.managers.shared.notices import Notices, Publish
    from campaign_automation.managers.shared.outbox import Outbox
    from campaign_automation.managers.shared.statistics import Statistics
    from campaign_automation.stores.ab_test_store import AbTestStore
    from campaign_automation.stores.audit_store import AuditStore
    from campaign_automation.stores.rule_store import RuleStore
    from campaign_automation.stores.table import Table
    from campaign_automation.utils.cache_manager import CacheManager, RedisClient


class Adapters(Mapping[str, "PlatformAdapter"]):
    """The adapters by platform, each built, with its SDK, when it is first asked for."""

    def __init__(self, factories: Mapping[str, Callable[[], PlatformAdapter]]) -> None:
        self._factories = factories
        self._built: dict[str, PlatformAdapter] = {}

    def __getitem__(self, platform: str) -> PlatformAdapter:
        if platform not in self._built:
            self._built[platform] = self._factories[platform]()
        return self._built[platform]

    def __contains__(self, platform: object) -> bool:
        return platform in self._factories

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)

    def __len__(self) -> int:
        return len(self._factories)


class Wiring:
    """Everything an action or a step needs; what is handed in replaces what the settings would give."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        mcp_client: ToolCaller | None = None,
        gemini_client: TextModel | None = None,
        redis_client: RedisClient | None = None,
        adapters: Mapping[str, PlatformAdapter] | None = None,
        use_workflow: bool = False,
        remote_statistics: bool = False,
    ) -> None:
        self._use_workflow = use_workflow
        self._remote_statistics = remote_statistics
        self.settings = settings or get_settings()
        self._mcp_client = mcp_client
        self._gemini_client = gemini_client
        self._redis_client = redis_client
        self._adapters = adapters

    @cached_property
    def store(self) -> CampaignStore:
        return CampaignStore(self._table)

    @cached_property
    def _table(self) -> Table:
        from campaign_automation.stores.dynamodb import DynamoTable

        return DynamoTable(self.settings.table_name, lambda: self._dynamodb)

    @cached_property
    def _dynamodb(self) -> Any:
        """One client for all stores: making one takes longer than a call."""
        import boto3

        return boto3.client("dynamodb")

    @cached_property
    def cache(self) -> CacheManager:
        from campaign_automation.utils.cache_manager import CacheManager

        return CacheManager(self._redis_client or self._own_redis, self.settings.stage)

    @cached_property
    def _own_redis(self) -> Any:
        from campaign_automation.utils.cache_manager import connect

        secret_id = self.settings.cache_secret_id
        credentials = partial(read_secret, secret_id, "the cache") if secret_id else None
        return connect(self.settings.cache_url, self.settings.cache_cluster, credentials)

    async def aclose(self) -> None:
        if self.__dict__.get("_own_redis") is not None:
            await self._own_redis.aclose()

    @cached_property
    def tools(self) -> ToolCaller | None:
        if self._mcp_client is not None or self.settings.mcp_url is None:
            return self._mcp_client
        from campaign_automation.clients.mcp_client import McpClient

        return McpClient(
            self.settings.mcp_url,
            lambda: str(read_secret(self.settings.mcp_secret_id, "the Web Platform")["token"]),
            timeout_seconds=self.settings.mcp_timeout_seconds,
            user_prefix=self.settings.web_platform_user_prefix,
        )

    @cached_property
    def text_model(self) -> TextModel | None:
        from campaign_automation.managers.campaigns.copywriting import COPY_SCHEMA

        return self._text_model(COPY_SCHEMA)

    def _text_model(self, response_schema: dict[str, Any]) -> TextModel | None:
        if self._gemini_client is not None or self.settings.gemini_secret_id is None:
            return self._gemini_client
        from campaign_automation.clients.gemini_client import GeminiClient

        return GeminiClient(
            lambda: str(read_secret(self.settings.gemini_secret_id, "Gemini")["api_key"]),
            endpoint=self.settings.gemini_endpoint,
            timeout_seconds=self.settings.gemini_timeout_seconds,
            response_schema=response_schema,
        )

    @cached_property
    def accounts(self) -> AccountDirectory:
        from campaign_automation.managers.shared.accounts import SecretAccounts, WebPlatformAccounts

        if self.tools is not None:
            return WebPlatformAccounts(self.tools)
        return SecretAccounts(lambda name: read_secret(name, "the ad account"), self.settings.stage)

    @cached_property
    def adapters(self) -> Mapping[str, PlatformAdapter]:
        if self._adapters is not None:
            return self._adapters
        factories = {
            "meta": self._meta_adapter,
            "tiktok": self._tiktok_adapter,
            "google": self._google_adapter,
        }
        return Adapters(factories)

    @cached_property
    def _media(self) -> MediaClient:
        """The Web Platform's own host may stand in a private network."""
        from campaign_automation.clients.media_client import MediaClient

        host = urlsplit(self.settings.mcp_url or "").hostname
        return MediaClient(frozenset({host} if host else ()))

    def _meta_adapter(self) -> PlatformAdapter:
        from campaign_automation.adapters.meta_adapter import MetaAdapter

        return MetaAdapter(
            lambda: read_secret(self.settings.meta_secret_id, "Meta"),
            self._media,
            graph_url=self.settings.meta_graph_url,
            api_version=self.settings.meta_api_version,
            timeout_seconds=self.settings.platform_timeout_seconds,
        )

    def _tiktok_adapter(self) -> PlatformAdapter:
        from campaign_automation.adapters.tiktok_adapter import TikTokAdapter

        return TikTokAdapter(
            lambda: read_secret(self.settings.tiktok_secret_id, "TikTok"),
            self._media,
            api_url=self.settings.tiktok_api_url,
            family=self.settings.tiktok_family,
            timeout_seconds=self.settings.platform_timeout_seconds,
        )

    def _google_adapter(self) -> PlatformAdapter:
        from campaign_automation.adapters.google_adapter import GoogleAdapter

        return GoogleAdapter(
            lambda: read_secret(self.settings.google_secret_id, "Google Ads"),
            self._media,
            endpoint=self.settings.google_ads_endpoint,
            timeout_seconds=self.settings.platform_timeout_seconds,
        )

    @cached_property
    def audit(self) -> AuditStore:
        from campaign_automation.stores.audit_store import AuditStore

        return AuditStore(self._table)

    @cached_property
    def idempotency(self) -> Idempotency:
        from campaign_automation.managers.shared.idempotency import Idempotency
        from campaign_automation.stores.answer_store import AnswerStore

        return Idempotency(AnswerStore(self._table))

    @cached_property
    def campaigns(self) -> CampaignManager:
        from campaign_automation.managers.campaign_manager import CampaignManager

        return CampaignManager(self.store, self.adapters)

    @cached_property
    def status(self) -> CampaignStatusReader:
        from campaign_automation.managers.campaigns.status import CampaignStatusReader

        return CampaignStatusReader(
            self.store,
            self.campaigns,
            self.accounts,
            self.adapters,
            self.cache,
            self.settings.account_connect_url,
        )

    @cached_property
    def gate(self) -> WriteGate:
        from campaign_automation.managers.changes.gate import WriteGate

        return WriteGate(
            self.store,
            self.audit,
            self.accounts,
            self.adapters,
            self.outbox,
            _limits(self.settings),
            self.settings.account_connect_url,
            self.settings.change_timeout_seconds,
        )

    @cached_property
    def control(self) -> CampaignControl:
        from campaign_automation.managers.changes.control import CampaignControl

        return CampaignControl(self.campaigns, self.gate)

    @cached_property
    def insights(self) -> Insights:
        from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue
        from campaign_automation.managers.shared.insights import Insights
        from campaign_automation.stores.insight_store import InsightStore

        return Insights(
            InsightStore(self._table),
            self.accounts,
            self.adapters,
            FirstPartyRevenue(self.tools),
            self.settings.account_connect_url,
        )

    @cached_property
    def statistics(self) -> Statistics:
        """In this process, unless the function says that it has no numpy."""
        from campaign_automation.clients.statistics_lambda import LambdaStatistics
        from campaign_automation.managers.shared.statistics import InProcessStatistics

        if not self._remote_statistics:
            return InProcessStatistics()
        name = self.settings.statistics_function_name
        if name is None:
            raise SettingsError("settings: STATISTICS_FUNCTION_NAME is required")
        return LambdaStatistics(name, lambda: self._lambda)

    @cached_property
    def _lambda(self) -> Any:
        import boto3
        from botocore.config import Config

        # A computation changes nothing, so it may be asked once more; callers wait 29 seconds.
        return boto3.client("lambda", config=Config(read_timeout=20, retries={"total_max_attempts": 2}))

    @cached_property
    def budgets(self) -> BudgetManager:
        from campaign_automation.managers.budgets.budget_manager import BudgetManager
        from campaign_automation.managers.budgets.summary import SUMMARY_SCHEMA, Narrator

        narrator = Narrator(self._text_model(SUMMARY_SCHEMA), self.settings.gemini_models)
        return BudgetManager(
            self.campaigns,
            self.insights,
            self.audit,
            self.statistics,
            self.gate,
            narrator,
            self._ab_test_store,
        )

    @cached_property
    def history(self) -> ChangeHistory:
        from campaign_automation.managers.changes.history import ChangeHistory

        return ChangeHistory(self.campaigns, self.audit, self.gate)

    @cached_property
    def outbox(self) -> Outbox:
        from campaign_automation.managers.shared.outbox import Outbox

        return Outbox(self.store, self.tools, self.notices)

    @cached_property
    def notices(self) -> Notices:
        from campaign_automation.managers.shared.notices import Notices
        from campaign_automation.stores.notice_store import NoticeStore

        store = NoticeStore(self._table)
        return Notices(store, self.tools, self._publish)

    @cached_property
    def _publish(self) -> Publish | None:
        topic = self.settings.notification_topic_arn
        if topic is None:
            return None
        import boto3

        from campaign_automation.clients.topic import Topic

        return Topic(topic, boto3.client("sns")).publish

    @cached_property
    def _rule_store(self) -> RuleStore:
        from campaign_automation.stores.rule_store import RuleStore

        return RuleStore(self._table)

    @cached_property
    def _rule_market(self) -> RuleMarket:
        from campaign_automation.managers.rules.account_snapshot import RuleMarket

        return RuleMarket(self.store, self.insights, self.audit)

    @cached_property
    def rules(self) -> RuleManager:
        from campaign_automation.managers.rules.checks import RuleChecks
        from campaign_automation.managers.rules.rule_manager import RuleManager

        checks = RuleChecks(self._rule_store, self._rule_market)
        return RuleManager(self._rule_store, checks, self._rule_schedules)

    @cached_property
    def rule_evaluation(self) -> RuleEvaluation:
        from campaign_automation.managers.rules.applying import RuleWriter
        from campaign_automation.managers.rules.evaluation import RuleEvaluation

        return RuleEvaluation(self._rule_store, self._rule_market, RuleWriter(self.gate), self.notices)

    @cached_property
    def _rule_schedules(self) -> RuleSchedules | None:
        """None in a process that has no schedules to make."""
        from campaign_automation.clients.scheduler import Target
        from campaign_automation.managers.rules.schedules import RuleSchedules

        settings = self.settings
        if settings.rule_schedule_group is None:
            return None
        needed = ("evaluate_rule_function_arn", "rule_schedule_role_arn", "schedule_dead_letters_arn")
        missing = [name.upper() for name in needed if getattr(settings, name) is None]
        if missing:
            raise SettingsError(f"settings: {', '.join(missing)} is required")
        target = Target(*(getattr(settings, name) for name in needed))
        return RuleSchedules(settings.rule_schedule_group, target, lambda: self._scheduler)

    @cached_property
    def _ab_test_store(self) -> AbTestStore:
        from campaign_automation.stores.ab_test_store import AbTestStore

        return AbTestStore(self._table)

    @cached_property
    def ab_tests(self) -> AbTestManager:
        from campaign_automation.managers.ab_tests.ab_test_manager import AbTestManager
        from campaign_automation.managers.ab_tests.sizing import AbTestSizing

        return AbTestManager(
            self._ab_test_store,
            self.campaigns,
            AbTestSizing(self.store, self.accounts, self.insights, self.statistics),
            self._ab_test_ending,
            self._ab_test_schedules,
            activate=self.settings.activate_ab_tests,
        )

    @cached_property
    def ab_test_analyst(self) -> AbTestAnalyst:
        from campaign_automation.managers.ab_tests.analysis import AbTestAnalyst
        from campaign_automation.managers.ab_tests.applying import AbTestApplier

        applier = AbTestApplier(self.gate, self._ab_test_ending, self.settings.max_budget_step_percent)
        return AbTestAnalyst(self.ab_tests, self._ab_test_store, self.insights, self.statistics, applier)

    @cached_property
    def ab_test_checks(self) -> AbTestChecks:
        from campaign_automation.managers.ab_tests.daily_check import AbTestChecks

        return AbTestChecks(
            self._ab_test_store, self.campaigns, self.ab_test_analyst, self._ab_test_ending, self.notices
        )

    @cached_property
    def _ab_test_ending(self) -> AbTestEnding:
        from campaign_automation.managers.ab_tests.ending import AbTestEnding

        return AbTestEnding(self._ab_test_store, self.gate, self._ab_test_schedules, self.notices)

    @cached_property
    def _ab_test_schedules(self) -> AbTestSchedules | None:
        """None in a process that has no schedules to make."""
        from campaign_automation.clients.scheduler import Target
        from campaign_automation.managers.ab_tests.schedules import AbTestSchedules

        settings = self.settings
        if settings.ab_test_schedule_group is None:
            return None
        # Functions that only end tests make no schedules, and are not told whom those call.
        target = Target(
            settings.check_ab_test_function_arn or "",
            settings.ab_test_schedule_role_arn or "",
            settings.schedule_dead_letters_arn or "",
        )
        return AbTestSchedules(settings.ab_test_schedule_group, target, lambda: self._scheduler)

    @cached_property
    def _scheduler(self) -> Any:
        import boto3

        return boto3.client("scheduler")

    @cached_property
    def creation(self) -> CampaignCreation:
        from campaign_automation.managers.campaigns.copywriting import Copywriter
        from campaign_automation.managers.campaigns.creation import CampaignCreation
        from campaign_automation.managers.campaigns.creatives import CreativeLibrary

        return CampaignCreation(
            self.store,
            self.accounts,
            CreativeLibrary(self.tools, self.cache),
            Copywriter(self.text_model, self.settings.gemini_models),
            self.adapters,
            self.outbox,
            self.gate,
            _request_defaults(self.settings),
            self.settings.account_connect_url,
        )

    @cached_property
    def runner(self) -> Runner:
        from campaign_automation.managers.campaigns.runner import InProcess, StateMachine

        if not self._use_workflow:
            return InProcess(self.creation, self.campaigns)
        arn = self.settings.create_campaign_state_machine_arn
        if arn is None:
            raise SettingsError("settings: CREATE_CAMPAIGN_STATE_MACHINE_ARN is required")
        return StateMachine(arn, self.campaigns)

    def preload(self, *parts: str) -> None:
        """Builds the parts that this function will need while it starts, when it has the full processor; no
        part asks anything of anybody yet."""
        for part in parts:
            getattr(self, part)
        self.preload_adapters()

    def preload_adapters(self) -> None:
        """Imports the SDKs that this function will need while it starts, when it has the full processor."""
        for platform in self.settings.preload_platforms:
            self.adapters[platform]

    def preload_text_model(self) -> None:
        if self.text_model is not None:
            from campaign_automation.clients.gemini_client import load_sdk

            load_sdk()


def _limits(settings: Settings) -> Limits:
    from campaign_automation.managers.changes.guards import Limits

    return Limits(
        step_percent=settings.max_budget_step_percent,
        day_percent=settings.max_budget_day_percent,
        account_caps=settings.account_daily_budget_caps,
        is_stopped=settings.kill_switch,
    )


def _request_defaults(settings: Settings) -> dict[str, Any]:
    """What the deployment answers when a request leaves it open."""
    categories = settings.special_ad_categories
    return {
        "special_ad_categories": list(categories) if categories else None,
        "eu_political_advertising": settings.eu_political_advertising,
    }
