"""Properties 5 and 6 of the contract, on the rules as pure decisions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_automation.managers.budgets.wording import explanation
from campaign_automation.models.budget_problem import BudgetProblem, BudgetUnit, Decision
from campaign_automation.optimizers.budget_optimizer import optimize_budget
from tests.support.budget_problems import by_id, counts, day, days, problem, unit

PURE = settings(max_examples=100, deadline=None)
PLATFORMS = st.sampled_from(["meta", "tiktok", "google"])
NUDGE = st.sampled_from([-1, 0, 1])
GUARD_HOLDS = {"held_by_guard", "in_learning"}


def decide(adset: BudgetUnit, **changes: Any) -> Decision:
    return optimize_budget(problem(adset, **changes)).decisions[0]


@PURE
@given(
    platform=PLATFORMS,
    spend=st.integers(1, 10**7).map(lambda value: value * 200),
    target=st.decimals("0.01", "20", places=2),
    nudge=NUDGE,
    budget=st.integers(100, 10**6),
    window=st.integers(1, 90),
)
def test_property_05_roas_raises_strictly_above_one_and_a_half_times_the_target(
    platform: str, spend: int, target: Decimal, nudge: int, budget: int, window: int
) -> None:
    """Revenue on the threshold to the minor unit, and one unit to either side of it."""
    revenue = int(Fraction(3, 2) * Fraction(target) * spend) + nudge
    records = [day(0, spend_minor=spend, revenue_minor=revenue, conversions=3)]
    adset = unit(budget=budget, platform=platform, target_roas=target, records=records)
    decision = decide(adset, guard=False, window_days=window)
    if nudge > 0:
        assert (decision.action, decision.reason) == ("increase_budget", "roas_above_target")
        assert 0 <= Fraction(6, 5) * budget - decision.new_budget_minor < 1  # never further than it says
    else:
        assert (decision.action, decision.reason) == ("keep", "within_targets")
        assert decision.new_budget_minor == budget


@PURE
@given(
    platform=PLATFORMS,
    conversions=st.integers(1, 10**4),
    target=st.integers(1, 10**5).map(lambda value: value * 2),
    nudge=NUDGE,
    budget=st.integers(200, 10**6),
    parts=st.sampled_from([1, 10]),
)
def test_property_05_cpa_lowers_strictly_above_one_and_a_half_times_the_target(
    platform: str, conversions: int, target: int, nudge: int, budget: int, parts: int
) -> None:
    """Also for conversions in tenths, as Google attributes them."""
    fired = nudge > 0
    spend = conversions * target * 3 // 2 + nudge
    if parts > 1:
        records = [day(0, spend_minor=spend * 10, conversions=conversions * 10 - 0.1)]
        fired = spend * 10 > Fraction(3, 2) * target * (conversions * 10 - Fraction(1, 10))
    else:
        records = [day(0, spend_minor=spend, conversions=conversions)]
    adset = unit(budget=budget, platform=platform, target_cpa_minor=target, records=records)
    decision = decide(adset, guard=False)
    assert decision.reason == ("cpa_above_target" if fired else "within_targets")
    if fired:
        assert decision.action == "decrease_budget"
        assert 0 <= decision.new_budget_minor - Fraction(4, 5) * budget < 1


ONE_DAY: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    spend_minor=st.sampled_from([None, 0, 1, 5000]),
    conversions=st.sampled_from([None, 0, 0, 0.0, 0.1, 1]),
    status=st.sampled_from(["active", "active", "paused"]),
)


@PURE
@given(platform=PLATFORMS, pattern=st.lists(st.none() | ONE_DAY, min_size=3, max_size=5))
def test_property_05_pause_needs_three_delivered_days_without_a_conversion(
    platform: str, pattern: list[dict[str, Any] | None]
) -> None:
    """A day without a record, spend, or a known count never counts towards the three."""
    records = [day(age, **numbers) for age, numbers in enumerate(pattern) if numbers is not None]
    last_three = pattern[:3]
    fires = all(
        numbers is not None
        and numbers["status"] == "active"
        and (numbers["spend_minor"] or 0) > 0
        and numbers["conversions"] is not None
        and numbers["conversions"] == 0
        for numbers in last_three
    )
    decision = decide(unit(platform=platform, records=records), guard=False)
    assert (decision.action == "pause") == fires
    assert decision.new_budget_minor == (0 if fires else decision.old_budget_minor)


@PURE
@given(
    start=st.integers(1000, 10**6),
    moved=st.fractions("0.5", "1.5"),
    step=st.sampled_from([1, 50, 100]),
    raises=st.booleans(),
)
def test_property_05_no_budget_leaves_half_to_one_and_a_half_times_the_day_s_start(
    start: int, moved: Fraction, step: int, raises: bool
) -> None:
    """Whatever people have already done that day; and a rule never moves a budget the other way."""
    budget = max(int(start * moved) // step * step, step)
    result = {"revenue_minor": 10**6} if raises else {"revenue_minor": 0}
    adset = unit(
        budget=budget,
        budget_at_day_start_minor=start,
        step_minor=step,
        target_roas=Decimal(2),
        target_cpa_minor=100,
        records=days(4, spend_minor=1000, conversions=20 if raises else 1, **result),
    )
    decision = decide(adset, guard=False)
    new = decision.new_budget_minor
    if decision.action == "keep":
        assert new == budget
    else:
        assert start <= 2 * new <= 3 * start
        assert new % step == 0
        assert (new > budget) == raises


@st.composite
def adsets(draw: st.DrawFn) -> BudgetUnit:
    budget = draw(st.integers(100, 10**5))
    age = draw(st.integers(0, 5))
    records = counts(
        draw(st.lists(st.integers(0, 6), max_size=12)),
        draw(st.integers(0, 20_000)),
        revenue_minor=draw(st.none() | st.integers(0, 10**5)),
    )
    return unit(
        draw(st.text("abcdef", min_size=1, max_size=4)),
        budget,
        platform=draw(PLATFORMS),
        status=draw(st.sampled_from(["active", "active", "paused"])),
        locked=draw(st.integers(0, 9)) == 0,
        in_learning=draw(st.integers(0, 4)) == 0,
        last_changed=None if age > 2 else day(age - 1).day,
        target_roas=draw(st.none() | st.decimals("0.1", "5", places=1)),
        target_cpa_minor=draw(st.none() | st.integers(100, 10**4)),
        records=records,
    )


@st.composite
def problems(draw: st.DrawFn, /, **fixed: Any) -> BudgetProblem:
    units = draw(st.lists(adsets(), min_size=1, max_size=6, unique_by=lambda item: item.unit_id))
    choices: dict[str, Any] = {
        "strategy": draw(st.sampled_from(["auto", "rules", "allocate"])),
        "target_metric": draw(st.sampled_from(["roas", "cpa"])),
        "guard": draw(st.booleans()),
        "freed_money": draw(st.sampled_from(["leave", "reinvest"])),
        "window_days": draw(st.integers(1, 14)),
    }
    return problem(*units, **(choices | fixed))


@PURE
@given(request=problems(strategy="rules", freed_money="leave"))
def test_property_05_the_guard_only_ever_holds_back(request: BudgetProblem) -> None:
    """With the guard on, every ad set does what the letter says or keeps its budget and says why."""
    letter = by_id(optimize_budget(request.model_copy(update={"guard": False})))
    guarded = by_id(optimize_budget(request.model_copy(update={"guard": True})))
    assert letter.keys() == guarded.keys()
    for unit_id, decision in guarded.items():
        assert decision.evidence.written == letter[unit_id].evidence.written
        if letter[unit_id].action == "pause" and decision.action != "pause":
            # A pause that is held leaves the other rule that fired to be judged.
            assert decision.reason in (
                *GUARD_HOLDS,
                "tracking_suspect",
                "cpa_above_target",
                "roas_above_target",
            )
            continue
        assert decision.evidence.guard == letter[unit_id].evidence.guard
        # Conversions that nobody counts are no ground to lower either.
        if decision.reason in (*GUARD_HOLDS, "tracking_suspect"):
            assert decision.action == "keep"
        else:
            assert decision == letter[unit_id]


@PURE
@given(request=problems())
def test_property_06_every_optimisation_has_adset_id_action_and_reason(request: BudgetProblem) -> None:
    plan = optimize_budget(request)
    active = {item.unit_id: item for item in request.units if item.status == "active"}
    assert [decision.unit_id for decision in plan.decisions] == sorted(active)
    assert (plan.status == "all_paused") == (not active)
    for decision in plan.decisions:
        assert decision.action in ("increase_budget", "decrease_budget", "pause", "keep")
        assert decision.reason
        assert explanation(decision, request).endswith(".")
        assert (decision.action == "keep") == (decision.new_budget_minor == decision.old_budget_minor)
        assert not active[decision.unit_id].locked or decision.action == "keep"
    assert plan.total_after_minor == sum(decision.new_budget_minor for decision in plan.decisions)
    assert optimize_budget(request) == plan
