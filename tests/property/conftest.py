"""The module against the real sandbox, with its table and secrets in this process: fast enough for hundreds
of whole creations."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from campaign_automation.stores.engines import dynamodb
from local.cloud import Cloud
from local.cloud.aws import CREDENTIALS
from local.cloud.backing import sandbox_urls
from local.cloud.moto_seams import quicken_dynamodb
from local.cloud.supervisor import EARLY_PARAMETERS, MCP_PATHS
from local.cloud.supervisor import SECRETS as VALUES
from tests.support.module import environment
from tests.support.processes import running_sandbox
from tests.support.table import make_table, one_at_a_time

SECRETS = {
    "META_SECRET_ID": "campaign-automation/local/meta",
    "TIKTOK_SECRET_ID": "campaign-automation/local/tiktok",
    "GOOGLE_SECRET_ID": "campaign-automation/local/google",
    "MCP_SECRET_ID": "campaign-automation/local/web-platform",
}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The part of the local cloud that the module in one process needs: the sandbox, and settings."""
    with running_sandbox(tmp_path_factory.mktemp("platforms")) as running:
        urls = sandbox_urls(running.ports)
        info = {"sandbox": urls, "environment": {**functions_settings(urls), **CREDENTIALS}}
        yield Cloud(running.folder, info, running.process)


def functions_settings(sandbox: dict[str, str]) -> dict[str, str]:
    return {
        "STAGE": "local",
        "CLOCK_URL": sandbox["admin"] + "/clock",
        "MCP_URL": sandbox["web_platform"] + MCP_PATHS["customer"],
        "META_GRAPH_URL": sandbox["meta"],
        "TIKTOK_API_URL": sandbox["tiktok"] + "/open_api/v1.3",
        "GOOGLE_ADS_ENDPOINT": sandbox["google"],
        "ACCOUNT_DAILY_BUDGET_CAPS": EARLY_PARAMETERS["AccountDailyBudgetCaps"],
        "ACCOUNT_CONNECT_URL": EARLY_PARAMETERS["AccountConnectUrl"],
        "SPECIAL_AD_CATEGORIES": EARLY_PARAMETERS["SpecialAdCategories"],
        "EU_POLITICAL_ADVERTISING": EARLY_PARAMETERS["EuPoliticalAdvertising"],
        "MAX_BUDGET_STEP_PERCENT": "50",
        "MAX_BUDGET_DAY_PERCENT": "50",
        "KILL_SWITCH": "false",
        "CHANGE_TIMEOUT_SECONDS": "55",
    }


@pytest.fixture(scope="session")
def module_settings(cloud: Cloud) -> Iterator[None]:
    """The functions' settings, but AWS is moto in this process; no model and no cache."""
    sandbox = cloud.info["sandbox"]
    with environment(cloud, TABLE_NAME="Table", **SECRETS) as patch:
        patch.setattr(dynamodb, "_translated", one_at_a_time(dynamodb._translated))
        quicken_dynamodb()
        with mock_aws():
            make_table()
            for name in SECRETS.values():
                value = json.dumps(VALUES[name]).replace("{web_platform}", sandbox["web_platform"])
                boto3.client("secretsmanager").create_secret(Name=name, SecretString=value)
            yield
