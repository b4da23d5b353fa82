"""The settings: the environment, parsed once. Nothing else reads os.environ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
)


def _split(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _none_alone(categories: tuple[str, ...]) -> tuple[str, ...]:
    if "NONE" in categories and len(categories) > 1:
        raise ValueError("NONE declares that no category applies, so it stands alone")
    return categories


def _caps(value: Any) -> Any:
    """Parse "USD:5000,act_1:200" into {"USD": "5000", "act_1": "200"}."""
    if not isinstance(value, str):
        return value
    # At the last colon: the amount holds none, an account's id might.
    pairs = [item.rpartition(":") for item in _split(value)]
    return {name.strip(): amount.strip() for name, _, amount in pairs}


def _of_a_cache(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, say
        is_address = False
    if not is_address:
        raise ValueError("should be as redis://host:6379, or rediss:// with TLS")
    return url


CallLimits = Annotated[dict[str, Annotated[int, Field(ge=0)]], BeforeValidator(_caps)]
Caps = Annotated[dict[str, Annotated[Decimal, Field(ge=0)]], BeforeValidator(_caps)]


class SettingsError(RuntimeError):
    """The error of a missing or wrong variable, which the deployment must correct, not the caller."""


class Settings(BaseModel):
    """The settings, one field per variable, named like it in lower case. Empty means the default."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    stage: str = Field("dev", description="part of secret names and cache keys")
    table_name: str | None = Field(
        None, description="the DynamoDB table; required in functions, elsewhere unset: one SQLite file"
    )
    campaign_automation_home: str | None = Field(
        None, description="the folder of that file; unset: .campaign_automation in the user's home"
    )
    clock_url: str | None = Field(None, description="the local cloud's virtual clock; unset: the machine's")
    create_campaign_state_machine_arn: str | None = Field(
        None, description="the workflow, for functions that start creations"
    )
    evaluate_rule_state_machine_arn: str | None = Field(
        None, description="the workflow of rules over many accounts, for the function that evaluates rules"
    )
    rule_accounts_of_one_function: PositiveInt = Field(
        200, description="accounts in a rule's scope beyond which its run is spread over functions"
    )
    rule_functions_at_once: PositiveInt = Field(20, description="the most functions of such a run at a time")
    statistics_function_name: str | None = Field(
        None, description="the function with numpy and scipy, for functions that have neither"
    )
    write_copy_function_name: str | None = Field(
        None,
        description="the function with a text model, for functions that have neither SDK nor key",
    )
    outbox_function_name: str | None = Field(
        None, description="the function that tells the Web Platform, for those whose callers wait"
    )
    collect_insights_function_name: str | None = Field(
        None, description="the function that fetches figures of days past, for those whose callers wait"
    )
    preload_platforms: Names = Field(
        (), description="platforms whose SDKs a function imports while it starts"
    )

    kill_switch: bool | None = Field(
        None, description="true: only what lowers spend is written to a platform; required for writes"
    )
    max_budget_step_percent: Decimal | None = Field(
        None,
        ge=0,
        le=50,
        description="the most that one change may move a budget; required for budget changes",
    )
    max_budget_day_percent: Decimal | None = Field(
        None, ge=0, le=50, description="the most that all changes of 24 hours may move a budget; required"
    )
    account_daily_budget_caps: Caps = Field(
        {},
        description="`USD:5000,act_1:200`: the most that active campaigns together may spend a day",
    )
    change_timeout_seconds: int = Field(
        24, gt=0, lt=60, description="of one change; what is not answered by then is settled by the next one"
    )
    approve_own_proposals: bool = Field(
        False, description="true: whoever proposed may approve too, where they have the role"
    )
    special_ad_categories: Annotated[Names, AfterValidator(_none_alone)] | None = Field(
        None, description="`NONE` or categories: the declaration for requests without one"
    )
    eu_political_advertising: bool | None = Field(
        None, description="the declaration to Google Ads for requests without one"
    )

    rule_schedule_group: str | None = Field(None, description="the group of the rules' schedules")
    evaluate_rule_function_arn: str | None = Field(
        None, description="the function that rules' schedules call"
    )
    rule_schedule_role_arn: str | None = Field(None, description="the role in which they call it")
    ab_test_schedule_group: str | None = Field(None, description="the group of the tests' schedules")
    check_ab_test_function_arn: str | None = Field(
        None, description="the function that tests' schedules call"
    )
    ab_test_schedule_role_arn: str | None = Field(None, description="the role in which they call it")
    pause_schedule_group: str | None = Field(None, description="the group of the schedules that end pauses")
    reconcile_campaigns_function_arn: str | None = Field(None, description="the function that they call")
    pause_schedule_role_arn: str | None = Field(None, description="the role in which they call it")
    schedule_dead_letters_arn: str | None = Field(None, description="the queue of calls that nobody took")
    schedule_dead_letters_url: str | None = Field(
        None, description="the same queue, where operators have its calls made again"
    )
    scheduled_function_arns: Names = Field((), description="the functions whose calls may be made again")
    activate_ab_tests: bool = Field(True, description="whether a test that does not say so starts at once")
    webhook_private_hosts: Names = Field(
        (), description="hosts of webhooks that may stand in a private network, without TLS too"
    )
    event_bus_name: str | None = Field(
        None, description="the EventBridge bus that gets typed events; for the function that sends"
    )
    notification_topic_arn: str | None = Field(None, description="an SNS topic that gets all notices too")

    mcp_url: str | None = Field(
        None, description="the Web Platform's MCP endpoint; unset: accounts from secrets, creatives inline"
    )
    mcp_secret_id: str | None = Field(None, description="the secret with its service token")
    web_platform_file_paths: Names = Field(
        ("/files/", "/media/", "/uploads/", "/static/"),
        description="folders of its files at the endpoint's origin, which may be read in a private network",
    )
    mcp_timeout_seconds: PositiveInt = Field(10, description="of one call")
    web_platform_user_prefix: str = Field(
        "user_",
        description="`user_123` is its user 123; bare digits are then refused, so no two share a number",
    )

    meta_graph_url: str = Field("https://graph.facebook.com", description="Meta's Graph API")
    meta_api_version: str = Field("v26.0", description="its version")
    meta_secret_id: str | None = Field(None, description="the secret of the Meta app")
    tiktok_api_url: str = Field(
        "https://business-api.tiktok.com/open_api/v1.3", description="TikTok's Business API"
    )
    tiktok_family: Literal["auto", "manual", "smart_plus"] = Field(
        "auto", description="`manual` or `smart_plus` force a family of campaigns"
    )
    tiktok_manual_creation_ends: date = Field(
        date(2026, 12, 31),
        description="the last day of manual sales, leads and app campaigns; not confirmed by TikTok",
    )
    tiktok_secret_id: str | None = Field(None, description="the secret of the TikTok app")
    google_ads_endpoint: str | None = Field(None, description="unset: googleads.googleapis.com")
    google_secret_id: str | None = Field(None, description="the secret of the Google Ads access")
    google_token_url: str | None = Field(None, description="unset: Google's, for refresh tokens")
    platform_timeout_seconds: PositiveInt = Field(30, description="of one attempt of a platform call")
    platform_call_limits: CallLimits = Field(
        {},
        description="of a tier that differs (docs/platforms.md): `meta:9000,tiktok:10,google:15000`; 0: none",
    )
    account_connect_url: str | None = Field(
        None, description="where a user connects an account again; `{platform}` is replaced"
    )

    gemini_secret_id: str | None = Field(None, description="the secret with Gemini's key; unset: templates")
    gemini_models: Names = Field(
        ("gemini-3.8-flash", "gemini-3.5-flash-lite"),
        description="models in the order of preference; one that the service does not list is skipped",
    )
    gemini_endpoint: str | None = Field(None, description="unset: Google's")
    gemini_timeout_seconds: PositiveInt = Field(8, description="of one generation")

    cache_url: Annotated[str, AfterValidator(_of_a_cache)] | None = Field(
        None, description="redis:// or rediss://; unset: no cache"
    )
    cache_cluster: bool = Field(False, description="whether it runs in cluster mode")
    cache_secret_id: str | None = Field(None, description="`{username, password}` of a cache with users")

    prometheus_metrics: bool = Field(
        False, description="true: what is counted is stored after each request, for GET /metrics"
    )

    public_url: str | None = Field(
        None, description="where people reach the API, for links in notices; unset: no links"
    )
    link_secret_id: str | None = Field(
        None, description="the secret with the keys of links; for functions that make or check them"
    )

    jwt_issuer: str | None = Field(None, description="the issuer of callers' tokens; for the authorizer")
    jwt_audience: str | None = Field(None, description="their audience; for the authorizer")
    jwks_url: str | None = Field(None, description="the issuer's public keys; for the authorizer")
    jwt_tenant_claim: str = Field("sub", description="the claim that names the tenant")
    jwt_roles_claim: str | None = Field(
        None, description="the claim that lists roles; unset: everybody is viewer and buyer"
    )
    jwt_web_platform_user_claim: str = Field(
        "sub", description="the claim that names the tenant's user on the Web Platform"
    )

    @property
    def request_defaults(self) -> dict[str, Any]:
        """The declarations that the deployment makes for a request that leaves them open."""
        categories = self.special_ad_categories
        return {
            "special_ad_categories": list(categories) if categories else None,
            "eu_political_advertising": self.eu_political_advertising,
        }

    @property
    def in_process(self) -> Self:
        """The same settings for a process that runs creations and computations itself."""
        functions = [
            "create_campaign_state_machine_arn",
            "evaluate_rule_state_machine_arn",
            "statistics_function_name",
            "write_copy_function_name",
            "outbox_function_name",
            "collect_insights_function_name",
        ]
        return self.model_copy(update=dict.fromkeys(functions))

    def required(self, name: str) -> str:
        """Return the setting `name`. Raises SettingsError when it is not set."""
        value = getattr(self, name)
        if value is None:
            raise SettingsError(f"settings: {name.upper()} is required")
        return str(value)


def parse_settings(
    environment: Mapping[str, str], *, under: Mapping[str, Any] = {}, over: Mapping[str, Any] = {}
) -> Settings:
    """Parse the settings from `environment`; SettingsError names every missing or wrong variable.

    `under` are values for what the environment leaves out, `over` win over it; both are named like fields.
    """
    # A template's optional parameter arrives as an empty variable, which means that it is not set.
    variables = {name.lower(): value for name, value in environment.items() if value.strip()}
    known = {name: variables[name] for name in Settings.model_fields if name in variables}
    problems = [f"{name}: is no setting" for name in over if name not in Settings.model_fields]
    # A function's own disk is gone with it.
    if "table_name" not in known and "AWS_LAMBDA_FUNCTION_NAME" in environment:
        problems.append("TABLE_NAME: is required in a function")
    try:
        settings = Settings.model_validate({**under, **known, **over})
    except ValidationError as error:
        problems += [f"{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()]
    if problems:
        raise SettingsError(f"settings: {'; '.join(problems)}")
    return settings


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return parse_settings(os.environ)


def module_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("campaign-automation")
    except PackageNotFoundError:  # a layer holds the source alone
        return "unpackaged"
