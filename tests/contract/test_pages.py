"""Lists in pages: empty pages are passed, lists without an end are refused, nothing is cut silently."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from campaign_automation.adapters.base import Access, DailyInsight, PlatformAdapter
from campaign_automation.adapters.common import pages
from campaign_automation.models.common import Level, Objective
from campaign_automation.utils.error_handler import PlatformUnavailableError
from tests.support import google, meta, tiktok
from tests.support.sandbox import Sandbox

T = TypeVar("T")


@dataclass
class House:
    """An adapter with a campaign of three ad sets on its sandbox."""

    platform: str
    adapter: PlatformAdapter
    access: Access
    campaign_id: str
    ids: list[str]

    def found(self, name: str) -> list[str]:
        """The ids of the campaigns that have the name."""
        return run(self.adapter.find(self.access, Level.CAMPAIGN, [name, "another"], None)).get(name, [])

    def name(self) -> str:
        return run(self.adapter.read_tree(self.access, self.campaign_id, "USD")).campaign.name


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def meta_house(ports: dict[str, int]) -> House:
    adapter = meta.adapter(f"http://127.0.0.1:{ports['port']}")
    campaign_id, ids = run(meta.create_adsets(adapter))
    return House("meta", adapter, meta.ACCESS, campaign_id, ids)


def google_house(ports: dict[str, int]) -> House:
    adapter = google.adapter(ports["google_port"])
    made = run(google.create_tree(adapter))
    ids = [made.ids[item.tag] for item in made.plan.adsets]
    return House("google", adapter, google.ACCESS, made.campaign_id, ids)


def tiktok_house(ports: dict[str, int]) -> House:
    bench = tiktok.Bench(f"http://127.0.0.1:{ports['port']}", options={"family": "manual"})
    made = bench.create_all()
    return House("tiktok", bench.adapter, bench.access, made.campaign_id, made.ids(Level.ADSET))


HOUSES: dict[str, Callable[[dict[str, int]], House]] = {
    "meta": meta_house,
    "google": google_house,
    "tiktok": tiktok_house,
}


@pytest.fixture(params=HOUSES)
def house(request: pytest.FixtureRequest, ports: dict[str, int], control: Sandbox) -> House:
    control.reset()
    return HOUSES[request.param](ports)


def test_an_empty_page_with_more_behind_it_is_passed(house: House, control: Sandbox) -> None:
    name = house.name()
    times = 0 if house.platform == "tiktok" else 1
    control.fault(house.platform, "list_campaigns", "empty_page", times=times)
    assert house.found(name) == [house.campaign_id]


@pytest.mark.parametrize("kind", ["same_page", "endless_pages"])
def test_a_list_without_an_end_is_a_typed_error(
    house: House, control: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_PAGES", 12)
    control.fault(house.platform, "list_campaigns", kind, times=0)
    with pytest.raises(PlatformUnavailableError) as caught:
        house.found("anything")
    asked = control.operations(house.platform)["list_campaigns"]
    if kind == "same_page" and house.platform != "tiktok":  # TikTok counts its pages, and has no cursor
        assert (asked, caught.value.retryable) == (2, True)
        assert "read before" in caught.value.message
    else:
        assert (asked, caught.value.retryable) == (12, False)
        assert "after 12 pages" in caught.value.message


def test_a_list_that_takes_too_long_is_a_typed_error() -> None:
    moments = iter([0.0, 10.0, 31.0])
    read = pages.Pages("meta", "insights", monotonic=lambda: next(moments))
    read.turn_to("a")
    with pytest.raises(PlatformUnavailableError, match="after 30 seconds"):
        read.turn_to("b")


# --- Meta's request for less data ------------------------------------------------------------------------


def test_a_page_that_is_too_large_for_meta_is_halved(ports: dict[str, int], control: Sandbox) -> None:
    control.reset()
    house = meta_house(ports)
    name = house.name()
    control.fault("meta", "list_campaigns", "reduce_data", times=3)
    assert house.found(name) == [house.campaign_id]
    assert control.operations("meta")["list_campaigns"] == 4


def test_a_tree_that_is_too_large_for_meta_is_halved(ports: dict[str, int], control: Sandbox) -> None:
    control.reset()
    house = meta_house(ports)
    # So small at last that the ad sets have further pages, the first of which is too large again.
    control.fault("meta", "read_campaign", "reduce_data", times=7)
    control.fault("meta", "list_adsets", "reduce_data", times=2)
    tree = run(house.adapter.read_tree(house.access, house.campaign_id, "USD"))
    assert sorted(node.platform_id for node in tree.adsets) == sorted(house.ids)


def test_meta_that_asks_for_less_than_one_object_is_refused(ports: dict[str, int], control: Sandbox) -> None:
    control.reset()
    house = meta_house(ports)
    control.fault("meta", "*", "reduce_data", times=0)
    for reading in (
        house.adapter.read_tree(house.access, house.campaign_id, "USD"),
        house.adapter.find(house.access, Level.CAMPAIGN, ["one", "two"], None),
    ):
        with pytest.raises(PlatformUnavailableError, match="reduce the amount of data"):
            run(reading)


@pytest.mark.parametrize(("kind", "times"), [("reduce_days", 3), ("reduce_data", 10)])
def test_a_report_that_is_too_much_for_meta_is_read_by_fewer_days(
    ports: dict[str, int], control: Sandbox, kind: str, times: int
) -> None:
    control.reset()
    adapter = meta.adapter(f"http://127.0.0.1:{ports['port']}")
    ids = [item["id"] for item in control.elsewhere("meta", meta.ACCOUNT, 3)]
    control.advance(advance_days=5)
    today = control.now().date()

    def report() -> list[DailyInsight]:
        first = today - timedelta(days=4)
        rows = run(adapter.read_daily(meta.ACCESS, Level.ADSET, ids, first, today, Objective.SALES))
        return sorted(rows, key=lambda row: (row.entity_id, row.day))

    whole = report()
    control.fault("meta", "insights", kind, times=times)
    assert report() == whole
    assert whole
    control.fault("meta", "insights", kind, times=0)
    with pytest.raises(PlatformUnavailableError):  # of one day there are no fewer
        report()
