"""Rules on platforms in memory: property 13, and what only shows when something dies or comes twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign_automation.adapters.base import Access, BudgetOutcome, DailyInsight, Outcome
from campaign_automation.capability import run_action
from campaign_automation.clients.aws import Aws
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.managers.notices import events
from campaign_automation.managers.rules import evaluation as rule_evaluation
from campaign_automation.managers.rules.schedules import RuleSchedules
from campaign_automation.models.campaign import Creation
from campaign_automation.models.changes import AuditRecord, ManageCampaign
from campaign_automation.models.common import AdAccount, Context, Level
from campaign_automation.models.rules.answers import RuleCreated, RuleEvaluated
from campaign_automation.models.rules.rule import CreateRule, RuleFromTemplate, RuleTick
from campaign_automation.settings import get_settings
from campaign_automation.stores.operations.webhooks import WebhookEvent, WebhookStore
from campaign_automation.stores.rule_store import RuleStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    GuardRefusedError,
    PlatformRejectedError,
)
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.meta import ACCESS
from tests.support.parts import gate_with
from tests.support.web_platform import MemoryWebPlatform

PLATFORMS = ("meta", "tiktok", "google")
LIMITS = Limits(Decimal(50), Decimal(50), {"USD": Decimal(10_000)}, False)
GROUP = "rules"
SCHEDULING = {
    "rule_schedule_group": GROUP,
    "evaluate_rule_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:evaluate:live",
    "rule_schedule_role_arn": "arn:aws:iam::123456789012:role/rules",
    "schedule_dead_letters_arn": "arn:aws:sqs:us-east-1:123456789012:dead",
}


CLIENTS = Aws()  # of all houses: making one takes longer than what a house asks of it


class CountingAdapter(FakeAdapter):
    """Notes every write by the object's id."""

    def __init__(self, platform: str) -> None:
        super().__init__(platform)
        self.writes: Counter[str] = Counter()

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        self.writes.update(ids)
        return await super().set_status(access, level, ids, status)

    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        self.writes.update(budgets.keys())
        return await super().set_budgets(access, account, level, budgets)


class House:
    """One tenant with a running campaign of three ad sets, nine days old."""

    def __init__(self, platform: str = "meta") -> None:
        self.platform = platform
        self.adapter = CountingAdapter(platform)
        self.web_platform = MemoryWebPlatform()
        self.wiring = Wiring(
            get_settings().model_copy(update=SCHEDULING),
            mcp_client=self.web_platform,
            adapters={platform: self.adapter},
            table=MemoryTable(),
        )
        wiring = self.wiring
        wiring._aws = CLIENTS
        wiring.__dict__["gate"] = gate_with(wiring, LIMITS)
        self.creation = self._start()

    def _start(self) -> Creation:
        asyncio.run(clock.synchronise(None))
        body = request_body(daily_budget=300, platform=self.platform, creative_ids=["1"])
        answer = asyncio.run(run_action(self.wiring, "create_campaign", body, {"user_id": "u"}))
        assert answer["status"] == "success", answer
        creation = asyncio.run(self.wiring.store.load("u", answer["campaign_id"]))
        assert creation is not None
        for entry in creation.objects.values():
            changes: dict[str, Any] = {"status": "active"}
            if self.platform == "google" and entry.level is not Level.AD:
                changes["daily_budget"] = Decimal(300) if entry.level is Level.CAMPAIGN else None
            self.adapter.change(entry.platform_id or "", **changes)
        clock._offset += timedelta(days=9)
        return creation

    def create_rule(self, **body: Any) -> RuleCreated:
        scope = {"campaign_ids": [self.creation.campaign_id]}
        rule = parse(CreateRule, {"rule_name": "drawn", "applies_to": scope} | body)
        return asyncio.run(self.wiring.rules.create(rule, Context(user_id="u")))

    @property
    def adsets(self) -> list[str]:
        assert self.creation.plan is not None
        return [adset.tag for adset in self.creation.plan.adsets]

    def deliver(self, tag: str, days: int, **numbers: Any) -> None:
        """The last full days of an ad set and the running one, which may end during a test, all alike."""
        assert self.creation.plan is not None
        today = clock.now().astimezone(ZoneInfo("America/New_York")).date()
        values = {"spend": 100, "impressions": 1000, "clicks": 50, "conversions": 1, "revenue": 50, **numbers}
        for age in range(days + 1):
            self.adapter.daily.append(self._row(tag, today - timedelta(days=age), values))

    def _row(self, tag: str, day: date, values: dict[str, Any]) -> DailyInsight:
        assert self.creation.plan is not None
        return DailyInsight(
            entity_id=self.creation.objects[tag].platform_id or "",
            campaign_id=self.creation.objects[self.creation.plan.tag].platform_id or "",
            adset_id=self.creation.objects[tag].platform_id,
            day=day,
            **values,
        )

    def tick(self, rule_id: str, at: datetime, times: int = 1) -> list[RuleEvaluated]:
        """The same tick so many times at once."""
        request = RuleTick(tenant="u", rule_id=rule_id, scheduled_time=at)

        async def all_at_once() -> list[RuleEvaluated]:
            evaluate = self.wiring.rule_evaluation.evaluate
            return await asyncio.gather(*(evaluate(request) for _ in range(times)))

        return asyncio.run(all_at_once())

    def trail(self, rule_id: str) -> list[AuditRecord]:
        page = asyncio.run(self.wiring.audit.page("u", self.creation.campaign_id))
        return [record for record in page if record.actor == f"rule:{rule_id}"]


