"""60 days of a noisy market under rules: who is paused wrongly, with certainty and without."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from benchmarks._report import Report
from campaign_automation.models.common import Level, Platform
from campaign_automation.models.rules.rule import StoredRule
from campaign_automation.optimizers.rule_engine import RuleDecision, evaluate
from campaign_automation.optimizers.rules.data import Day, Entity, Memory, PastAction, Snapshot

START = datetime(2026, 9, 1, 4, tzinfo=UTC)
DAYS = 60
TARGET_CPA, TARGET_ROAS = 25.0, 2.0
GOOD, MIDDLING, BAD = (0.6, 1.0), (1.2, 1.5), (3.0, 5.0)  # true CPA as multiples of the target
ARRIVAL = (0.5, 0.25, 0.15, 0.1)  # share of conversions reported 0, 1, 2 and 3 days after their day
MATURITY = (0.5, 0.75, 0.9)
SMALLEST = 15


@dataclass
class Result:
    """Of one run. `bad_curbed`: paused or lowered to the smallest budget of the rules, after how many days.
    `turns_in_a_week`: the most reversals of direction one object had within 7 days.
    """

    good: int = 0
    wrongly_paused: int = 0
    bad: int = 0
    bad_curbed: int = 0
    days_to_curb: list[int] = field(default_factory=list)
    changes: int = 0
    turns_in_a_week: int = 0


@dataclass
class AdSet:
    name: str
    true_cpa: float
    budget: Decimal
    active: bool = True
    pause_until: datetime | None = None
    started: int = 0
    days: list[tuple[float, int, int, list[int], float]] = field(default_factory=list)

    def deliver(self, rng: random.Random) -> None:
        """One day: Poisson conversions at the true rate, each arriving late by chance."""
        spend = round(float(self.budget) * rng.uniform(0.85, 1.05), 2) if self.active else 0.0
        clicks = poisson(rng, spend * 1.2)
        arriving = [poisson(rng, spend / self.true_cpa * share) for share in ARRIVAL]
        self.days.append((spend, clicks * 70, clicks, arriving, rng.gauss(1, 0.15)))

    def as_reported(self, day_number: int) -> Entity:
        """As the platform shows it on the morning of `day_number`."""
        today = (START + timedelta(days=day_number)).date()
        records = []
        for number, (spend, impressions, clicks, arriving, basket) in enumerate(self.days):
            conversions = sum(arriving[: day_number - number])
            revenue = round(conversions * TARGET_CPA * TARGET_ROAS * max(basket, 0.2), 2)
            day = today - timedelta(days=day_number - number)
            records.append(Day(day, spend, impressions, clicks, conversions, revenue))
        return Entity(
            entity_id=self.name,
            level=Level.ADSET,
            campaign_id="cmp_1",
            platform=Platform.META,
            name=self.name,
            active=self.active,
            days=records,
            adset_id=self.name,
            daily_budget=self.budget,
            target_roas=TARGET_ROAS,
            target_cpa=TARGET_CPA,
            pause_until=self.pause_until,
            paused_by_us=not self.active,
            evidence_from=(START + timedelta(days=self.started)).date() if self.started else None,
        )

    def apply(self, decision: RuleDecision, day_number: int) -> None:
        if isinstance(decision.after, Decimal):
            self.budget = round(decision.after, 2)
            return
        self.active = decision.after == "ACTIVE"
        self.pause_until = decision.pause_until
        self.started = day_number if self.active else self.started


def make_rules(certainty: float | None) -> list[StoredRule]:
    """What a buyer leaves alone overnight: stop, tame, scale, and a second chance after three days."""
    pause = {"type": "pause_adset", "parameters": {"pause_for": "72h"}}
    lower = {"type": "decrease_budget", "parameters": {"min_budget": SMALLEST}}
    increase = {"type": "increase_budget", "parameters": {"max_budget": 150}}
    return [
        make_rule(number, {"condition": condition, "action": action, "certainty": certainty})
        for number, (condition, action) in enumerate(
            (
                (above("cpa", "target_cpa", 1.5, "3d"), pause),
                (no_conversions(), pause),
                (above("cpa", "target_cpa", 1.2, "7d"), lower),
                (above("roas", "target_roas", 1.2, "7d"), increase),
                (over(), {"type": "start_adset"}),
            )
        )
    ]


def make_rule(number: int, body: dict[str, Any]) -> StoredRule:
    common = {"rule_name": f"rule {number}", "applies_to": {"all": True}, "max_affected": {"share": 1}}
    return StoredRule.model_validate(
        {"rule_id": f"rule_{number}", "version": 1, "anchor": START, "rule": common | body}
    )


def above(metric: str, target: str, factor: float, time_range: str) -> dict[str, Any]:
    value = {"target": target, "factor": factor}
    return {"metric": metric, "operator": "greater_than", "value": value, "time_range": time_range}


def over() -> dict[str, Any]:
    return {"metric": "hours_past_pause_until", "operator": "greater_than_or_equal", "value": 0}


def no_conversions() -> dict[str, Any]:
    return {
        "all": [
            {"metric": "conversions", "operator": "equals", "value": 0, "time_range": "3d"},
            {"metric": "age_days", "operator": "greater_than_or_equal", "value": 3},
            {"metric": "spend", "operator": "greater_than", "value": 0, "time_range": "3d"},
        ]
    }


def simulate(seed: int, certainty: float | None, good: int = 40) -> Result:
    """60 mornings of evaluation; the decisions are carried out, the market answers the next day."""
    rng = random.Random(seed)
    kinds = [GOOD] * good + [MIDDLING] * (good // 4) + [BAD] * (good // 4)
    adsets = {
        (name := f"as_{number:03}"): AdSet(
            name, TARGET_CPA * rng.uniform(*kind), Decimal(rng.randint(20, 60))
        )
        for number, kind in enumerate(kinds)
    }
    rules, done = make_rules(certainty), list[PastAction]()
    first_pause, first_curb = dict[str, int](), dict[str, int]()
    for day_number in range(1, DAYS + 1):
        for adset in adsets.values():
            adset.deliver(rng)
        now = START + timedelta(days=day_number)
        account = Snapshot(
            [adset.as_reported(day_number) for adset in adsets.values()], now, maturity=MATURITY
        )
        outcomes = evaluate(rules, account, Memory(done))
        for decision in (decision for outcome in outcomes for decision in outcome.decisions):
            adsets[decision.entity_id].apply(decision, day_number)
            done.append(decision.as_past(now))
            if decision.after == "PAUSED":
                first_pause.setdefault(decision.entity_id, day_number)
            if decision.after in ("PAUSED", SMALLEST):
                first_curb.setdefault(decision.entity_id, day_number)
    return summary(list(adsets), good, first_pause, first_curb, done)


def summary(
    names: list[str], good: int, paused: dict[str, int], curbed: dict[str, int], done: list[PastAction]
) -> Result:
    bad = names[-(good // 4) :]
    return Result(
        good=good,
        wrongly_paused=sum(name in paused for name in names[:good]),
        bad=len(bad),
        bad_curbed=sum(name in curbed for name in bad),
        days_to_curb=[curbed[name] for name in bad if name in curbed],
        changes=len(done),
        turns_in_a_week=max(turns(action for action in done if action.entity_id == name) for name in names),
    )


def turns(actions: Iterable[PastAction]) -> int:
    """The most reversals of direction within any 7 days."""
    times = [later.at for one, later in pairwise(actions) if one.direction != later.direction]
    within = Counter(
        {start: sum(timedelta(0) <= at - start < timedelta(days=7) for at in times) for start in times}
    )
    return max(within.values(), default=0)


def poisson(rng: random.Random, mean: float) -> int:
    count, product = 0, rng.random()
    while product > math.exp(-mean):
        count, product = count + 1, product * rng.random()
    return count


def run(seeds: int = 5) -> Report:
    """Return a table: good ad sets ever paused, bad ones curbed, all changes, reversals."""
    heads = ("certainty", "good paused", "bad curbed", "median day", "changes", "turns/week")
    lines = [" ".join(f"{head:>11}" for head in heads)]
    figures: dict[str, float] = {}
    for certainty in (None, 0.8, 0.9, 0.95):
        results = [simulate(seed, certainty) for seed in range(seeds)]
        wrong = sum(result.wrongly_paused for result in results) / sum(result.good for result in results)
        curbed = sum(result.bad_curbed for result in results) / sum(result.bad for result in results)
        days = sorted(day for result in results for day in result.days_to_curb)
        numbers = (
            days[len(days) // 2],
            sum(result.changes for result in results),
            max(result.turns_in_a_week for result in results),
        )
        figures[f"{certainty or 'naive'}.good_paused"] = wrong
        figures[f"{certainty or 'naive'}.bad_curbed"] = curbed
        shares = f"{wrong:>11.1%} {curbed:>11.1%} "
        lines.append(
            f"{certainty or 'naive':>11} {shares}" + " ".join(f"{number:>11,}" for number in numbers)
        )
    return Report("\n".join(lines), figures)


if __name__ == "__main__":
    print(run().text)
