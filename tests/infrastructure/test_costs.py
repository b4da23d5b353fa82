"""The costs and quotas of docs/costs.md are computed from counts, prices and the template."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import _costs, _quotas
from campaign_automation.actions import ACTIONS
from local import docs
from local.source import template

RUN: dict[str, Any] = {
    "functions": {"AuthorizerFunction": {"calls": 2, "ms": 100}},
    "half_read_units": 4,
    "write_units": 3,
    "transitions": 1,
    "tokens": 10,
    "log_bytes": 1000,
    "api_requests": 1,
    "platform_calls": 2,
}


def test_a_run_costs_what_its_counts_cost() -> None:
    prices = _costs.Prices({"platform_call_seconds": 1})
    cost = _costs.cost(RUN, prices)
    seconds = 0.1 * 1769 / 256 + 2  # 256 MB have their part of a processor, and wait for the platform
    assert cost.functions == pytest.approx(2 * 0.0000002 + seconds * 256 / 1024 * 0.0000133334)
    assert cost.table == pytest.approx(2 * 0.000000125 + 3 * 0.000000625)
    assert (cost.steps, cost.tokens) == pytest.approx((0.000025, 10 * 0.00000375))
    assert cost.rest == pytest.approx(0.0000035 + 1000 / 1e9 * 0.5)


def test_prices_are_replaced_by_name() -> None:
    assert _costs.cost(RUN, _costs.Prices({"token": 1})).tokens == 10
    with pytest.raises(SystemExit, match="no price"):
        _costs.Prices({"tokens": 1})


def test_every_price_has_its_source_and_counts_their_functions() -> None:
    rows = _costs.Prices().rows.values()
    assert all(row["source"].startswith("https://") for row in rows)
    assert {row["checked"] for row in rows} <= {"the page", "second hand", "no"}
    found = _costs.counts()
    runs = [*found["runs"].values(), *found["sweeps"].values(), *found["prometheus"].values()]
    assert {name for run in runs for name in run["functions"]} <= _costs.RESOURCES.keys()
    assert set(_costs.SWEEPS) == set(found["sweeps"])


def test_every_action_is_counted_or_of_the_kind_of_one_that_is() -> None:
    counted = {name.partition(",")[0] for name in _costs.counts()["runs"]} & ACTIONS.keys()
    others = [name for names, _, _ in _costs.UNCOUNTED for name in names]
    assert sorted([*counted, *others]) == sorted(ACTIONS)
    assert {like for _, like, _ in _costs.UNCOUNTED} <= counted
    text = docs.COSTS.read_text()
    assert all(f"{name}" in text for name in ACTIONS)


def test_the_price_of_tokens_is_that_of_the_model_that_is_asked_first() -> None:
    first = template()["Parameters"]["GeminiModels"]["Default"].partition(",")[0]
    assert first in _costs.Prices().rows["token"]["unit"]


def test_prometheus_adds_a_write_to_each_invocation() -> None:
    off, on = (_costs.counts()["prometheus"][name] for name in ("off", "on"))
    assert on["write_units"] == off["write_units"] + 1


def test_a_quota_that_binds_is_bold_at_the_load_that_needs_more_of_it() -> None:
    found = _costs.counts()
    text = docs.COSTS.read_text()
    for quota, share in _quotas.shares(found):
        row = next(line for line in text.splitlines() if line.startswith(f"| {quota.name} |"))
        cells = row.removesuffix(" |").split(" | ")[2 : 2 + len(_quotas.TIMES)]
        assert [cell.startswith("**") for cell in cells] == [share * times > 1 for times in _quotas.TIMES]


def test_a_load_of_the_whole_quota_takes_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_quotas, "LOAD", {"x": 300 * 3600})
    taken = {quota.name: share for quota, share in _quotas.shares({"runs": {"x": RUN}})}
    assert taken["Step Functions: StartExecution a second"] == 1
    assert taken["Step Functions: transitions a second"] == pytest.approx(300 / 5000)