@pytest.fixture(scope="module", autouse=True)
def scheduler(module_settings: None) -> Iterator[None]:
    boto3.client("scheduler").create_schedule_group(Name=GROUP)
    yield
    asyncio.run(clock.synchronise(None))


# --- property 13 -----------------------------------------------------------------------------------------

SUMS = {"spend": 1, "impressions": 10, "clicks": 1}
RATIOS = {
    "ctr": ("clicks", "impressions", 100),
    "cpc": ("spend", "clicks", 1),
    "cpm": ("spend", "impressions", 1000),
}
OPERATORS = {
    "greater_than": lambda value, limit: value > limit,
    "greater_than_or_equal": lambda value, limit: value >= limit,
    "less_than": lambda value, limit: value < limit,
    "less_than_or_equal": lambda value, limit: value <= limit,
}
ACTIONS = ("pause_adset", "increase_budget", "decrease_budget", "send_notification")
FIGURES = st.fixed_dictionaries(
    {"spend": st.integers(1, 200), "impressions": st.integers(1, 5000), "clicks": st.integers(1, 200)}
)


def value_of(metric: str, days: int, figures: Sequence[dict[str, int]]) -> Decimal:
    """The metric over so many equal days of all objects together."""
    if metric in SUMS:
        return Decimal(days * sum(item[metric] for item in figures))
    top, bottom, scale = RATIOS[metric]
    total = {name: sum(item[name] for item in figures) for name in (top, bottom)}
    return Decimal(scale * total[top]) / Decimal(total[bottom])


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    platform=st.sampled_from(PLATFORMS),
    metric=st.sampled_from([*SUMS, *RATIOS]),
    operator=st.sampled_from(list(OPERATORS)),
    days=st.integers(1, 5),
    figures=st.lists(FIGURES, min_size=3, max_size=3),
    limit=st.one_of(st.integers(0, 500), st.integers(0, 2)),
    action=st.sampled_from(ACTIONS),
    percentage=st.integers(1, 50),
    cooldown=st.sampled_from(["0h", "24h"]),
    dies=st.booleans(),
)
def test_property_13_a_valid_rule_is_created_and_its_action_runs_once_and_is_logged(
    platform: str,
    metric: str,
    operator: str,
    days: int,
    figures: list[dict[str, int]],
    limit: int,
    action: str,
    percentage: int,
    cooldown: str,
    dies: bool,
) -> None:
    house = House(platform)
    for tag, numbers in zip(house.adsets, figures, strict=True):
        house.deliver(tag, 8, **numbers)
    # `limit` up to 2 is an ad set: its own value, so that thresholds are met exactly.
    threshold = Decimal(limit)
    if limit <= 2:
        threshold = round(value_of(metric, days, [figures[limit]]), 6)
    is_budget = action.endswith("_budget")
    parameters: dict[str, Any] = {"percentage": percentage} if is_budget else {}
    if action == "send_notification":
        parameters = {"message": "look"}
    answer = house.create_rule(
        condition={
            "metric": metric,
            "operator": operator,
            "value": float(threshold),
            "time_range": f"{days}d",
        },
        action={"type": action, "parameters": parameters},
        cooldown=cooldown,
    )
    rule_id, now = answer.rule_id, clock.now()
    assert answer.backtest.as_known_now is not None
    stored = CLIENTS.client("scheduler").get_schedule(Name=rule_id, GroupName=GROUP)
    assert (stored["State"], stored["ScheduleExpression"]) == ("ENABLED", "rate(6 hours)")
    # On Google Ads a budget is the campaign's, so the rule sees its ad sets together.
    groups = [[item] for item in figures]
    objects = house.adsets
    if is_budget and platform == "google":
        assert house.creation.plan is not None
        groups, objects = [figures], [house.creation.plan.tag]
    expected = {
        tag
        for tag, group in zip(objects, groups, strict=True)
        if OPERATORS[operator](round(value_of(metric, days, group), 9), round(threshold, 9))
    }
    if dies:
        die_after_acting(house, rule_id, now)
    first, second = house.tick(rule_id, now, times=2)
    third = house.tick(rule_id, now)[0]
    result = first if first.note != "under_way" else second
    assert third == result
    assert (result.matched, result.acted) == (len(expected), len(expected)), result
    trail = house.trail(rule_id)
    told = [item["message"] for item in house.web_platform.notifications]
    assert len(told) == bool(expected)
    assert all(tag in told[0] for tag in expected)
    if action == "send_notification":
        assert trail == []
        assert house.adapter.writes.total() == 0
    else:
        assert sorted(record.entity_id for record in trail) == sorted(expected)
        assert {record.outcome for record in trail} <= {"applied"}
        assert all("drawn" in record.reason and record.evidence["figures"] for record in trail)
        assert house.adapter.writes == Counter(house.creation.objects[tag].platform_id for tag in expected)
    if cooldown != "0h":
        clock._offset += timedelta(minutes=15)
        assert house.tick(rule_id, clock.now())[0].acted == 0


