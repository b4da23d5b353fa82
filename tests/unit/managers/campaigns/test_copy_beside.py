"""Copy is written while the campaign and its ad sets are made, and never ends their creation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from campaign_automation.models.common import AdAccount
from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import AccountError, StoreError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

TEXT = {"primary_text": "Made for muddy paths.", "headline": "Trail shoe", "description": "Take a look"}
TURNS = 10_000


class PatientModel:
    """Answers once the platform has the ad sets; `is_late` when they never came."""

    def __init__(self, adapter: FakeAdapter) -> None:
        self._adapter = adapter
        self.is_late = False

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        for _ in range(TURNS):
            if len(self._adapter.node_ids()) > 1:
                return {"text": json.dumps(TEXT)}
            await asyncio.sleep(0)
        self.is_late = True
        raise RuntimeError("nothing was made meanwhile")


class ClosedAccount(FakeAdapter):
    async def describe_account(self, access: Any) -> AdAccount:
        raise AccountError("the account is closed", code="6002")


@pytest.fixture
def house() -> OneTenant:
    return OneTenant()


def create(house: OneTenant, **changes: Any) -> dict[str, Any]:
    return house.ask("create_campaign", request_body(**changes))


def test_the_campaign_and_its_ad_sets_are_made_while_copy_is_awaited(house: OneTenant) -> None:
    model = PatientModel(house.adapter)
    house.wiring._gemini_client = model
    answer = create(house)
    assert (answer["status"], model.is_late) == ("success", False)
    assert {ad["copy"] for ad in answer["ads"]} == {TEXT["primary_text"]}


def test_a_refused_plan_does_not_wait_for_the_copy() -> None:
    house = OneTenant(ClosedAccount("meta"))
    model = PatientModel(house.adapter)
    house.wiring._gemini_client = model
    answer = create(house)
    assert (answer["error"]["code"], model.is_late) == ("6002", False)
    assert house.adapter.node_ids() == []


@pytest.mark.parametrize("is_dry", [False, True])
def test_copies_that_cannot_be_stored_are_the_template(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch, is_dry: bool
) -> None:
    tries = 0

    async def away(*_: Any) -> None:
        nonlocal tries
        tries += 1
        raise StoreError("the store is away")

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(retry_strategy, "_sleep", at_once)
    monkeypatch.setattr(house.wiring._copywriter, "write_all", away)
    answer = create(house, dry_run=is_dry)
    assert (answer["status"], tries) == ("success", retry_strategy.MAX_RETRIES + 1)
    assert {ad["copy_source"] for ad in answer["ads"]} == {"template"}


def test_a_kept_account_is_asked_for_its_status_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeAdapter, "account_seconds", 3600)
    house = OneTenant()
    for number in range(2):
        assert create(house, name=f"Kept {number}")["status"] == "success"
    assert [call for call in house.adapter.calls if "account" in call] == [
        "describe_account",
        "check_account",
    ]

    async def closed(_: Any) -> None:
        raise AccountError("the account is closed", code="6002")

    monkeypatch.setattr(house.adapter, "check_account", closed)
    made = len(house.adapter.node_ids())
    assert create(house, name="Closed")["error"]["code"] == "6002"
    assert len(house.adapter.node_ids()) == made


def test_copies_are_stored_by_creative(house: OneTenant) -> None:
    seen: list[Mapping[str, Any]] = []
    store = house.wiring.store
    real = store.save_copies

    async def noting(creation: Any, copies: Mapping[str, Any]) -> None:
        seen.append(copies)
        await real(creation, copies)

    store.save_copies = noting  # type: ignore[method-assign]
    answer = create(house, creative_ids=["1", "2", "3"])
    assert answer["status"] == "success"
    assert sorted(name for copies in seen for name in copies) == ["1", "2", "3"]


def test_texts_that_come_together_are_stored_together(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[list[str]] = []
    original = house.wiring.store.save_copies

    async def save(creation: Any, copies: Mapping[str, Any]) -> None:
        stored.append(sorted(copies))
        await original(creation, copies)

    monkeypatch.setattr(house.wiring.store, "save_copies", save)
    house.wiring._gemini_client = PatientModel(house.adapter)
    answer = create(house, creative_ids=["1", "2", "3", "4"])
    assert answer["status"] == "success"
    assert sorted(name for names in stored for name in names) == ["1", "2", "3", "4"]
    assert len(stored) < 4
