"""A stack without a Web Platform: ad accounts come from secrets, creatives with the request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from local import cloud as local_cloud
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.sandbox import UNKIND_SEED, Sandbox

ACCOUNT = {"platform_account_id": "1230000003", "access_token": "sandbox-google-token-123"}


# A deployment of its own takes half a minute to start.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with local_cloud.start(tmp_path_factory.mktemp("alone"), mcp="none") as running:
        environment = running.info["environment"]
        secrets = boto3.client(
            "secretsmanager",
            endpoint_url=running.info["aws_endpoint"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        name = "campaign-automation/local/accounts/user_123/google"
        secrets.create_secret(Name=name, SecretString=json.dumps(ACCOUNT))
        with Sandbox(running.info["sandbox"]["admin"]) as sandbox:
            sandbox.unkind(UNKIND_SEED)
        yield running


def body() -> dict[str, Any]:
    """Search ads show no files, so this one is fetched by nobody."""
    creative = {
        "creative_id": "mine",
        "name": "A shoe",
        "file_url": "https://example.com/a.png",
        "file_type": "image",
        "product_url": "https://example.com/shoe",
    }
    own = {"creatives": [creative]}
    return {k: v for k, v in request_body(platform="google", **own).items() if k != "creative_ids"}


def test_a_campaign_is_made_managed_and_read_there(alone: Cloud) -> None:
    with Api(alone.info["api_url"], alone.info["tokens"]["user_123"]) as api:
        created = api.create(body())
        assert created.status_code == 201, created.text
        campaign_id = created.json()["campaign_id"]
        started = api.manage(campaign_id, "start").json()
        assert started["changed"][0]["after"] == "active"
        assert api.status(campaign_id).json()["campaign"]["status"] == "active"
        rule = {
            "rule_name": "stop",
            "condition": {"metric": "roas", "operator": "less_than", "value": 1, "time_range": "3d"},
            "action": {"type": "pause_adset"},
            "applies_to": {"campaign_ids": [campaign_id]},
        }
        made = api.http.post("/v1/rules", json=rule)
        assert made.status_code == 201, made.text
    with Sandbox(alone.info["sandbox"]["admin"]) as sandbox:
        assert sandbox.left_behind("google")["campaigns"] == 1
        assert sandbox.calls("web_platform") == []
    fired = httpx.post(f"{alone.info['api_url']}/_local/schedules/{made.json()['rule_id']}/fire", timeout=600)
    assert fired.json()["answer"]["evaluated"] == 3


def test_an_account_that_the_secret_does_not_name_is_unknown(alone: Cloud) -> None:
    with Api(alone.info["api_url"], alone.info["tokens"]["user_123"]) as api:
        error = api.create(body() | {"ad_account_id": "4560000003"}).json()["error"]
    assert (error["code"], error["details"]["field"]) == ("6000", "ad_account_id"), error


def test_who_has_no_secret_has_no_account(alone: Cloud) -> None:
    with Api(alone.info["api_url"], alone.info["tokens"]["user_456"]) as api:
        error = api.create(body()).json()["error"]
        assert error["code"] == "6000", error