class Died(BaseException):
    """The function was killed: nothing of it runs any more."""


def die_after_acting(house: House, rule_id: str, at: datetime) -> None:
    """The process ends between the action and its record, and its claim runs out."""

    async def dies(*_: Any) -> bool:
        raise Died

    async def nothing(*_: Any) -> None:
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RuleStore, "finish", dies)
        patch.setattr(RuleStore, "release", nothing)
        patch.setattr(rule_evaluation, "CLAIM_SECONDS", -1)
        with pytest.raises(Died):
            house.tick(rule_id, at)


# --- what dies, and what others did ----------------------------------------------------------------------

LOW_ROAS = {"metric": "roas", "operator": "less_than", "value": 2, "time_range": "3d"}
PAUSE = {"condition": LOW_ROAS, "action": {"type": "pause_adset"}}


@pytest.fixture
def house() -> House:
    house = House()
    for tag in house.adsets:
        house.deliver(tag, 8)
    reconcile(house)  # schedules of rules of earlier tests drive nothing any more
    return house


def reconcile(house: House) -> tuple[int, int, int]:
    return tuple(asyncio.run(house.wiring.rules.reconcile()))  # type: ignore[return-value]


def test_a_scheduler_that_fails_costs_a_warning_and_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise CampaignAutomationError("the scheduler did not answer", code="4000")

    with monkeypatch.context() as patch:
        patch.setattr(RuleSchedules, "put", fails)
        made = house.create_rule(**PAUSE)
    assert "within 15 minutes" in made.warnings[-1]
    assert reconcile(house) == (1, 0, 0)
    assert reconcile(house) == (0, 0, 0)
    assert boto3.client("scheduler").get_schedule(Name=made.rule_id, GroupName=GROUP)["State"] == "ENABLED"


def test_a_rule_that_did_not_run_when_it_was_due_is_overdue(house: House) -> None:
    rule_id = house.create_rule(**PAUSE).rule_id
    clock._offset += timedelta(hours=6, minutes=29)
    assert reconcile(house)[2] == 0
    clock._offset += timedelta(minutes=2)
    assert reconcile(house)[2] == 1
    house.tick(rule_id, clock.now())
    assert reconcile(house)[2] == 0


