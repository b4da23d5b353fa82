"""Applied decisions are looked at again, once, when their days are over: predicted against observed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from campaign_automation.models.budgets import BudgetOptimized, CampaignForecast, OptimizeBudget
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import CreateRule, RuleTick
from campaign_automation.stores.table import Operation, Put
from campaign_automation.tasks import reconcile_campaigns
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformRejectedError, StoreError
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring
from tests.support.memory_table import MemoryTable
from tests.support.running_house import CALLER, House, pass_days, shifting

BY_CURVES = {"optimization_strategy": "allocate", "target_metric": "cpa"}
WINDOW, LATE = 7, 7  # days of a forecast, and until their conversions are complete
ALL = 1 + WINDOW + LATE


class Failing(MemoryTable):
    """Refuses rows whose keys hold `refused`."""

    refused: str | None = None

    async def _write(self, operations: Sequence[Operation]) -> None:
        for item in operations:
            if self.refused and isinstance(item, Put) and self.refused in f"{item.key.pk}/{item.key.sk}":
                raise StoreError("no")
        await super()._write(operations)


@pytest.fixture
def house(module_settings: None) -> Iterator[House]:
    house = House(Failing())
    house.start("meta")
    pass_days(9)
    yield house
    asyncio.run(clock.synchronise(None))


def decide(house: House, **more: Any) -> CampaignForecast:
    """Move money between three ad sets by their curves, and return the forecast of the campaign."""
    shifting(house)
    [forecast] = house.optimize(**BY_CURVES, **more).forecasts
    return forecast


def bring(house: House, total: float | None, days: int = ALL) -> None:
    """Let days pass that bring `total` conversions each, with the budgets spent."""
    pass_days(days)
    older = [row for row in house.adapters["meta"].daily if (house.today - row.day).days > ALL]
    for unit in house.units("meta"):
        count = None if total is None else total / 3
        house.deliver("meta", unit, ALL, conversions=count, spend=house.budget(unit), revenue=300)
    house.adapters["meta"].daily += older


def look(house: House, **more: Any) -> BudgetOptimized:
    return house.optimize(dry_run=True, **BY_CURVES, **more)


def trail(house: House) -> list[AuditRecord]:
    campaign_id = house.creations["meta"].campaign_id
    records = asyncio.run(house.wiring.audit.page("u", campaign_id))
    return [record for record in records if record.operation == "set_budget"]


@pytest.mark.parametrize(("target", "metric"), [("cpa", "conversions"), ("roas", "value")])
def test_a_decision_is_told_with_its_forecast(house: House, target: str, metric: str) -> None:
    shifting(house)
    asked = {**BY_CURVES, "target_metric": target}
    plan = house.optimize(dry_run=True, **asked)
    answer = house.optimize(**asked)
    [forecast] = answer.forecasts
    assert plan.forecasts == [forecast]
    assert (forecast.metric, forecast.daily_budget) == (metric, 300)
    assert (forecast.last_day - forecast.first_day).days == WINDOW - 1
    assert (forecast.first_day - house.today).days == 1
    assert (
        forecast.predicted.low < forecast.unchanged.mean < forecast.predicted.mean < forecast.predicted.high
    )
    assert answer.allocation is not None
    assert forecast.predicted.mean == pytest.approx(answer.allocation.expected_result)
    assert (answer.earlier_decisions, answer.calibration) == ([], [])


def test_a_decision_is_looked_at_again_when_its_days_are_complete(house: House) -> None:
    told = decide(house)
    bring(house, told.predicted.mean, ALL - 1)
    assert look(house).earlier_decisions == []
    bring(house, told.predicted.mean, 1)
    answer = look(house)
    [earlier] = answer.earlier_decisions
    assert (earlier.verdict, earlier.changed_again) == ("held", False)
    assert (earlier.predicted, earlier.daily_budget) == (told.predicted, 300)
    assert earlier.observed == pytest.approx(told.predicted.mean, rel=1e-3)
    assert earlier.spend == pytest.approx(300)
    # The lag is only assumed here, so that the level is a guess and the difference may be luck.
    assert earlier.difference is not None
    assert earlier.difference.mean == pytest.approx(told.predicted.mean - told.unchanged.mean, rel=1e-2)
    assert earlier.difference.low < 0 < earlier.difference.high
    assert "luck alone may explain" in earlier.explanation
    [account] = answer.calibration
    assert (account.forecasts, account.held, account.widening) == (1, 1, 1.0)
    records = trail(house)
    assert records
    for record in records:
        assert (record.run_id, record.outcome) == (earlier.run_id, "applied")
        assert record.evidence["looked_at_again"]["verdict"] == "held"
        assert record.evidence["reason"] == "reallocated"


def test_a_miss_widens_the_next_ranges(house: House) -> None:
    told = decide(house)
    bring(house, told.predicted.mean * 2)
    answer = look(house)
    [earlier] = answer.earlier_decisions
    assert (earlier.verdict, earlier.observed) == ("above", pytest.approx(told.predicted.mean * 2, rel=1e-3))
    assert earlier.difference is not None
    assert earlier.difference.low > 0
    assert "luck" not in earlier.explanation
    [account] = answer.calibration
    assert (account.forecasts, account.held) == (1, 0)
    assert account.widening == pytest.approx(1.086, abs=1e-3)
    shifting(house)
    wide = look(house)
    asyncio.run(house.wiring._table.write(_no_misses(house)))
    plain = look(house)
    reaches = [item.forecasts[0].predicted.high - item.forecasts[0].predicted.mean for item in (wide, plain)]
    assert reaches[0] == pytest.approx(account.widening * reaches[1])
    assert wide.allocation is not None
    assert plain.allocation is not None
    gain, narrow = wide.allocation.expected_gain, plain.allocation.expected_gain
    assert gain.p90 - gain.mean == pytest.approx(account.widening * (narrow.p90 - narrow.mean))
    assert (gain.mean, gain.probability) == (narrow.mean, narrow.probability)


def _no_misses(house: House) -> Put:
    account = house.creations["meta"].account
    assert account is not None
    names = ("judged", "held", "held_unwidened")
    return Put(
        {"pk": "u#calibration", "sk": f"meta:{account.platform_account_id}", **dict.fromkeys(names, 0)}
    )


def test_neither_repeated_calls_nor_other_processes_count_a_forecast_twice(house: House) -> None:
    told = decide(house)
    bring(house, told.predicted.mean)
    request = parse(OptimizeBudget, {"campaign_id": told.campaign_id, "dry_run": True, **BY_CURVES})

    async def both() -> list[BudgetOptimized]:
        others = [_process(house) for _ in range(3)]
        return await asyncio.gather(*(other.budgets.optimize(request, CALLER) for other in others))

    first = asyncio.run(both())
    # Figures that change later change no verdict.
    bring(house, told.predicted.mean * 3, 1)
    again = asyncio.run(both())
    for answer in [*first, *again, look(house)]:
        assert answer.earlier_decisions == first[0].earlier_decisions
        assert [(item.forecasts, item.held) for item in answer.calibration] == [(1, 1)]


def _process(house: House) -> Wiring:
    """Another process on the same table, with nothing in its cache."""
    return Wiring(mcp_client=house.web_platform, adapters=house.adapters, table=house.wiring._table)


def test_without_a_figure_nothing_is_said_until_it_comes(house: House) -> None:
    told = decide(house)
    bring(house, None)
    answer = look(house)
    [earlier] = answer.earlier_decisions
    assert (earlier.verdict, earlier.observed, earlier.difference) == ("unknown", None, None)
    assert answer.calibration == []
    assert all("looked_at_again" not in record.evidence for record in trail(house))
    bring(house, told.predicted.mean, 0)
    assert [item.verdict for item in look(house).earlier_decisions] == ["held"]


def test_after_another_change_the_curves_are_asked_for_the_money_spent(house: House) -> None:
    told = decide(house)
    pass_days(2)
    house.deliver("meta", house.units("meta")[0], 2, conversions=0)
    later = house.optimize(**BY_CURVES)
    assert later.run_ids
    pass_days(-2)
    bring(house, 100)
    first, *_ = look(house).earlier_decisions
    assert first.changed_again
    assert first.predicted.mean != told.predicted.mean
    pass_days(2)
    answer = look(house)
    assert len(answer.earlier_decisions) == 2
    # Both have days in common, and with them their luck: one of them counts.
    assert [item.forecasts for item in answer.calibration] == [1]


def test_a_change_that_was_refused_is_no_part_of_the_forecast(house: House) -> None:
    _, rich, units = shifting(house)
    house.adapters["meta"].budget_errors = {rich: PlatformRejectedError("no", platform="meta", code="1001")}
    answer = house.optimize(**BY_CURVES)
    [forecast] = answer.forecasts
    assert forecast.daily_budget == sum(house.budget(unit) for unit in units) == answer.total_after < 300
    assert forecast.predicted.mean < forecast.unchanged.mean


def test_too_little_data_predict_nothing_and_are_looked_at_all_the_same(house: House) -> None:
    house.deliver("meta", house.units("meta")[0], conversions=2)
    answer = house.optimize()
    assert answer.run_ids
    assert answer.forecasts == []
    bring(house, 6)
    sweep(house)
    [earlier] = look(house).earlier_decisions
    assert (earlier.verdict, earlier.predicted, earlier.difference) == ("no_forecast", None, None)
    assert (earlier.observed, earlier.spend) == (pytest.approx(6), pytest.approx(answer.total_after))
    assert earlier.before is not None
    assert (earlier.before.result, earlier.before.spend) == (pytest.approx(2), pytest.approx(100))
    assert "without the decision is not known" in earlier.explanation
    assert looked_at(house) == {"no_forecast"}


def test_the_written_rules_are_forecast_where_the_data_carry_curves(house: House) -> None:
    shifting(house)
    answer = house.optimize(target_metric="cpa")
    assert answer.run_ids
    [told] = answer.forecasts
    assert answer.allocation is None
    assert told.predicted.mean != told.unchanged.mean
    bring(house, told.predicted.mean)
    [earlier] = look(house).earlier_decisions
    assert (earlier.verdict, earlier.predicted) == ("held", told.predicted)


def test_a_decision_is_looked_at_though_nobody_decides_again(house: House) -> None:
    told = decide(house)
    bring(house, told.predicted.mean, ALL - 1)
    assert sweep(house) == 0
    bring(house, told.predicted.mean, 1)
    assert [sweep(house), sweep(house)] == [1, 0]
    assert looked_at(house) == {"held"}
    [account] = look(house).calibration
    assert (account.forecasts, account.held) == (1, 1)


def test_the_window_of_a_platforms_setting_is_waited_for(house: House) -> None:
    house.adapters["meta"].change(house.units("meta")[1], attribution_days=28)
    told = decide(house)
    bring(house, told.predicted.mean)
    assert sweep(house) == 0
    assert look(house).earlier_decisions == []
    bring(house, told.predicted.mean, 21)
    assert sweep(house) == 1


@pytest.mark.parametrize(
    ("told", "asked", "days", "source"),
    [(28, None, 28, "account"), (28, 3, 3, "request"), (None, None, 7, "assumed")],
)
def test_an_answer_says_whose_attribution_window_it_used(
    house: House, told: int | None, asked: int | None, days: int, source: str
) -> None:
    house.adapters["meta"].change(house.units("meta")[1], attribution_days=told)
    answer = house.optimize(dry_run=True, **({"attribution_days": asked} if asked else {}))
    assert (answer.attribution.days, answer.attribution.source) == (days, source)


def test_figures_that_never_come_are_given_up_after_60_days(house: House) -> None:
    decide(house)
    bring(house, None)
    assert [sweep(house), sweep(house)] == [1, 0]
    assert looked_at(house) == set()
    pass_days(1)
    assert sweep(house) == 1
    pass_days(60)
    assert [sweep(house), sweep(house)] == [1, 0]
    assert looked_at(house) == {"unknown"}
    assert look(house).calibration == []


def test_a_rules_changes_are_looked_at_and_stand_in_its_next_answer(house: House) -> None:
    for unit in house.units("meta"):
        house.deliver("meta", unit, conversions=4)
    rule = {
        "rule_name": "cheap",
        "condition": {"metric": "conversions", "operator": "greater_than", "value": 1},
        "action": {"type": "increase_budget", "parameters": {"percentage": 10}},
        "applies_to": "all",
        "max_affected": {"share": 1},
        "confirm": True,
    }
    made = asyncio.run(house.wiring.rules.create(parse(CreateRule, rule), CALLER))
    assert tick(house, made.rule_id).acted == 3
    bring(house, 15)
    assert sweep(house) == 1
    assert looked_at(house) == {"no_forecast"}
    [earlier] = tick(house, made.rule_id).earlier_decisions
    assert (earlier.kind, earlier.observed, earlier.spend) == ("rule", pytest.approx(15), pytest.approx(330))
    assert earlier.before is not None
    assert earlier.before.result == pytest.approx(12)
    assert earlier.run_id == trail(house)[0].run_id
    assert look(house).calibration == []


def tick(house: House, rule_id: str) -> RuleEvaluated:
    request = RuleTick(tenant="u", rule_id=rule_id, scheduled_time=clock.now())
    return asyncio.run(house.wiring.rule_evaluation.evaluate(request))


def sweep(house: House) -> int:
    """Look back as the schedule does, and return the number of campaigns that were looked at."""
    return int(asyncio.run(reconcile_campaigns(house.wiring, {}))["looked_back"])


def looked_at(house: House) -> set[str]:
    """Return the verdicts in the audit records of budgets; all of them have one, or none."""
    verdicts = [record.evidence.get("looked_at_again", {}).get("verdict") for record in trail(house)]
    assert verdicts
    assert None not in verdicts or set(verdicts) == {None}
    return {item for item in verdicts if item}


def test_a_run_that_was_cut_off_is_gone_on_with(house: House) -> None:
    table = house.wiring._table
    assert isinstance(table, Failing)
    told = decide(house)
    bring(house, told.predicted.mean)
    table.refused = "#2"
    assert look(house).earlier_decisions[0].verdict == "held"
    assert all("looked_at_again" not in record.evidence for record in trail(house))
    table.refused = None
    answer = look(house)
    assert [(item.forecasts, item.held) for item in answer.calibration] == [(1, 1)]
    assert all(record.evidence["looked_at_again"] for record in trail(house))


def test_a_forecast_that_cannot_be_kept_fails_nothing(house: House) -> None:
    table = house.wiring._table
    assert isinstance(table, Failing)
    table.refused = "#forecasts#"
    decide(house)
    table.refused = None
    bring(house, 1)
    assert look(house).earlier_decisions == []
