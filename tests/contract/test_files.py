"""Files of creatives, whose servers fail on their own: what passes may be asked for again."""

from __future__ import annotations

import asyncio

import pytest

from campaign_automation.clients.media_client import MediaClient
from campaign_automation.utils.error_handler import TRANSIENT, AccountError, WebPlatformUnavailableError
from tests.support import meta
from tests.support.builders import creative
from tests.support.files import LOCAL_FILES
from tests.support.sandbox import Sandbox


@pytest.fixture
def address(process: str, control: Sandbox) -> str:
    control.reset()
    return f"{process}/web_platform/files/creative_1.png"


def fetch(url: str) -> bytes:
    return asyncio.run(MediaClient(LOCAL_FILES, timeout_seconds=60).fetch(url))


@pytest.mark.parametrize("status", [500, 503, 504, 429, 408])
def test_a_server_that_fails_in_passing_may_be_asked_again(
    address: str, control: Sandbox, status: int
) -> None:
    control.fault("files", "read_file", "raw", status=status, body="Service Unavailable")
    with pytest.raises(WebPlatformUnavailableError, match=f"HTTP {status}") as caught:
        fetch(address)
    assert (caught.value.code, caught.value.retryable) == ("4002", True)
    assert isinstance(caught.value, TRANSIENT)
    assert fetch(address).startswith(b"\x89PNG")


def test_a_lost_connection_may_be_asked_again(address: str, control: Sandbox) -> None:
    control.fault("files", "read_file", "drop_connection")
    with pytest.raises(WebPlatformUnavailableError):
        fetch(address)


@pytest.mark.parametrize("status", [403, 404, 410, 302])
def test_a_file_that_is_not_there_is_refused(address: str, control: Sandbox, status: int) -> None:
    control.fault("files", "read_file", "raw", status=status)
    with pytest.raises(AccountError) as refused:
        fetch(address)
    assert (refused.value.code, refused.value.retryable) == ("6003", False)


def test_an_upload_tells_that_the_file_may_be_asked_again(
    process: str, address: str, control: Sandbox
) -> None:
    control.fault("files", "read_file", "http_500")
    item = creative(creative_id="1", file_url=address)
    with pytest.raises(WebPlatformUnavailableError):
        asyncio.run(meta.adapter(process).upload(meta.ACCESS, item, None))