@pytest.mark.parametrize("way", ["deleted", "hidden"])
def test_what_is_gone_from_its_platform_leaves_the_other_campaigns_to_the_rule(
    house: House, way: str
) -> None:
    body = request_body(daily_budget=90, creative_ids=["1"], name="Gone")
    gone = asyncio.run(run_action(house.wiring, "create_campaign", body, {"user_id": "u"}))
    clock._offset += timedelta(days=9)
    house.adapter.daily.clear()
    for tag in house.adsets:
        house.deliver(tag, 8)
    platform_id = gone["platform_campaign_id"]
    if way == "hidden":
        house.adapter.hidden.add(platform_id)
    else:
        asyncio.run(house.adapter.remove(ACCESS, Level.CAMPAIGN, [platform_id]))
    made = house.create_rule(**PAUSE, applies_to={"all": True})
    [result] = house.tick(made.rule_id, clock.now())
    assert result.acted == 3
    lost = {item.id for item in result.undecidable if item.reason == "not_read: 5000"}
    # A platform that tells of the deletion leaves nothing to judge; one that shows nothing leaves it open.
    assert lost == ({item["adset_id"] for item in gone["adsets"]} if way == "hidden" else set())


def test_a_rule_brings_back_what_it_paused_for_a_while_and_not_what_a_person_paused(house: House) -> None:
    first, second, third = house.adsets
    pause = {"type": "pause_adset", "parameters": {"pause_for": "24h"}}
    scope = {"adset_ids": [first, second]}
    made = house.create_rule(**{**PAUSE, "action": pause}, applies_to=scope, priority=100)
    restart = asyncio.run(
        house.wiring.rules.create_from_template(
            RuleFromTemplate(template="restart_after_pause", applies_to="all", proposal_hours=5),
            Context(user_id="u"),
        )
    )
    assert restart.rule.proposal_hours == 5
    assert house.tick(made.rule_id, clock.now())[0].acted == 2
    body = {
        "campaign_id": house.creation.campaign_id,
        "action": "pause",
        "level": "adset",
        "entity_ids": [second, third],
    }
    house.adapter.change(house.creation.objects[second].platform_id or "", status="active")
    asyncio.run(house.wiring.control.manage(parse(ManageCampaign, body), Context(user_id="u")))
    clock._offset += timedelta(hours=25)
    [result] = house.tick(restart.rule_id, clock.now())
    assert [item.id for item in result.changed] == [first], result


def test_what_a_rule_paused_does_not_come_back_with_its_campaign(house: House) -> None:
    first, *others = house.adsets
    made = house.create_rule(**PAUSE, applies_to={"adset_ids": [first]})
    assert house.tick(made.rule_id, clock.now())[0].acted == 1
    for action in ("pause", "start"):
        body = {"campaign_id": house.creation.campaign_id, "action": action}
        asyncio.run(house.wiring.control.manage(parse(ManageCampaign, body), Context(user_id="u")))
    statuses = [
        house.adapter.node(house.creation.objects[tag].platform_id or "").status for tag in house.adsets
    ]
    assert statuses == ["paused", *["active"] * len(others)]


def test_nothing_but_pauses_passes_the_kill_switch(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.wiring.gate, "_limits", LIMITS._replace(is_stopped=True))
    raises = house.create_rule(condition=LOW_ROAS, action={"type": "increase_budget"})
    [result] = house.tick(raises.rule_id, clock.now())
    assert (result.acted, {item.reason.partition(":")[0] for item in result.skipped}) == (0, {"kill_switch"})
    pauses = house.create_rule(**PAUSE)
    assert house.tick(pauses.rule_id, clock.now())[0].acted == 3


