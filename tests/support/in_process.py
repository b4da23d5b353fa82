"""The module in this process against the sandbox, with its secrets here too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import boto3
import pytest
from moto import mock_aws

from campaign_automation_testing.processes import RunningSandbox
from local.cloud import Cloud
from local.cloud.aws import CREDENTIALS
from local.cloud.supervisor import EARLY_PARAMETERS, MCP_PATHS
from local.cloud.supervisor import SECRETS as VALUES
from tests.support.module import environment

SECRETS = {
    "META_SECRET_ID": "campaign-automation/local/meta",
    "TIKTOK_SECRET_ID": "campaign-automation/local/tiktok",
    "GOOGLE_SECRET_ID": "campaign-automation/local/google",
    "MCP_SECRET_ID": "campaign-automation/local/web-platform",
}


def cloud_of(running: RunningSandbox) -> Cloud:
    """The part of the local cloud that the module in one process needs: the sandbox, and settings."""
    urls = running.urls
    info = {"sandbox": urls, "environment": {**functions_settings(urls), **CREDENTIALS}}
    return Cloud(running.folder, info, running.process)


@contextmanager
def aws_in_process(cloud: Cloud) -> Iterator[pytest.MonkeyPatch]:
    """The functions' settings, but AWS is moto in this process; no model and no cache."""
    sandbox = cloud.info["sandbox"]
    with environment(cloud, TABLE_NAME="Table", **SECRETS) as patch, mock_aws():
        secrets = boto3.client("secretsmanager")
        for name in SECRETS.values():
            value = json.dumps(VALUES[name]).replace("{web_platform}", sandbox["web_platform"])
            with suppress(secrets.exceptions.ResourceExistsException):  # of other tests of this process
                secrets.create_secret(Name=name, SecretString=value)
        yield patch


def functions_settings(sandbox: dict[str, str]) -> dict[str, str]:
    return {
        "STAGE": "local",
        "CLOCK_URL": sandbox["admin"] + "/clock",
        "MCP_URL": sandbox["web_platform"] + MCP_PATHS["customer"],
        "META_GRAPH_URL": sandbox["meta"],
        "TIKTOK_API_URL": sandbox["tiktok"] + "/open_api/v1.3",
        "GOOGLE_ADS_ENDPOINT": sandbox["google"],
        "ACCOUNT_DAILY_BUDGET_CAPS": EARLY_PARAMETERS["AccountDailyBudgetCaps"],
        "PLATFORM_CALL_LIMITS": EARLY_PARAMETERS["PlatformCallLimits"],
        "ACCOUNT_CONNECT_URL": EARLY_PARAMETERS["AccountConnectUrl"],
        "SPECIAL_AD_CATEGORIES": EARLY_PARAMETERS["SpecialAdCategories"],
        "EU_POLITICAL_ADVERTISING": EARLY_PARAMETERS["EuPoliticalAdvertising"],
        "MAX_BUDGET_STEP_PERCENT": "50",
        "MAX_BUDGET_DAY_PERCENT": "50",
        "KILL_SWITCH": "false",
        "CHANGE_TIMEOUT_SECONDS": "55",
    }
