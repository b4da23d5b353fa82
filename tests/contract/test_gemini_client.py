"""The Gemini client on its sandbox: the service's own list decides on the models that are called."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation.clients import gemini_client
from campaign_automation.clients.gemini_client import GeminiClient
from campaign_automation.managers.ads.drafting import COPY_SCHEMA
from campaign_automation.managers.campaigns.copywriting import Copywriter
from campaign_automation.settings import parse_settings
from campaign_automation.utils.error_handler import AiModelError
from tests.support.builders import creative
from tests.support.google import adapter
from tests.support.sandbox import Sandbox


@pytest.fixture
def client(process: str, control: Sandbox) -> GeminiClient:
    control.reset()
    return GeminiClient(
        lambda: "sandbox-gemini-key", endpoint=f"{process}/gemini", response_schema=COPY_SCHEMA
    )


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The client's warnings."""
    entries: list[dict[str, Any]] = []
    monkeypatch.setattr(
        gemini_client.logger, "warning", lambda text, **facts: entries.append({"text": text, **facts})
    )
    return entries


def written(client: GeminiClient, models: list[str]) -> str:
    limits = adapter(1).copy_limits
    work = Copywriter(client, models).write(creative(creative_id="1"), "sales", "en", limits)
    return asyncio.run(work).source


def test_the_default_models_exist_and_write(client: GeminiClient, control: Sandbox) -> None:
    models = list(parse_settings({"TABLE_NAME": "t"}).gemini_models)
    assert models == ["gemini-3.8-flash", "gemini-3.5-flash-lite"]
    for model in models:
        assert written(client, [model]) == model
    assert control.operations("gemini") == {"list_models": 1, "generate_content": 2}


def test_a_model_that_the_service_does_not_list_is_named_once_and_skipped(
    client: GeminiClient, control: Sandbox, warned: list[dict[str, Any]]
) -> None:
    for _ in range(2):
        assert written(client, ["gemini-3.8-pro", "gemini-3.8-flash"]) == "gemini-3.8-flash"
    assert control.operations("gemini") == {"list_models": 1, "generate_content": 2}
    named = [entry for entry in warned if entry["text"] == "model not listed"]
    assert [entry["model"] for entry in named] == ["gemini-3.8-pro"]


def test_without_the_list_every_model_is_tried(
    client: GeminiClient, control: Sandbox, warned: list[dict[str, Any]]
) -> None:
    control.fault("gemini", "list_models", "http_500")
    assert written(client, ["gemini-3.8-flash"]) == "gemini-3.8-flash"
    with pytest.raises(AiModelError):
        asyncio.run(client.generate_content("hello", model="gemini-3.8-pro"))
    assert control.operations("gemini") == {"list_models": 1, "generate_content": 2}
