"""A second deployment of the real template: its code and its parameters reach the callers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import cloud as local_cloud
from local.cloud import Cloud
from local.cloud.workers.worker import TIME_LIMITS
from tests.support.api import Api
from tests.support.builders import request_body

ROOT = Path(__file__).parents[2]
TITLE = "Campaign Automation"


# A deployment of its own takes half a minute to start.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is deployed, to be changed."""
    folder = tmp_path_factory.mktemp("bundle")
    for name in ("functions", "layers", "statemachines"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "template.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def own_cloud(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TIME_LIMITS, "20")
        running = local_cloud.start(tmp_path_factory.mktemp("cloud"), template=bundle / "template.yaml")
    with running:
        yield running


def test_new_code_and_the_kill_switch_reach_those_who_call(own_cloud: Cloud, bundle: Path) -> None:
    with Api(own_cloud.info["api_url"], own_cloud.info["tokens"]["user_123"]) as api:
        assert api.create(request_body(platform="google")).status_code == 201
        assert api.http.get("/v1/openapi.json").json()["info"]["title"] == TITLE
        module = bundle / "layers" / "shared" / "campaign_automation" / "api" / "openapi.py"
        module.write_text(module.read_text().replace(f'"{TITLE}"', '"Another release"'))
        own_cloud.deploy(KillSwitch="true")
        assert api.http.get("/v1/openapi.json").json()["info"]["title"] == "Another release"
        refused = api.create(request_body(platform="google", name="Too late")).json()["error"]
    assert (refused["code"], refused["details"]["guard"]) == ("4005", "kill_switch")


def test_where_roles_come_from_a_claim_a_token_without_it_may_do_nothing(own_cloud: Cloud) -> None:
    own_cloud.deploy(JwtRolesClaim="roles")
    # Another token: the gateway keeps an authorizer's answer for five minutes.
    with Api(own_cloud.info["api_url"], own_cloud.info["tokens"]["user_456"]) as api:
        for answer in (api.http.get("/v1/rules"), api.create(request_body())):
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "1004"), answer.text
