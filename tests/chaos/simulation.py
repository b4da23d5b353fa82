"""Random histories of callers, people on the platforms, faults, kills and clocks, checked after every step.

The seed of a history decides all of it: which steps it has, which call fails, and which
write is the last of a process.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from campaign_automation.tasks import check_ab_test, evaluate_rule
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from tests.chaos import invariants
from tests.chaos.actions import CREATIVES
from tests.chaos.house import USER, Json, Killed, MortalTable, crashes
from tests.chaos.invariants import DUPLICATE, ORPHAN, UNTYPED, WRONG, View, Violation
from tests.chaos.memory import PLATFORMS, MemoryHouse
from tests.chaos.platform import WEB_PLATFORM, Thing
from tests.chaos.virtual import run_virtually

STEPS = 50
CAP = 260  # two campaigns of 100, and some room for their budgets
_MOST_CAMPAIGNS = 4
_KINDS = (
    *("timeout_before", "timeout_after", "late_success", "drop_connection", "http_500", "rate_limit"),
    *("rate_limit_bare", "auth_expired", "policy", "garbage", "partial_unnamed"),
)
_OPERATIONS = (
    *("create_campaign", "create_adset", "create_ad", "read_campaign", "update_campaign", "update_adset"),
    *("update_ad", "delete_campaign", "read_insights", "list_campaigns", "end_split", "read_account", "*"),
)
_ROLES = ["viewer", "buyer", "approver", "operator"]


@dataclass
class Told:
    """The answers that somebody got about a campaign, and the changes people made past the module."""

    platform: str
    tests: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """One history: its steps as text, and what was wrong after the last of them."""

    seed: int
    steps: list[str]
    violations: list[Violation]


class History(MemoryHouse):
    """One tenant on three platforms; every choice is drawn from the seed."""

    def __init__(self, seed: int) -> None:
        super().__init__("meta", CAP)
        self.seed = seed
        self.chance = random.Random(f"history {seed}")
        self.campaigns: dict[str, Told] = {}
        self.rules: list[str] = []
        self.last: tuple[str, Json, str] | None = None
        self.by_people: set[str] = set()  # platform ids that people changed
        self.log: list[str] = []
        self.untyped: list[str] = []

    async def run(self, steps: int = STEPS) -> Outcome:
        found: list[Violation] = []
        with crashes() as crashed:
            for _ in range(steps):
                await self.step()
                found = [*self.unsafe(), *(Violation(UNTYPED, text) for text in crashed + self.untyped)]
                if found:
                    break
            else:
                found = await self.end()
                found += [Violation(UNTYPED, text) for text in crashed + self.untyped]
        await self.close()
        return Outcome(self.seed, self.log, found)

    # --- steps -------------------------------------------------------------------------------------------

    async def step(self) -> None:
        kinds: dict[str, tuple[int, Callable[[], Awaitable[str]]]] = {
            "call": (48, self._call),
            "two calls": (8, self._two_calls),
            "killed": (8, self._killed),
            "person": (8, self._person),
            "fault": (10, self._fault),
            "healed": (3, self._healed),
            "late": (3, self._late),
            "time": (12, self._time),
        }
        names = list(kinds)
        (name,) = self.chance.choices(names, [weight for weight, _ in kinds.values()])
        self.log.append(f"{name}: {await kinds[name][1]()}")

    async def _call(self) -> str:
        what, perform = self._drawn()
        return f"{what} -> {await perform()}"

    async def _two_calls(self) -> str:
        (first, one), (second, other) = self._drawn(), self._drawn()
        answers = await asyncio.gather(one(), other())
        return f"{first} -> {answers[0]} | {second} -> {answers[1]}"

    async def _killed(self) -> str:
        what, perform = self._drawn()
        nth, after = self.chance.randint(1, 12), self.chance.random() < 0.5
        table = MortalTable(self.table, nth, after=after)
        self.restart(table)
        try:
            answer = await perform()
        except Killed:
            answer = "killed"
        await self.die()
        return f"{what}, at write {nth} {'after' if after else 'before'} -> {answer}"

    async def _person(self) -> str:
        platform = self.platforms[self.chance.choice(PLATFORMS)]
        things = [item for item in platform.alive() if item.level in invariants.LEVELS.values()]
        if not things:
            return "finds nothing"
        thing = self.chance.choice(things)
        self._touch(thing)
        if self.chance.random() < 0.15:
            platform.delete(thing.platform_id)
            return f"deletes {thing.platform_id} ({thing.tag})"
        status = self.chance.choice(("active", "paused"))
        platform.change(thing.platform_id, status=status)
        return f"sets {thing.platform_id} ({thing.tag}) to {status}"

    def _touch(self, thing: Thing) -> None:
        self.by_people |= {thing.platform_id, thing.campaign_id}

    async def _fault(self) -> str:
        platform = self.chance.choice((*PLATFORMS, WEB_PLATFORM))
        tools = ("create_campaign", "update_campaign", "delete_campaign", "get_campaigns", "*")
        operation = self.chance.choice(tools if platform == WEB_PLATFORM else _OPERATIONS)
        kind = self.chance.choice(_KINDS)
        nth, times = self.chance.randint(1, 3), self.chance.choice((0, 1, 1, 2, 5))
        self.fault(platform, operation, kind=kind, nth=nth, times=times)
        return f"{platform} {operation} {kind} from call {nth}, {times or 'all'} times"

    async def _healed(self) -> str:
        self.world.faults.clear()
        return "no faults"

    async def _late(self) -> str:
        return f"{self.world.act_late()} requests carried out late"

    async def _time(self) -> str:
        step = self.chance.choice(({"minutes": 3}, {"minutes": 10}, {"hours": 1}, {"hours": 7}, {"days": 1}))
        await self.advance(minutes=3)
        self.world.act_late()  # what a platform has not begun within minutes it does no more
        await self.advance(**step)
        await self.sweep()
        return str(step)

    # --- callers -----------------------------------------------------------------------------------------

    def _drawn(self) -> tuple[str, Callable[[], Awaitable[str]]]:
        """Return one request and how it is made; its parameters are drawn now, and not while it runs."""
        if not self.campaigns:
            return self._creating()
        campaign_id = self.chance.choice(list(self.campaigns))
        told = self.campaigns[campaign_id]
        dice = self.chance.random()
        if dice < 0.12 and len(self.campaigns) < _MOST_CAMPAIGNS:
            return self._creating()
        if dice < 0.17 and self.last:
            return self._asking(*self.last)  # somebody asks again
        if dice < 0.22 and self.rules:
            return self._ticking(evaluate_rule, {"rule_id": self.chance.choice(self.rules)})
        if dice < 0.27 and told.tests:
            return self._ticking(check_ab_test, {"test_id": told.tests[0]})
        name, parameters = self.chance.choice(list(self._requests(campaign_id, told)))
        return self._asking(name, parameters, self._key())

    def _requests(self, campaign_id: str, told: Told) -> Iterator[tuple[str, Json]]:
        of_campaign: Json = {"campaign_id": campaign_id}
        for action in ("pause", "pause", "start", "start", "delete"):
            yield "manage_campaign", {**of_campaign, "action": action, "confirm": True}
        if tags := [item.tag for item in self.live_on(told.platform) if item.level == "adset"]:
            one = {"level": "adset", "entity_ids": [self.chance.choice(tags)], "confirm": True}
            for action in ("pause", "start"):
                yield "manage_campaign", {**of_campaign, "action": action, **one}
        yield "get_campaign_status", of_campaign
        yield "get_audit", of_campaign
        for total in (40, 80, 120):
            asked = {"optimization_strategy": "allocate", "total_daily_budget": total}
            yield "optimize_budget", {**of_campaign, **asked, "dry_run": self.chance.random() < 0.2}
        if told.runs:
            yield "undo_change", {**of_campaign, "run_id": self.chance.choice(told.runs)}
        if told.tests:
            yield "analyze_ab_test", {"test_id": told.tests[0], "apply": True, "force": True}
            yield "cancel_ab_test", {"test_id": told.tests[0]}
        yield "create_rule", self._rule(campaign_id)
        for action in ("disable", "enable"):
            for rule in self.rules[:1]:
                yield "set_rule_state", {"rule_id": rule, "action": action, "confirm": True}
        yield "list_rules", {}
        yield "list_limits", {}
        yield "stop_all", {"scope": "platform", "platform": told.platform, "reason": "chaos"}
        on = self.chance.random() < 0.3
        yield (
            "set_kill_switch",
            {"scope": "platform", "platform": told.platform, "is_on": on, "reason": "chaos"},
        )

    def _rule(self, campaign_id: str) -> Json:
        action = self.chance.choice(
            (
                {"type": "decrease_budget", "parameters": {"percentage": 20}},
                {"type": "increase_budget", "parameters": {"percentage": 20}},
                {"type": "pause_adset"},
            )
        )
        return {
            "rule_name": f"rule {self.chance.randint(1, 999)}",
            "condition": {
                "metric": "spend",
                "operator": "greater_than_or_equal",
                "value": 0,
                "time_range": "7d",
            },
            "action": action,
            "applies_to": {"campaign_ids": [campaign_id]},
            "schedule": "rate(1 hour)",
        }

    def _creating(self) -> tuple[str, Callable[[], Awaitable[str]]]:
        request: Json = {
            "platform": self.chance.choice(PLATFORMS),
            "creative_ids": CREATIVES,
            "daily_budget": 100,
        }
        if self.chance.random() < 0.3:
            return self._asking("create_ab_test", {**request, "test_name": "T", "force": True}, self._key())
        more = {"objective": "sales", "age_groups": [[18, 34], [35, 54]]}
        request |= {**more, "activate": self.chance.random() < 0.6}
        return self._asking("create_campaign", request, self._key())

    def _key(self) -> str:
        return f"key {self.chance.getrandbits(64):x}"

    def _asking(self, name: str, parameters: Json, key: str) -> tuple[str, Callable[[], Awaitable[str]]]:
        async def perform() -> str:
            caller = {"user_id": USER, "idempotency_key": key, "roles": _ROLES, "wait_seconds": 0}
            answer = await self._modules[-1].execute(name, parameters, caller)
            self.last = name, parameters, key
            self._hear(name, parameters, answer)
            return str(answer["error"]["code"] if answer["status"] == "error" else answer["status"])

        short = {key: value for key, value in parameters.items() if key not in ("condition", "creative_ids")}
        return f"{name} {short}", perform

    def _ticking(
        self, run: Callable[..., Awaitable[Json]], event: Json
    ) -> tuple[str, Callable[[], Awaitable[str]]]:
        async def perform() -> str:
            tick = {"tenant": USER, "scheduled_time": clock.iso_now(), **event}
            try:
                await run(self.parts, tick)
            except CampaignAutomationError as error:
                return str(error.code)
            return "done"

        return f"{run.__name__} {event}", perform

    def _hear(self, name: str, parameters: Json, answer: Json) -> None:
        if answer["status"] == "error":
            if answer["error"]["code"] == "1000":
                self.untyped.append(f"{name} {parameters}: {answer['error']['message']}")
            return
        if name in ("create_campaign", "create_ab_test"):
            told = self.campaigns.setdefault(answer["campaign_id"], Told(parameters["platform"]))
            told.tests += [answer["test_id"]] if "test_id" in answer and not told.tests else []
        if name == "create_rule":
            self.rules.append(answer["rule_id"])
        campaign_id = parameters.get("campaign_id")
        if campaign_id and answer.get("run_id"):
            self.campaigns[campaign_id].runs.append(answer["run_id"])

    # --- invariants --------------------------------------------------------------------------------------

    def unsafe(self) -> Iterator[Violation]:
        """Yield what may not be at any moment, whatever is still open."""
        journal = self._journaled()
        for platform in PLATFORMS:
            live = self.live_on(platform)
            running = [item for item in live if item.level == "campaign" and item.status == "active"]
            for tag, count in Counter(item.tag for item in running).items():
                if count > 1:
                    yield Violation(DUPLICATE, f"{count} active campaigns {tag} on {platform}")
            for item in running:
                if item.tag not in journal:
                    yield Violation(ORPHAN, f"the active campaign {item.tag} on {platform} is in no journal")
            if (spend := self._daily_spend(platform)) > CAP:
                yield Violation(WRONG, f"{spend} a day on {platform}, more than the cap of {CAP}")

    def _journaled(self) -> set[str]:
        rows = (name for rows in self.table._partitions.values() for name in rows)
        return {name.rpartition("#")[2] for name in rows if name.startswith("object#campaign#")}

    def _daily_spend(self, platform: str) -> Any:
        """Return what may be spent a day, without the campaigns that people changed."""
        things = self.platforms[platform].things
        total = 0
        for root in things.values():
            if root.level != "campaign" or root.status != "active" or root.platform_id in self.by_people:
                continue
            inside = [item for item in things.values() if item.campaign_id == root.platform_id]
            adsets = [item for item in inside if item.level == "adset" and item.status == "active"]
            own = [root.daily_budget] if root.daily_budget else [item.daily_budget for item in adsets]
            total += sum(item for item in own if item)
        return total

    async def end(self) -> list[Violation]:
        """Let faults end and time pass; then all is settled, or it is a violation."""
        self.log.append("end: faults are over, hours pass")
        self.world.faults.clear()
        self.world.act_late()
        await self.pass_time()
        creations = await self.creations()
        found: list[Violation] = []
        for platform in PLATFORMS:
            mine = [item for item in creations if item.spec.platform == platform]
            view = View(platform, self.live_on(platform), mine, self._records_of(mine))
            found += invariants.violations(view, self.by_people)
        return found

    def _records_of(self, creations: list[Any]) -> list[Json]:
        ids = {item.campaign_id for item in creations}
        return [item for item in self.records() if (item["targeting"] or {}).get("campaign_id") in ids]


def run_history(seed: int) -> Outcome:
    """Run one history on virtual time."""

    async def main() -> Outcome:
        return await History(seed).run()

    return run_virtually(main, seed)
