"""Ad accounts as their owners typed them, on the platforms' sandboxes."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from tests.support.builders import request_body
from tests.support.memory_table import MemoryTable
from tests.support.module import execute
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("module_settings")

META = ("meta", "act_100000000000001")
TIKTOK = ("tiktok", "7000000000000000123")
GOOGLE = ("google", "1230000003")


def create(platform: str) -> dict[str, Any]:
    module = CampaignAutomation(table=MemoryTable())
    return execute(module, "create_campaign", request_body(platform=platform))


@pytest.mark.parametrize(
    ("account", "told"),
    [
        (META, {"platform_account_id": "100000000000001", "token_expires_at": 0}),
        (TIKTOK, {"platform_account_id": " 7000000000000000123 ", "token_expires_at": None}),
        (GOOGLE, {"platform_account_id": "123-000-0003", "token_expires_at": "1970-01-01T00:00:00"}),
    ],
)
def test_an_account_works_however_its_id_is_spelt(
    sandbox: Sandbox, account: tuple[str, str], told: dict[str, Any]
) -> None:
    sandbox.patch_account(*account, told=told)
    answer = create(account[0])
    assert answer["status"] == "success", answer
    assert len(sandbox.live(account[0], "campaigns")) == 1


@pytest.mark.parametrize("account", [META, TIKTOK, GOOGLE])
def test_an_account_that_expired_or_has_no_token_says_where_to_renew_it(
    sandbox: Sandbox, account: tuple[str, str]
) -> None:
    platform = account[0]
    for change in ({"told": {"access_token": None}}, {"told": {}, "token_expired": True}):
        sandbox.reset()
        sandbox.patch_account(*account, **change)
        error = create(platform)["error"]
        assert (error["code"], error["details"]["action_url"].rpartition("/")[2]) == ("6001", platform)
    assert not sandbox.live(platform, "campaigns")


def test_an_id_that_is_none_is_refused_with_the_spelling_wanted(sandbox: Sandbox) -> None:
    sandbox.patch_account(*GOOGLE, told={"platform_account_id": "my customer"})
    error = create("google")["error"]
    assert (error["code"], error["details"]["expected"]) == ("6000", "1234567890")
