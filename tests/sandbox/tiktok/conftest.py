"""User 123's TikTok account, and objects in it."""

import pytest

from tests.sandbox.support import Sandbox
from tests.support.tiktok import TikTokApi, adgroup_body, campaign_body


@pytest.fixture
def api(sandbox: Sandbox) -> TikTokApi:
    return TikTokApi(sandbox.url, sandbox.http)


@pytest.fixture
def campaign_id(api: TikTokApi) -> str:
    return str(api.post("campaign/create", **campaign_body())["campaign_id"])


@pytest.fixture
def adgroup_id(api: TikTokApi, campaign_id: str) -> str:
    return str(api.post("adgroup/create", **adgroup_body(campaign_id))["adgroup_id"])


@pytest.fixture
def image_id(api: TikTokApi) -> str:
    body = {"upload_type": "UPLOAD_BY_URL", "image_url": "https://cdn.example/1.jpg", "file_name": "1"}
    return str(api.post("file/image/ad/upload", **body)["image_id"])
