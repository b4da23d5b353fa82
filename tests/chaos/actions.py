"""The actions of the matrix: the state that each begins with, its request, and what its success promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from campaign_automation.tasks import check_ab_test, evaluate_rule
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, envelope
from tests.chaos.house import USER, House, Json, Perform

Prepare = Callable[[House], Awaitable[None]]
CREATIVES = ["1", "3"]  # pictures, which every platform takes and none processes


async def nothing(_: House) -> None:
    """An empty account."""


@dataclass(frozen=True)
class Action:
    """`status` is the campaign's after a success, `adset` the known ad set's; None promises none."""

    name: str
    prepare: Prepare
    perform: Perform
    status: str | None = None
    adset: str | None = None

    @property
    def creates(self) -> bool:
        return self.prepare is nothing


# --- states to begin with ---------------------------------------------------------------------------------


async def created(house: House, *, activate: bool = True) -> None:
    answer = await create(house, activate=activate)
    assert answer["status"] == "success", answer
    house.campaign_id = answer["campaign_id"]
    house.known["adset"] = answer["adsets"][0]["adset_id"]


async def paused_by_a_run(house: House) -> None:
    await created(house)
    house.known["run"] = (await manage(house, action="pause"))["run_id"]


async def with_a_week(house: House) -> None:
    await created(house)
    await house.advance(days=7)


async def with_a_rule(house: House, action: Json) -> None:
    await with_a_week(house)
    made = await house.ask(
        "create_rule",
        rule_name="always",
        condition={"metric": "spend", "operator": "greater_than_or_equal", "value": 0, "time_range": "7d"},
        action=action,
        applies_to={"campaign_ids": [house.campaign_id]},
        schedule="rate(1 hour)",
    )
    assert made["status"] == "success", made
    house.known["rule"] = made["rule_id"]
    await house.advance(hours=1)


async def with_a_test(house: House) -> None:
    answer = await create_test(house)
    assert answer["status"] == "success", answer
    house.campaign_id, house.known["test"] = answer["campaign_id"], answer["test_id"]
    await house.advance(hours=1)


async def with_a_test_of_a_week(house: House) -> None:
    await with_a_test(house)
    await house.advance(days=7)


# --- requests ---------------------------------------------------------------------------------------------


async def create(house: House, *, activate: bool = False) -> Json:
    answer = await house.ask(
        "create_campaign",
        platform=house.platform,
        objective="sales",
        daily_budget=100,
        creative_ids=CREATIVES,
        age_groups=[[18, 34], [35, 54]],
        activate=activate,
    )
    house.campaign_id = answer.get("campaign_id", house.campaign_id)
    return answer


async def manage(house: House, **parameters: object) -> Json:
    return await house.ask("manage_campaign", campaign_id=house.campaign_id, confirm=True, **parameters)


async def manage_adset(house: House, action: str) -> Json:
    return await manage(house, action=action, level="adset", entity_ids=[house.known["adset"]])


async def status(house: House) -> Json:
    return await house.ask("get_campaign_status", campaign_id=house.campaign_id)


async def undo(house: House) -> Json:
    return await house.ask("undo_change", campaign_id=house.campaign_id, run_id=house.known["run"])


async def optimize(house: House) -> Json:
    return await house.ask(
        "optimize_budget",
        campaign_id=house.campaign_id,
        optimization_strategy="allocate",
        total_daily_budget=80,
    )


async def stop_all(house: House) -> Json:
    return await house.ask("stop_all", scope="platform", platform=house.platform, reason="chaos")


async def create_test(house: House) -> Json:
    return await house.ask(
        "create_ab_test",
        test_name="T",
        platform=house.platform,
        creative_ids=CREATIVES,
        daily_budget=100,
        force=True,
    )


async def analyze_test(house: House) -> Json:
    return await house.ask("analyze_ab_test", test_id=house.known["test"], apply=True, force=True)


async def cancel_test(house: House) -> Json:
    return await house.ask("cancel_ab_test", test_id=house.known["test"])


async def tick_rule(house: House) -> Json:
    event = {"tenant": USER, "rule_id": house.known["rule"], "scheduled_time": clock.iso_now()}
    return await answered(evaluate_rule(house.parts, event))


async def tick_test(house: House) -> Json:
    event = {"tenant": USER, "test_id": house.known["test"], "scheduled_time": clock.iso_now()}
    return await answered(check_ab_test(house.parts, event))


async def answered(task: Awaitable[Json]) -> Json:
    """A task's answer, or the envelope of the typed error that its scheduler would see."""
    try:
        return {"status": "success", **await task}
    except CampaignAutomationError as error:
        return envelope(error, "chaos")


LOWER = {"type": "decrease_budget", "parameters": {"percentage": 20}}
ACTIONS = {
    action.name: action
    for action in (
        Action("create_paused", nothing, create, "paused"),
        Action("create_active", nothing, partial(create, activate=True), "active"),
        Action("pause", created, partial(manage, action="pause"), "paused"),
        Action("start", partial(created, activate=False), partial(manage, action="start"), "active"),
        Action("delete", created, partial(manage, action="delete"), "deleted"),
        Action("pause_adset", created, partial(manage_adset, action="pause"), "active", "paused"),
        Action("undo", paused_by_a_run, undo, "active"),
        Action("stop_all", created, stop_all, "paused"),
        Action("status", created, status, "active"),
        Action("optimize", with_a_week, optimize, "active"),
        Action("rule_budget", partial(with_a_rule, action=LOWER), tick_rule, "active"),
        Action("rule_pause", partial(with_a_rule, action={"type": "pause_adset"}), tick_rule, "active"),
        Action("create_test", nothing, create_test, "active"),
        Action("analyze_test", with_a_test_of_a_week, analyze_test),
        Action("tick_test", with_a_test_of_a_week, tick_test),
        Action("cancel_test", with_a_test, cancel_test, "paused"),
    )
}
