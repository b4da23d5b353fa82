"""The module in this process, with the settings that the functions have in the local cloud."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx
import pytest

from campaign_automation import CampaignAutomation
from campaign_automation.models.common import Level
from campaign_automation.settings import get_settings
from campaign_automation.wiring import Wiring
from local.cloud import Cloud

# The variables that choose the engine of the table.
Engine = dict[str, str | None]
ACCOUNT_NUMBERS = {"meta": "1001", "tiktok": "1002", "google": "1003"}


@contextmanager
def environment(cloud: Cloud, **changes: str | None) -> Iterator[pytest.MonkeyPatch]:
    """The functions' variables in this process, without those that are None; what was parsed before is parsed
    anew."""
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**cloud.info["environment"], **changes}.items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        get_settings.cache_clear()
        parameters.clear_caches()
        if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
            DEFAULT_PROVIDERS["secrets"] = _secrets_of(endpoint)
            DEFAULT_PROVIDERS["secrets"].clear_cache()
        yield patch
    get_settings.cache_clear()


@cache
def _secrets_of(endpoint: str) -> Any:
    """Return one client of secrets for each cloud: making one takes longer than most tests."""
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    return SecretsProvider()


def execute(
    module: CampaignAutomation, action: str, parameters: dict[str, Any], **context: Any
) -> dict[str, Any]:
    """One call as user_123 with an idempotency key of its own."""
    caller = {"user_id": "user_123", "idempotency_key": uuid.uuid4().hex, **context}

    async def call() -> dict[str, Any]:
        try:
            return await module.execute(action=action, parameters=parameters, context=caller)
        finally:
            await module.aclose()

    return asyncio.run(call())


def warnings_of(answer: dict[str, Any]) -> list[str]:
    """The warnings but that of an embedded store's first answer, which names its file."""
    return [item for item in answer["warnings"] if not item.startswith("everything is kept in ")]


def change_by_hand(cloud: Cloud, platform: str, level: Level, platform_id: str, status: str) -> None:
    """What user_123 does in the platform's own interface, past the module."""

    async def change() -> None:
        wiring = Wiring()
        access = await wiring.accounts.access("user_123", platform, ACCOUNT_NUMBERS[platform])
        (outcome,) = await wiring.adapters[platform].set_status(access, level, [platform_id], status)
        assert outcome.error is None, outcome.error

    with environment(cloud):
        asyncio.run(change())


def delete_by_hand(cloud: Cloud, platform: str, campaign_id: str) -> None:
    """Delete a campaign as user_123 does in the platform's own interface, past the module."""

    async def remove() -> None:
        wiring = Wiring()
        access = await wiring.accounts.access("user_123", platform, ACCOUNT_NUMBERS[platform])
        (outcome,) = await wiring.adapters[platform].remove(access, Level.CAMPAIGN, [campaign_id])
        assert outcome.error is None, outcome.error

    with environment(cloud):
        asyncio.run(remove())


def edit_in_ads_manager(cloud: Cloud, platform_id: str, **fields: Any) -> None:
    """Edit an object as user_123 does in Meta's own interface, in the platform's own fields."""
    data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    _ask_meta(cloud, "POST", platform_id, data)


def remove_images(cloud: Cloud, hashes: Iterable[str]) -> None:
    """Remove images from the library of user_123's account on Meta."""
    for item in hashes:
        _ask_meta(cloud, "DELETE", "act_100000000000001/adimages", {"hash": item})


def _ask_meta(cloud: Cloud, method: str, path: str, data: dict[str, str]) -> None:
    async def token() -> str:
        access = await Wiring().accounts.access("user_123", "meta", ACCOUNT_NUMBERS["meta"])
        return access.token.get_secret_value()

    with environment(cloud):
        data = {"access_token": asyncio.run(token()), **data}
    answer = httpx.request(method, f"{cloud.info['sandbox']['meta']}/v26.0/{path}", params=data, verify=False)
    assert answer.status_code == 200, answer.text
