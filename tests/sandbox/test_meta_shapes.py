"""Whatever the shape of a parameter, Meta answers with an error body, never with a crash."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.support import ACCOUNT, CAMPAIGN, PAGE, Graph, Json, adset_params, link_story

WRONG: tuple[Any, ...] = (None, True, 7, -1, "text", [], [7], {}, {"a": 1}, [None])


def _mutations(value: Any) -> Iterator[Any]:
    """Every copy of `value` with one nested part replaced by something of another shape."""
    yield from (wrong for wrong in WRONG if wrong != value)
    if isinstance(value, dict):
        for name, part in value.items():
            for mutated in _mutations(part):
                yield copy.deepcopy(value) | {name: mutated}


def _refusals(graph: Graph, path: str, params: Json) -> int:
    """Tries every mutation without creating anything; returns how many were refused."""
    mutations = [mutated for mutated in _mutations(params) if isinstance(mutated, dict)]
    answers = [
        graph.request("POST", path, **mutated | {"execution_options": ["validate_only"]})
        for mutated in mutations
    ]
    for answer in answers:
        assert answer.status_code in (200, 400, 403), answer.text
        assert "error" in answer.json() or answer.json() == {"success": True}
    return sum(answer.status_code != 200 for answer in answers)


def test_campaigns(graph: Graph) -> None:
    assert _refusals(graph, f"{ACCOUNT}/campaigns", CAMPAIGN) > 20


def test_adsets(graph: Graph, campaign_id: str) -> None:
    assert _refusals(graph, f"{ACCOUNT}/adsets", adset_params(campaign_id)) > 80


def test_adset_updates(graph: Graph, adset_id: str) -> None:
    params = {"targeting": adset_params("1")["targeting"], "daily_budget": 700, "name": "n"}
    assert _refusals(graph, adset_id, params) > 30


def test_link_creatives(graph: Graph, image_hash: str) -> None:
    params = {"name": "c", "object_story_spec": link_story(image_hash), "degrees_of_freedom_spec": {}}
    assert _refusals(graph, f"{ACCOUNT}/adcreatives", params) > 50


def test_video_creatives(graph: Graph, image_hash: str) -> None:
    film = {"video_id": "1", "image_hash": image_hash, "message": "m", "call_to_action": {"type": "SHOP_NOW"}}
    params = {"name": "c", "object_story_spec": {"page_id": PAGE, "video_data": film}}
    assert _refusals(graph, f"{ACCOUNT}/adcreatives", params) > 50


def test_ads(graph: Graph, adset_id: str, creative_id: str) -> None:
    ad = {"name": "a", "adset_id": adset_id, "creative": {"creative_id": creative_id}, "status": "PAUSED"}
    assert _refusals(graph, f"{ACCOUNT}/ads", ad) > 30


@pytest.mark.parametrize("path", [f"{ACCOUNT}/campaigns", f"{ACCOUNT}/insights"])
@pytest.mark.parametrize(
    "params",
    [
        {"filtering": "["},
        {"filtering": [7]},
        {"filtering": [{"field": 7, "operator": "EQUAL", "value": 1}]},
        {"filtering": [{"field": "id", "operator": "IN", "value": 1}]},
        {"filtering": [{"field": "id", "operator": "LIKE", "value": 1}]},
        {"limit": "many"},
        {"limit": 0},
        {"after": "%%%"},
        {"fields": "}"},
    ],
)
def test_reads(graph: Graph, campaign_id: str, path: str, params: Json) -> None:
    assert graph.refused("GET", path, **params)["code"] in (100, 2500)


@pytest.mark.parametrize("batch", ["[", 7, [7], [{"relative_url": 7}], [{}], [{"method": "POST"}]])
def test_batches(graph: Graph, batch: Any) -> None:
    answer = graph.request("POST", "", batch=batch)
    assert answer.status_code in (200, 400)
    answer.json()
