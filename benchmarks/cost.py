"""Costs of a month at rest and of 1,000 of each action, from calls counted in the local cloud.

Each action runs several times warm; the median of each count is kept. `--write` keeps the counts for the
documentation, `--set NAME=VALUE` prints with other prices than those of prices.toml.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from benchmarks import _costs
from local import cloud
from local.cloud.aws import Clients
from local.cloud.client import Cloud
from local.invoke import STACK, invoke
from tests.support.aws import state_machine
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

TIMES = 3
RULE = {
    "rule_name": "stop-loss",
    "condition": {"metric": "roas", "operator": "less_than", "value": 0.8, "time_range": "7d"},
    "action": {"type": "pause_adset"},
    "applies_to": "all",
    "mode": "observe",
    "confirm": True,
}
TEST = {"test_name": "Which shoe", "creative_ids": ["1", "2"], "daily_budget": 400, "test_duration_days": 14}
DAYS = 9
ACCOUNT = "act_100000000000001"


def run(write: bool = False, given: Sequence[tuple[str, float]] = ()) -> str:
    """Tables in Markdown; the functions' parts depend on the machine, the counts do not."""
    with tempfile.TemporaryDirectory() as folder, cloud.start(folder) as running:
        found = _Meter(running).all()
    if write:
        _costs.COUNTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    return _costs.tables(found, _costs.Prices(dict(given)))


