"""The environment, parsed once. Nothing else reads os.environ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError


def _split(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _caps(value: Any) -> Any:
    """ "USD:5000,act_1:200" as {"USD": "5000", "act_1": "200"}."""
    if not isinstance(value, str):
        return value
    pairs = [item.rpartition(":") for item in _split(value)]
    return {name.strip(): amount.strip() for name, _, amount in pairs}


Caps = Annotated[dict[str, Annotated[Decimal, Field(ge=0)]], BeforeValidator(_caps)]


class SettingsError(RuntimeError):
    """A variable is missing or wrong: the deployment, not the caller, must change."""


class Settings(BaseModel):
    """One field per variable, named like it in lower case. Empty means the default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: str = "dev"
    clock_url: str | None = Field(None, description="the local cloud's clock; unset: the machine's")
    table_name: str
    create_campaign_state_machine_arn: str | None = None
    rule_schedule_group: str | None = None
    evaluate_rule_function_arn: str | None = None
    rule_schedule_role_arn: str | None = Field(None, description="as whom the schedules call the function")
    schedule_dead_letters_arn: str | None = None
    ab_test_schedule_group: str | None = None
    ab_test_schedule_role_arn: str | None = None
    check_ab_test_function_arn: str | None = None
    activate_ab_tests: bool = Field(True, description="whether a test starts at once when it does not say")
    notification_topic_arn: str | None = Field(None, description="an SNS topic that rules tell too")
    statistics_function_name: str | None = Field(None, description="the function that has numpy and scipy")

    cache_url: str | None = Field(None, description="redis:// or rediss://; unset: no cache")
    cache_cluster: bool = False
    cache_secret_id: str | None = Field(
        None, description='{"username", "password"} of a cache that asks for them'
    )

    mcp_url: str | None = Field(None, description="the Web Platform; unset: standalone")
    mcp_secret_id: str | None = None
    mcp_timeout_seconds: PositiveInt = 10
    web_platform_user_prefix: str = "user_"

    gemini_endpoint: str | None = None
    gemini_secret_id: str | None = None
    gemini_models: Names = ("gemini-3.8-pro", "gemini-3.8-flash")
    gemini_timeout_seconds: PositiveInt = 8

    meta_graph_url: str = "https://graph.facebook.com"
    meta_api_version: str = "v26.0"
    meta_secret_id: str | None = None
    tiktok_api_url: str = "https://business-api.tiktok.com/open_api/v1.3"
    tiktok_family: Literal["auto", "manual", "smart_plus"] = "auto"
    tiktok_secret_id: str | None = None
    google_ads_endpoint: str | None = None
    google_secret_id: str | None = None
    platform_timeout_seconds: PositiveInt = 30
    change_timeout_seconds: int = Field(
        24, gt=0, lt=60, description="of one change, before the function dies"
    )
    preload_platforms: Names = ()

    special_ad_categories: Names | None = Field(None, description="default of the request's field")
    eu_political_advertising: bool | None = Field(None, description="default of the request's field")

    max_budget_step_percent: Decimal | None = Field(None, ge=0, le=50, description="of one change")
    max_budget_day_percent: Decimal | None = Field(None, ge=0, le=50, description="of 24 hours")
    account_daily_budget_caps: Caps = Field(
        {}, description="USD:5000,act_1:200; without one writes are refused"
    )
    kill_switch: bool | None = Field(None, description="true: nothing is written but pauses")
    account_connect_url: str | None = Field(
        None, description="where an account is connected; may hold {platform}"
    )

    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwks_url: str | None = None
    jwt_tenant_claim: str = Field("sub", description="the claim that names the tenant")
    jwt_roles_claim: str | None = Field(None, description="the claim that lists the caller's roles")
    jwt_web_platform_user_claim: str = Field(
        "sub", description="the claim that holds the Web Platform's user number"
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
        """The same settings for a process that carries everything out itself."""
        return self.model_copy(
            update={"create_campaign_state_machine_arn": None, "statistics_function_name": None}
        )

    def required(self, name: str) -> str:
        """Return the setting `name`. Raises SettingsError when it is not set."""
        value = getattr(self, name)
        if value is None:
            raise SettingsError(f"settings: {name.upper()} is required")
        return str(value)


def parse_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from `environment`. Raises SettingsError naming every variable that is missing or wrong."""
    given = {name.lower(): value for name, value in environment.items() if value != ""}
    try:
        return Settings.model_validate({name: given[name] for name in Settings.model_fields if name in given})
    except ValidationError as error:
        problems = "; ".join(f"{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise SettingsError(f"settings: {problems}") from None


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return parse_settings(os.environ)
