"""The sandbox, reset before each test."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

from campaign_automation_testing.processes import RunningSandbox
from tests.sandbox.google_client import GoogleClient, connect
from tests.sandbox.support import ACCOUNT, CAMPAIGN, TOKEN, Graph, Sandbox, adset_params, link_story
from tests.support.sandbox import as_seeded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def ports(campaign_sandbox_process: RunningSandbox) -> dict[str, int]:
    return as_seeded(campaign_sandbox_process).ports


@pytest.fixture(scope="session")
def process(ports: dict[str, int]) -> str:
    return f"http://127.0.0.1:{ports['port']}"


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=120, verify=False) as http:
        yield http


@pytest.fixture
def sandbox(process: str, client: httpx.Client) -> Sandbox:
    sandbox = Sandbox(process, client)
    sandbox.admin("POST", "/reset", {"seed": 1, "now": "2026-11-02T12:00:00+00:00"})
    return sandbox


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox.url, sandbox.http)


@pytest.fixture
def account(sandbox: Sandbox) -> AdAccount:
    """User 123's account through the real SDK."""
    session = FacebookSession("900000000000001", "sandbox-meta-app-secret", TOKEN, timeout=(3, 20))
    session.GRAPH = f"{sandbox.url}/meta"
    return AdAccount(ACCOUNT, api=FacebookAdsApi(session, api_version="v26.0"))


@pytest.fixture(scope="session")
def google_channel(ports: dict[str, int]) -> GoogleClient:
    return connect(ports["google_port"])


@pytest.fixture
def google(sandbox: Sandbox, google_channel: GoogleClient) -> GoogleClient:
    """User 123's Google account through the vendor's client."""
    return google_channel


@pytest.fixture
def campaign_id(graph: Graph) -> str:
    return str(graph.post(f"{ACCOUNT}/campaigns", **CAMPAIGN)["id"])


@pytest.fixture
def adset_id(graph: Graph, campaign_id: str) -> str:
    return str(graph.post(f"{ACCOUNT}/adsets", **adset_params(campaign_id))["id"])


@pytest.fixture
def image_hash(sandbox: Sandbox, graph: Graph) -> str:
    picture = sandbox.http.get(f"{sandbox.url}/web_platform/files/creative_1.png").content
    url = f"{sandbox.url}/meta/v26.0/{ACCOUNT}/adimages"
    answer = sandbox.http.post(url, params={"access_token": TOKEN}, files={"filename": ("1.png", picture)})
    return str(answer.json()["images"]["1.png"]["hash"])


@pytest.fixture
def creative_id(graph: Graph, image_hash: str) -> str:
    creative = graph.post(f"{ACCOUNT}/adcreatives", name="Picture", object_story_spec=link_story(image_hash))
    return str(creative["id"])


@pytest.fixture
def ad_id(graph: Graph, adset_id: str, creative_id: str) -> str:
    created = graph.post(
        f"{ACCOUNT}/ads", name="Ad", adset_id=adset_id, creative={"creative_id": creative_id}, status="PAUSED"
    )
    return str(created["id"])