class _Meter:
    def __init__(self, running: Cloud) -> None:
        self._cloud = running
        self._aws = Clients(running.info["aws_endpoint"])
        self._local = httpx.Client(base_url=running.info["api_url"], timeout=600)
        token = running.info["tokens"]["user_123"]
        self._api = httpx.Client(
            base_url=running.info["api_url"], headers={"Authorization": f"Bearer {token}"}, timeout=600
        )
        self._seen = 0
        self._entered: dict[str, int] = {}

    def all(self) -> dict[str, Any]:
        sweeps = {name: self._of(lambda name=name: self._invoke(name)) for name in _costs.SWEEPS}  # type: ignore[misc]
        for entry in sweeps.values():
            entry["schedule_runs"] = 1
        idle_metrics = self._metrics()
        runs = self._runs()
        used_metrics = self._metrics()
        campaign = self._ask("GET", "/v1/campaigns").json()["campaigns"][0]["campaign_id"]
        status = lambda: self._ask("GET", f"/v1/campaigns/{campaign}")  # noqa: E731
        off = self._of(status)
        self._cloud.deploy(PrometheusMetrics="true")
        on = self._of(status)
        return {
            "sweeps": sweeps,
            "idle_metrics": idle_metrics,
            "used_metrics": used_metrics,
            "runs": runs,
            "prometheus": {"off": off, "on": on},
        }

    def _runs(self) -> dict[str, Any]:
        made: list[str] = []

        def create() -> None:
            body = request_body(daily_budget=300, target_roas=0.1, activate=True)
            answer = self._ask("POST", "/v1/campaigns", body)
            made.append(answer.json()["campaign_id"])

        runs = {"create_campaign": self._of(create, api=1)}
        runs["create_campaign, dry run"] = self._of(
            lambda: self._ask("POST", "/v1/campaigns", request_body(dry_run=True)), api=1
        )
        path = f"/v1/campaigns/{made[0]}"
        with Sandbox(self._cloud.info["sandbox"]["admin"]) as sandbox:
            sandbox.advance(advance_days=DAYS)
        self._settle()
        runs["get_campaign_status"] = self._of(
            lambda: self._ask("GET", f"/v1/campaigns/{made.pop()}"), api=1, warm=False
        )
        runs["get_campaign_status, kept a minute"] = self._of(lambda: self._ask("GET", path), api=1)
        runs["list_campaigns"] = self._of(lambda: self._ask("GET", "/v1/campaigns"), api=1)
        runs["get_audit"] = self._of(lambda: self._ask("GET", f"{path}/audit"), api=1)
        optimize = {"target_metric": "roas", "guard": False}
        budgets = f"{path}/budget-optimizations"
        runs["optimize_budget, dry run"] = self._of(
            lambda: self._ask("POST", budgets, {**optimize, "dry_run": True}), api=1
        )
        runs["optimize_budget"] = self._of(lambda: self._ask("POST", budgets, optimize), api=1)
        states = iter(["pause", "start"] * (TIMES + 1))
        runs["manage_campaign"] = self._of(
            lambda: self._ask("POST", f"{path}/status", {"action": next(states)}), api=1
        )
        return runs | self._of_changes(path) | self._of_accounts() | self._of_rules() | self._of_tests()

    def _of_changes(self, path: str) -> dict[str, Any]:
        """Count a new name, which is one object's, its undo, and what makes ads and whole campaigns."""
        changes: list[str] = []

        def rename() -> None:
            answer = self._ask("PATCH", path, {"name": f"Named {uuid.uuid4().hex}"})
            changes.append(answer.json()["run_id"])

        updated = self._of(rename, api=1)
        # Of a field only the latest change is undone, and an undo is one.
        undone = self._of(
            lambda: self._ask("POST", f"{path}/undo", {"run_id": changes.pop()}), api=1, first=rename
        )
        copied = self._of(lambda: self._ask("POST", f"{path}/duplicate", {}), api=1)
        changed = {"update_campaign": updated, "undo_change": undone, "duplicate_campaign": copied}
        return changed | self._of_ads(path)

    def _of_ads(self, path: str) -> dict[str, Any]:
        """Count a picture more in each ad set, and another headline of one ad."""
        pictures, ads = iter(["3", "5", "7", "9"]), list[str]()

        def add() -> None:
            added = self._ask("POST", f"{path}/ads", {"creative_ids": [next(pictures)]}).json()["ads"]
            ads.append(added[0]["ad_id"])

        def replace() -> None:
            texts = [{"ad_id": ads.pop(), "headline": "Shoes for wet trails"}]
            self._ask("PATCH", f"{path}/ads", {"texts": texts})

        return {"add_ads": self._of(add, api=1), "replace_copy": self._of(replace, api=1)}

    def _of_accounts(self) -> dict[str, Any]:
        """Count what is about the whole account, and campaigns that others made there."""
        with Sandbox(self._cloud.info["sandbox"]["admin"]) as sandbox:
            elsewhere = [item["id"] for item in sandbox.elsewhere("meta", ACCOUNT, TIMES + 1)]
        taken = list(elsewhere)

        def take_in() -> None:
            body = {"platform": "meta", "platform_campaign_ids": [elsewhere.pop()]}
            self._ask("POST", "/v1/campaign-imports", body)

        imported = self._of(take_in, api=1)
        released = self._of(lambda: self._ask("POST", f"/v1/campaigns/{taken.pop()}/release", {}), api=1)
        reads = {"list_accounts": "ad-accounts", "list_account_campaigns": "account-campaigns"}
        return {
            "import_campaigns": imported,
            "release_campaign": released,
            **{name: self._read(f"/v1/{path}") for name, path in reads.items()},
            "get_report": self._read(f"/v1/reports?{urlencode(self._last_week())}"),
        }

    def _last_week(self) -> dict[str, str]:
        with httpx.Client(base_url=self._cloud.info["sandbox"]["admin"]) as sandbox:
            now = datetime.fromisoformat(sandbox.get("/clock").raise_for_status().json()["now"])
        return {"from": (now - timedelta(days=6)).date().isoformat(), "to": now.date().isoformat()}

    def _read(self, path: str) -> dict[str, Any]:
        return self._of(lambda: self._ask("GET", path), api=1)

    def _of_rules(self) -> dict[str, Any]:
        rules: list[str] = []

        def create() -> None:
            answer = self._ask("POST", "/v1/rules", {**RULE, "rule_name": uuid.uuid4().hex})
            rules.append(answer.json()["rule_id"])

        created = self._of(create, api=1)
        hours = iter(range(1, 100))

        def tick() -> None:
            at = f"2027-03-{next(hours):02d}T00:00:00Z"
            self._invoke(
                "EvaluateRuleFunction", {"tenant": "user_123", "rule_id": rules[0], "scheduled_time": at}
            )

        ticked = {**self._of(tick), "schedule_runs": 1}
        path = f"/v1/rules/{rules[0]}"
        states = iter(["disable", "enable"] * (TIMES + 1))
        return {
            "create_rule": created,
            "list_rules": self._read("/v1/rules"),
            "list_rule_templates": self._read("/v1/rule-templates"),
            "get_rule": self._read(path),
            "set_rule_state": self._of(
                lambda: self._ask("POST", f"{path}/state", {"action": next(states), "confirm": True}), api=1
            ),
            "update_rule": self._of(
                lambda: self._ask("PUT", path, {"rule": {**RULE, "rule_name": uuid.uuid4().hex}}), api=1
            ),
            "delete_rule": self._of(lambda: self._ask("DELETE", f"/v1/rules/{rules.pop()}"), api=1),
            "evaluation of a rule": ticked,
        }

    def _of_tests(self) -> dict[str, Any]:
        tests: list[str] = []

        def create() -> None:
            tests.append(self._ask("POST", "/v1/ab-tests", TEST).json()["test_id"])

        created = self._of(create, api=1)
        analyses = f"/v1/ab-tests/{tests[0]}/analyses"
        analyzed = self._of(lambda: self._ask("POST", analyses, {}), api=1)
        shown = {
            "list_ab_tests": self._read("/v1/ab-tests"),
            "get_ab_test": self._read(f"/v1/ab-tests/{tests[0]}"),
        }
        cancelled = self._of(lambda: self._ask("POST", f"/v1/ab-tests/{tests.pop()}/cancellation", {}), api=1)
        return {"create_ab_test": created, "analyze_ab_test": analyzed, **shown, "cancel_ab_test": cancelled}

    # --- counting --------------------------------------------------------------------------------------

    def _of(
        self,
        act: Callable[[], object],
        *,
        api: int = 0,
        warm: bool = True,
        first: Callable[[], object] = lambda: None,
    ) -> dict[str, Any]:
        """Return the median counts of warm runs; what comes `first` is not counted."""
        if warm:
            first()
            act()
        samples = [self._counted(act, first) for _ in range(TIMES)]
        names = sorted({name for sample in samples for name in sample["functions"]})
        functions = {}
        for name in names:
            entries = [sample["functions"].get(name, (0, 0.0)) for sample in samples]
            if calls := statistics.median_low(entry[0] for entry in entries):
                ms = statistics.median(entry[1] for entry in entries)
                functions[name] = {"calls": calls, "ms": round(ms, 1)}
        kept = {
            name: statistics.median_low(sample[name] for sample in samples)
            for name in samples[0]
            if name != "functions"
        }
        return {"functions": functions, **kept, "api_requests": api, "traces": 1}

    def _counted(self, act: Callable[[], object], first: Callable[[], object]) -> dict[str, Any]:
        first()
        self._settle()
        before, states, emitted = self._usage(), self._transitions(), self._emitted()
        self._reports()
        act()
        self._settle()
        reports = self._reports()
        after = self._usage()
        more: Counter[str] = Counter(after)
        more.subtract(before)
        late = self._emitted()
        return {
            "functions": reports,
            "half_read_units": more["half_read_units"],
            "write_units": more["write_units"],
            "secret_reads": more["secretsmanager.GetSecretValue"],
            "messages": more["query.Publish"],
            "schedules_made": more["scheduler.POST"],
            "log_bytes": more["log_bytes"],
            "transitions": self._transitions() - states,
            "tokens": int(late["ai_tokens_total"] - emitted["ai_tokens_total"]),
            "platform_calls": int(late["platform_api_calls_total"] - emitted["platform_api_calls_total"]),
        }

    def _reports(self) -> dict[str, tuple[int, float]]:
        """Return calls and milliseconds of each function since last asked."""
        records = [log for log in self._get("/_local/logs") if log.get("type") == "platform.report"]
        fresh, self._seen = records[self._seen :], len(records)
        found: dict[str, tuple[int, float]] = {}
        for record in fresh:
            name = record["function_name"].removeprefix(f"{STACK}-")
            calls, ms = found.get(name, (0, 0.0))
            metrics = record["record"]["metrics"]
            found[name] = (calls + 1, ms + metrics["durationMs"] - metrics.get("initDurationMs", 0))
        return found

    def _transitions(self) -> int:
        """Return the states entered by all executions, the beginning of each included."""
        steps = self._aws["stepfunctions"]
        machine = state_machine(steps, "CreateCampaignStateMachine")
        total = 0
        for execution in steps.list_executions(stateMachineArn=machine)["executions"]:
            arn = execution["executionArn"]
            if (entered := self._entered.get(arn)) is None:
                events = steps.get_execution_history(executionArn=arn)["events"]
                entered = 1 + sum(event["type"].endswith("StateEntered") for event in events)
                if execution["status"] != "RUNNING":  # its history grows no more, and is long
                    self._entered[arn] = entered
            total += entered
        return total

    def _emitted(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        for name, series in self._get("/_local/metrics").get("CampaignAutomation", {}).items():
            sums[name] = sum(series.values())
        return sums

    def _metrics(self) -> int:
        found = self._get("/_local/metrics").get("CampaignAutomation", {})
        return sum(len(series) for series in found.values())

    def _usage(self) -> dict[str, int]:
        counted: dict[str, int] = self._get("/_local/usage")
        return counted

    def _settle(self) -> None:
        while self._get("/_local/background")["running"]:
            time.sleep(0.05)

    def _get(self, path: str) -> Any:
        return self._local.get(path).raise_for_status().json()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Ask until there is an outcome; a key of its own makes each call another."""
        headers = {"Idempotency-Key": uuid.uuid4().hex} if body is not None else {}
        answer = self._api.request(method, path, json=body, headers=headers)
        assert answer.status_code in (200, 201), (path, answer.text)
        return answer

    def _invoke(self, function: str, event: dict[str, Any] | None = None) -> None:
        answer, failed = invoke(self._cloud.info, function, event or {})
        assert not failed, answer
