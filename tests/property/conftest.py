"""The module against the real sandbox, with its table and secrets in this process: fast enough for hundreds
of whole creations."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from campaign_automation.stores import dynamodb
from local.cloud import Cloud
from local.cloud.moto_seams import quicken_dynamodb
from tests.support.module import environment
from tests.support.table import make_table, one_at_a_time

SECRETS = {
    "META_SECRET_ID": "campaign-automation/local/meta",
    "TIKTOK_SECRET_ID": "campaign-automation/local/tiktok",
    "GOOGLE_SECRET_ID": "campaign-automation/local/google",
    "MCP_SECRET_ID": "campaign-automation/local/web-platform",
}


@pytest.fixture(scope="session")
def module_settings(cloud: Cloud) -> Iterator[None]:
    """The functions' settings, but AWS is moto in this process; no model and no cache."""
    changes = {"AWS_ENDPOINT_URL": "", "GEMINI_SECRET_ID": "", "CACHE_URL": "", "TABLE_NAME": "Table"}
    with environment(cloud, **changes, **SECRETS) as patch:
        values = secret_values(cloud)
        patch.delenv("AWS_ENDPOINT_URL")
        patch.setattr(dynamodb, "_translated", one_at_a_time(dynamodb._translated))
        quicken_dynamodb()
        with mock_aws():
            make_table()
            for name, value in values.items():
                boto3.client("secretsmanager").create_secret(Name=name, SecretString=value)
            yield


def secret_values(cloud: Cloud) -> dict[str, str]:
    client = boto3.client("secretsmanager", endpoint_url=cloud.info["aws_endpoint"])
    return {name: client.get_secret_value(SecretId=name)["SecretString"] for name in SECRETS.values()}
