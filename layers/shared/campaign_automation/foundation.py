"""The foundation of the wiring: clients and stores, each built when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

from pydantic import BaseModel

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.adapters.registry import Adapters
from campaign_automation.clients.aws import Aws
from campaign_automation.clients.functions.background import BackgroundFunction
from campaign_automation.clients.functions.copy import LambdaTextModel
from campaign_automation.clients.functions.statistics import LambdaStatistics
from campaign_automation.clients.gemini_client import GeminiClient, TextModel, load_sdk
from campaign_automation.clients.given_tools import GivenTools
from campaign_automation.clients.mcp_client import McpClient, ToolCaller
from campaign_automation.clients.media_client import MediaClient, TrustedFiles
from campaign_automation.managers.ads.drafting import COPY_SCHEMA
from campaign_automation.managers.campaigns.copywriting import Copywriter
from campaign_automation.managers.campaigns.creatives import CreativeLibrary
from campaign_automation.managers.shared.accounts import AccountDirectory
from campaign_automation.managers.shared.due_runs import SWEEPS, DueRunner, Handler
from campaign_automation.managers.shared.statistics import InProcessStatistics, Statistics
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.settings import Settings, get_settings
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.engines.dynamodb import DynamoTable
from campaign_automation.stores.operations.call_limits import CallLimitStore
from campaign_automation.stores.operations.metrics import MetricStore
from campaign_automation.stores.operations.schedules import DueRuns, TableScheduler
from campaign_automation.stores.operations.switches import SwitchStore
from campaign_automation.stores.table import Table
from campaign_automation.stores.tenant_store import TenantStore
from campaign_automation.utils.cache_manager import CacheManager, RedisClient, connect, load_redis
from campaign_automation.utils.retry_strategy import ATTEMPT_TIMEOUT_SECONDS
from campaign_automation.utils.secrets import load_reader, read_field, read_secret
from campaign_automation.utils.snapshots import after_restore, keep_loaded, reseed
from campaign_automation.utils.tls import load_transport

_QUICK_COPY_SECONDS = 9.0  # of the 29 that callers wait


class Foundation:
    """The clients and stores of a process; clients, adapters and a table handed in replace those of the
    settings."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        mcp_client: ToolCaller | None = None,
        gemini_client: TextModel | None = None,
        redis_client: RedisClient | None = None,
        adapters: Mapping[str, PlatformAdapter] | None = None,
        table: Table | None = None,
        accounts: AccountDirectory | None = None,
        apps: Mapping[str, Mapping[str, Any]] | None = None,
        runs_due: bool = False,
    ) -> None:
        self.settings = settings or get_settings().in_process
        self._given_accounts = accounts
        self._given_apps = apps
        self._runs_due = runs_due
        self._mcp_client = mcp_client
        self._gemini_client = gemini_client
        self._redis_client = redis_client
        self._given_adapters = adapters
        self._given_table = table
        self._aws = Aws()

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
        keep_loaded()

    def _preload_clients(self) -> None:
        """Build the clients of AWS that the settings give work; none of them calls anything yet."""
        settings = self.settings
        if settings.preload_platforms or settings.gemini_secret_id is not None:
            load_reader()
            load_transport()
            if settings.cache_url is not None:
                load_redis()
        used = {
            "dynamodb": settings.table_name,
            "stepfunctions": settings.create_campaign_state_machine_arn
            or settings.evaluate_rule_state_machine_arn,
            "scheduler": settings.rule_schedule_group
            or settings.ab_test_schedule_group
            or settings.pause_schedule_group,
            "sns": settings.notification_topic_arn,
        }
        for service in (service for service, name in used.items() if name is not None):
            self._aws.client(service)
        invoking = {
            "statistics": settings.statistics_function_name,
            "writing": settings.write_copy_function_name,
            "handing_over": settings.outbox_function_name or settings.collect_insights_function_name,
        }
        for client in (client for client, name in invoking.items() if name is not None):
            getattr(self._aws, client)  # built by being asked for

    # --- clients ---------------------------------------------------------------------------------------

    @cached_property
    def cache(self) -> CacheManager:
        return CacheManager(self._redis_client or self._own_redis, self.settings.stage)

    @cached_property
    def _own_redis(self) -> Any:
        secret_id = self.settings.cache_secret_id
        credentials = partial(read_secret, secret_id, "the cache") if secret_id else None
        return connect(self.settings.cache_url, self.settings.cache_cluster, credentials)

    @cached_property
    def tools(self) -> ToolCaller | None:
        if self._mcp_client is not None:
            return GivenTools(self._mcp_client)
        if self.settings.mcp_url is None:
            return None
        return McpClient(
            self.settings.mcp_url,
            lambda: read_field(self.settings.mcp_secret_id, "the Web Platform", "token"),
            timeout_seconds=self.settings.mcp_timeout_seconds,
            user_prefix=self.settings.web_platform_user_prefix,
            user_of=self.tenants.web_platform_user if self._has_users_of_its_own else None,
        )

    @property
    def _has_users_of_its_own(self) -> bool:
        """Return whether the Web Platform's users are named by another claim than the tenants."""
        return self.settings.jwt_web_platform_user_claim != self.settings.jwt_tenant_claim

    @cached_property
    def tenants(self) -> TenantStore:
        return TenantStore(self._table)

    def _text_model(self, response_schema: dict[str, Any]) -> TextModel | None:
        if self._gemini_client is not None or self.settings.gemini_secret_id is None:
            return self._gemini_client
        return GeminiClient(
            lambda: read_field(self.settings.gemini_secret_id, "Gemini", "api_key"),
            endpoint=self.settings.gemini_endpoint,
            timeout_seconds=self.settings.gemini_timeout_seconds,
            response_schema=response_schema,
        )

    @cached_property
    def _library(self) -> CreativeLibrary:
        return CreativeLibrary(self.tools, self.cache)

    @cached_property
    def copy_model(self) -> TextModel | None:
        """The model that writes copy: of this process, or of a function of its own."""
        name = self.settings.write_copy_function_name
        if name is None or self._gemini_client is not None:
            return self._text_model(COPY_SCHEMA)
        return LambdaTextModel(name, lambda: self._aws.writing)

    @cached_property
    def _copywriter(self) -> Copywriter:
        return self._copywriter_of(ATTEMPT_TIMEOUT_SECONDS)

    @cached_property
    def _quick_copywriter(self) -> Copywriter:
        """The copywriter of requests that write to a platform afterwards, while their caller waits."""
        return self._copywriter_of(_QUICK_COPY_SECONDS)

    def _copywriter_of(self, seconds: float) -> Copywriter:
        plain, models = self._gemini_client is not None, self.settings.gemini_models
        return Copywriter(self.copy_model, models, takes_plain_text=plain, seconds=seconds)

    @cached_property
    def adapters(self) -> Mapping[str, PlatformAdapter]:
        if self._given_adapters is not None:
            return self._given_adapters
        # The Web Platform may stand in a private network.
        url, paths = self.settings.mcp_url, self.settings.web_platform_file_paths
        media = MediaClient(TrustedFiles.of(url, paths) if url else None)
        return Adapters(self.settings, media, self._given_apps, CallLimitStore(self._table))

    @cached_property
    def statistics(self) -> Statistics:
        """The function that has numpy and scipy where the settings name it, else this process."""
        name = self.settings.statistics_function_name
        if name is None:
            return InProcessStatistics()
        return LambdaStatistics(name, lambda: self._aws.statistics)

    @cached_property
    def _outbox_function(self) -> BackgroundFunction | None:
        name = self.settings.outbox_function_name
        return None if name is None else BackgroundFunction(name, lambda: self._aws.handing_over)

    @cached_property
    def _collecting_function(self) -> BackgroundFunction | None:
        name = self.settings.collect_insights_function_name
        return None if name is None else BackgroundFunction(name, lambda: self._aws.handing_over)

    def due_runner(self, handlers: Mapping[str, Handler], rates: Mapping[str, str]) -> DueRunner:
        return DueRunner(DueRuns(self._table), TableScheduler(self._table, SWEEPS), handlers, rates)

    @property
    def scheduler(self) -> Any:
        """The client of EventBridge Scheduler, which `preload` builds where the settings name a group."""
        return self._aws.client("scheduler")

    @cached_property
    def switches(self) -> Switches:
        settings = self.settings
        store = SwitchStore(self._table)
        return Switches(store, settings.kill_switch, settings.account_daily_budget_caps)

    # --- stores ----------------------------------------------------------------------------------------

    @cached_property
    def store(self) -> CampaignStore:
        return CampaignStore(self._table)

    @cached_property
    def audit(self) -> AuditStore:
        return AuditStore(self._table)

    @cached_property
    def metrics(self) -> MetricStore | None:
        """The counts that a scrape shows, or None where none are kept."""
        return MetricStore(self._table) if self.settings.prometheus_metrics else None

    @cached_property
    def _table(self) -> Table:
        if self._given_table is not None:
            return self._given_table
        name = self.settings.required("table_name")
        return DynamoTable(name, lambda: self._aws.client("dynamodb"))
