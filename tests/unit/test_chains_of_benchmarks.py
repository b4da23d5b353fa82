"""The longest chain of recorded calls, which the benchmarks put creations beside."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import changes, growth, load
from benchmarks._chains import one_after_another, waits
from benchmarks._report import Report, committed_figures, compared, keep, named
from benchmarks._waiting import Waiting
from benchmarks.warm_overhead import percentile

LATENCY_MS = {"meta": 250, "gemini": 1500, "web_platform": 50}


def call(at: float, platform: str, operation: str, batch: int = 0) -> dict[str, Any]:
    return {
        "time": f"2026-11-28T12:00:{at:09.6f}+00:00",
        "platform": platform,
        "operation": operation,
        "batch": batch,
    }


CREATION = [
    call(0.0, "web_platform", "get_creative"),
    call(0.1, "gemini", "generate_content"),
    call(0.1, "gemini", "generate_content"),
    call(0.1, "meta", "read_account"),
    call(0.4, "meta", "create_campaign"),
    call(0.7, "meta", "create_adset"),
    call(1.7, "meta", "batch"),
    call(1.8, "meta", "create_creative", 1),
    call(1.8, "meta", "create_ad", 1),
    call(2.0, "meta", "read_campaign"),
    call(2.5, "web_platform", "create_campaign"),
]


def test_the_chain_is_the_longest_way_and_what_goes_beside_it_adds_nothing() -> None:
    found = waits(CREATION, LATENCY_MS)
    assert found.chain == pytest.approx(0.05 + 1.5 + 0.25 + 0.25)
    # Up to 0.05, from 0.1 to 1.6, from 1.7 to 1.95 and from 2.0 to 2.25.
    assert found.under_way == pytest.approx(0.05 + 1.5 + 0.25 + 0.25)
    assert found.requests == 9


def test_a_batch_waits_for_creatives_of_another_one() -> None:
    apart = [*CREATION[:7], call(1.8, "meta", "create_creative", 1), call(2.1, "meta", "create_ad", 2)]
    assert waits(apart, LATENCY_MS).chain == pytest.approx(0.05 + 1.5 + 0.25 + 0.25)


def test_a_call_without_a_place_is_refused() -> None:
    with pytest.raises(KeyError):
        waits([*CREATION, call(3.0, "meta", "debug_token")], LATENCY_MS)


def test_in_sequence_each_object_is_a_call() -> None:
    objects = {"create_ad": 4, "generate_content": 4}
    seconds = one_after_another(CREATION, objects, LATENCY_MS)
    assert seconds == pytest.approx((50 + 4 * 1500 + (4 + 4 + 1) * 250 + 50) / 1000)


def test_kept_figures_are_compared_by_their_names(tmp_path: Any) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\n| a page | of words |\n|---|---|\n")
    keep({"a.wall": 2.0, "a.gone": 1.0, "b.x.wall": 3.0}, {"cores": 2, "load": 0.31}, page)
    keep({"a.wall": 4.0}, {"cores": 4, "load": 7}, page)
    assert committed_figures(page) == {"a.wall": 4.0, "b.x.wall": 3.0}
    text = page.read_text()
    assert text.startswith("# Benchmarks\n\n| a page")
    assert "## a\n\nMeasured on 4 cores at a load of 7.0.\n\n| figure" in text
    assert "## b\n\nMeasured on 2 cores at a load of 0.3.\n\n| figure" in text
    text = compared({"a.wall": 2.0, "new": 1.0}, committed_figures(page))
    assert "0.50x" in text
    assert text.splitlines()[-1].split() == ["new", "1", "-"]


def test_names_of_figures_have_no_blanks() -> None:
    assert named("embedded", Report("", {"rule tick, 1,000 ad sets": 1.0})) == {
        "embedded.rule_tick_1000_ad_sets": 1.0
    }


def test_requests_that_are_under_way_together_count_once() -> None:
    times = iter([1.0, 4.0, 10.0, 11.0])  # a pair that overlaps, and one alone
    waiting = Waiting(lambda: next(times))
    with waiting.request(), waiting.request():
        pass
    with waiting.request():
        pass
    assert waiting.seconds == pytest.approx(3 + 1)


@pytest.mark.parametrize(("share", "value"), [(50, 2), (95, 4), (99, 4), (25, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: int, value: int) -> None:
    assert percentile([3, 1, 4, 2], share) == value


def test_the_exponent_is_the_slope_between_the_largest_sizes() -> None:
    assert growth.exponent({1: 9, 100: 2, 1_000: 20}) == pytest.approx(1)
    assert growth.exponent({1_000: 1, 10_000: 100}) == pytest.approx(2)


def test_a_chain_of_changes_has_a_round_for_each_few_calls() -> None:
    assert changes.budgets_rounds() == 1 + 5 + 1
    # The account, two pages, and three batches, which go at once.
    calls = [call(0, "meta", "list_campaigns")] * 2 + [call(1, "meta", "read_campaign", 1)] * 150
    assert changes.import_rounds(calls) == 1 + 2 + 1


def test_outcomes_are_told_by_status_and_code() -> None:
    told = [load.outcome_of(200, {"status": "success"}), load.outcome_of(409, {"error": {"code": "5004"}})]
    assert told == ["200", "409 5004"]
    asked = [load.Asked("status", 1, item) for item in (*told, "200")]
    assert load.outcomes_of(asked) == {"200": 2, "409 5004": 1}