def test_a_rule_whose_write_failed_tells_its_owner(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rule_id = house.create_rule(**PAUSE).rule_id
    refusal = PlatformRejectedError("meta: not now", platform="meta", code="4000")

    async def refuses(access: Access, level: Level, ids: Sequence[str], status: str) -> list[Outcome]:
        return [Outcome(item, error=refusal) for item in ids]

    monkeypatch.setattr(house.adapter, "set_status", refuses)
    [result] = house.tick(rule_id, clock.now())
    assert (result.acted, len(result.failed)) == (0, 3)
    [notice] = house.web_platform.notifications
    assert "Not paused 3 ad sets, as the change failed" in notice["message"]
    assert "meta: not now" in notice["message"]


def test_a_rule_tells_the_channels_that_it_names_alone(house: House) -> None:
    rule_id = house.create_rule(**PAUSE, notify_by=["webhook"]).rule_id
    [result] = house.tick(rule_id, clock.now())
    assert result.notification
    assert house.web_platform.notifications == []
    (event,) = events_of(house, "notice")
    assert event.data["message"] == result.notification


def test_programs_are_told_once_of_a_tick_that_acts_and_of_its_changes(house: House) -> None:
    rule_id = house.create_rule(**PAUSE).rule_id
    house.tick(rule_id, clock.now(), times=3)
    (acted,) = events_of(house, "rule.acted")
    campaign_id = house.creation.campaign_id
    assert (acted.about["campaign_id"], acted.about["actor"]) == (campaign_id, f"rule:{rule_id}")
    assert sorted(acted.data["ids"]) == sorted(house.adsets)
    assert {item["after"] for item in acted.data["changed"]} == {"paused"}
    (changed,) = events_of(house, "campaign.changed")
    assert (changed.about["actor"], len(changed.data["changes"])) == (f"rule:{rule_id}", 3)
    assert changed.about["sequence"] < acted.about["sequence"]


def test_the_event_of_a_tick_that_acts_on_many_objects_is_told_in_parts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_OBJECTS", 2)  # an event bus takes no event of thousands
    house.tick(house.create_rule(**PAUSE).rule_id, clock.now())
    first, second = events_of(house, "rule.acted")
    assert [len(item.data["ids"]) for item in (first, second)] == [2, 1]
    assert sorted(first.data["ids"] + second.data["ids"]) == sorted(house.adsets)
    assert [item["id"] for item in second.data["changed"]] == second.data["ids"]
    assert first.event_id != second.event_id


def events_of(house: House, kind: str) -> list[WebhookEvent]:
    events = asyncio.run(WebhookStore(house.wiring._table).events("u"))
    return [event for event in events if event.kind == kind]


def test_the_defaults_of_a_rule_stand_in_the_answer(house: House) -> None:
    made = house.create_rule(**PAUSE)
    assert made.max_affected.count == 20
    assert (made.rule.schedule, made.rule.cooldown, made.rule.mode) == ("rate(6 hours)", "24h", "act")


def test_a_rule_that_may_pause_the_whole_account_is_confirmed(house: House) -> None:
    assert house.create_rule(**PAUSE, applies_to="all").state == "enabled"
    limit = {**PAUSE, "max_affected": {"count": 2}}
    with pytest.raises(GuardRefusedError, match="confirm"):
        house.create_rule(**limit, applies_to="all")
    assert house.create_rule(**limit, applies_to="all", confirm=True).state == "enabled"
    house.adapter.daily.clear()
    with pytest.raises(GuardRefusedError, match="no day with spend") as refused:
        house.create_rule(**PAUSE, applies_to="all")
    assert refused.value.details["guard"] == "confirm"
    assert house.create_rule(**PAUSE, applies_to="all", mode="observe").state == "enabled"


def test_a_campaign_that_is_being_changed_fails_for_now_and_is_done_at_the_next_tick(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaign_automation.managers.changes.leases._WAIT_SECONDS", 0.3)
    rule_id = house.create_rule(**PAUSE).rule_id
    assert asyncio.run(house.wiring.store.begin_run(house.creation, "run_other", 60)) is None
    [result] = house.tick(rule_id, clock.now())
    assert (result.acted, {item.error["code"] for item in result.failed}) == (0, {"5004"})
    assert house.web_platform.notifications == []
    assert asyncio.run(house.wiring.store.end_run(house.creation, "run_other"))
    clock._offset += timedelta(minutes=15)
    assert house.tick(rule_id, clock.now())[0].acted == 3


def test_outside_its_hours_and_on_blackout_dates_a_rule_reads_nothing(house: House) -> None:
    today = clock.now().date()
    made = house.create_rule(**PAUSE, blackout_dates=[str(today + timedelta(days=n)) for n in range(2)])
    house.adapter.calls.clear()
    [result] = house.tick(made.rule_id, clock.now())
    assert (result.outcome, result.note) == ("not_now", "blackout_date")
    assert house.adapter.calls == []
