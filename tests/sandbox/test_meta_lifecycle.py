"""Statuses, review, deletion and batches on Meta."""

import json
from typing import Any

import pytest

from tests.sandbox.support import ACCOUNT, CAMPAIGN, Graph, Json, Sandbox, adset_params, link_story


def _status(graph: Graph, node_id: str) -> str:
    return str(graph.get(node_id, fields="effective_status")["effective_status"])


def _activate(graph: Graph, *nodes: str) -> None:
    for node in nodes:
        graph.post(node, status="ACTIVE")


def test_statuses_follow_review_and_parents(
    graph: Graph, sandbox: Sandbox, campaign_id: str, adset_id: str, ad_id: str
) -> None:
    assert _status(graph, ad_id) == "PENDING_REVIEW"
    sandbox.advance(advance_hours=1)
    assert _status(graph, ad_id) == "PAUSED"
    _activate(graph, ad_id)
    assert _status(graph, ad_id) == "CAMPAIGN_PAUSED"
    _activate(graph, campaign_id)
    assert (_status(graph, ad_id), _status(graph, adset_id)) == ("ADSET_PAUSED", "PAUSED")
    _activate(graph, adset_id)
    assert [_status(graph, node) for node in (campaign_id, adset_id, ad_id)] == ["ACTIVE"] * 3


def test_edit_sends_the_ad_back_into_review(
    graph: Graph, sandbox: Sandbox, ad_id: str, adset_id: str, image_hash: str
) -> None:
    sandbox.advance(advance_hours=1)
    other = graph.post(f"{ACCOUNT}/adcreatives", name="c2", object_story_spec=link_story(image_hash))["id"]
    graph.post(ad_id, creative={"creative_id": other})
    assert _status(graph, ad_id) == "PENDING_REVIEW"
    sandbox.advance(advance_hours=1)
    graph.post(adset_id, targeting=adset_params("1")["targeting"] | {"age_max": 40})
    assert _status(graph, ad_id) == "PENDING_REVIEW"


def test_refused_words_end_in_disapproval(
    graph: Graph, sandbox: Sandbox, adset_id: str, image_hash: str
) -> None:
    story = link_story(image_hash, message="A miracle for your feet")
    creative = graph.post(f"{ACCOUNT}/adcreatives", name="c", object_story_spec=story)["id"]
    ad = {"name": "a", "adset_id": adset_id, "creative": {"creative_id": creative}, "status": "ACTIVE"}
    ad_id = graph.post(f"{ACCOUNT}/ads", **ad)["id"]

    assert "ad_review_feedback" not in graph.get(ad_id, fields="ad_review_feedback")
    sandbox.advance(advance_hours=1)

    shown = graph.get(ad_id, fields="effective_status,ad_review_feedback")
    assert shown["effective_status"] == "DISAPPROVED"
    assert "miracle" in str(shown["ad_review_feedback"]["global"])


def test_admin_decides_a_review(graph: Graph, sandbox: Sandbox, ad_id: str) -> None:
    sandbox.admin("PUT", f"/reviews/meta/{ad_id}", {"outcome": "disapproved", "policy": "Weapons"})
    assert _status(graph, ad_id) == "DISAPPROVED"
    sandbox.admin("PUT", f"/reviews/meta/{ad_id}", {"outcome": "approved"})
    assert _status(graph, ad_id) == "PAUSED"


def test_unpaid_account_holds_ads_back(graph: Graph, sandbox: Sandbox, ad_id: str) -> None:
    sandbox.patch_account(account_status=3)
    sandbox.advance(advance_hours=1)
    assert _status(graph, ad_id) == "PENDING_BILLING_INFO"


def test_deleted_tree_hides_from_lists_but_reads_by_id(
    graph: Graph, campaign_id: str, adset_id: str, ad_id: str
) -> None:
    assert graph.request("DELETE", campaign_id).json() == {"success": True}

    for edge in ("campaigns", "adsets", "ads"):
        assert graph.get(f"{ACCOUNT}/{edge}")["data"] == []
    for node in (campaign_id, adset_id, ad_id):
        assert graph.get(node, fields="status,effective_status") == {
            "id": node,
            "status": "DELETED",
            "effective_status": "DELETED",
        }
    asked = graph.get(f"{ACCOUNT}/ads", effective_status=["DELETED"])
    assert [ad["id"] for ad in asked["data"]] == [ad_id]
    assert graph.refused("POST", ad_id, status="ACTIVE")["code"] == 100
    assert graph.refused("POST", f"{ACCOUNT}/adsets", **adset_params(campaign_id))["code"] == 100


def test_posting_deleted_is_deleting(graph: Graph, sandbox: Sandbox, campaign_id: str, adset_id: str) -> None:
    graph.post(adset_id, status="DELETED")
    assert graph.get(f"{campaign_id}/adsets")["data"] == []
    assert sandbox.calls("meta")[-2]["operation"] == "delete_adset"


def test_pages_end_without_next(graph: Graph) -> None:
    for _ in range(3):
        graph.post(f"{ACCOUNT}/campaigns", **CAMPAIGN)
    first = graph.get(f"{ACCOUNT}/campaigns", limit=2)
    second = graph.get(f"{ACCOUNT}/campaigns", limit=2, after=first["paging"]["cursors"]["after"])

    assert "next" in first["paging"]
    assert "next" not in second["paging"]
    assert len({node["id"] for node in first["data"] + second["data"]}) == 3


def _batch(graph: Graph, items: list[Json]) -> list[Any]:
    answer = graph.request("POST", "", batch=items)
    assert answer.status_code == 200, answer.text
    entries: list[Any] = answer.json()
    return entries


def _create(called: str, **more: Any) -> Json:
    body = f"name={called}&objective=OUTCOME_SALES&status=PAUSED&special_ad_categories=[]"
    return {
        "method": "POST",
        "relative_url": f"{ACCOUNT}/campaigns",
        "body": f"{body}&is_adset_budget_sharing_enabled=false",
        **more,
    }


def test_batch_fails_in_part_without_rollback(graph: Graph) -> None:
    broken = {"method": "POST", "relative_url": f"{ACCOUNT}/campaigns", "body": "name=x"}
    entries = _batch(graph, [_create("one"), broken, _create("two")])

    assert [entry["code"] for entry in entries] == [200, 400, 200]
    assert json.loads(entries[1]["body"])["error"]["code"] == 100
    assert len(graph.get(f"{ACCOUNT}/campaigns")["data"]) == 2


def test_batch_deletes(graph: Graph, campaign_id: str) -> None:
    (entry,) = _batch(graph, [{"method": "DELETE", "relative_url": campaign_id}])
    assert json.loads(entry["body"]) == {"success": True}
    assert graph.get(f"{ACCOUNT}/campaigns")["data"] == []


def test_batch_leaves_out_what_others_refer_to(graph: Graph) -> None:
    read = {"method": "GET", "relative_url": "{result=made:$.id}?fields=name"}
    silent = _batch(graph, [_create("one", name="made"), read])
    told = _batch(graph, [_create("two", name="made", omit_response_on_success=False), read])

    assert silent[0] is None
    assert json.loads(silent[1]["body"])["name"] == "one"
    assert told[0]["code"] == 200


def test_batch_item_after_a_failed_one_fails(graph: Graph) -> None:
    broken = {"method": "POST", "relative_url": f"{ACCOUNT}/campaigns", "body": "name=x", "name": "made"}
    read = {"method": "GET", "relative_url": "{result=made:$.id}"}
    assert [entry["code"] for entry in _batch(graph, [broken, read])] == [400, 400]


def test_batch_limits(graph: Graph, campaign_id: str) -> None:
    too_many = graph.refused("POST", "", batch=[_create("x")] * 51)
    coded = "&".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in adset_params(campaign_id).items()
    )
    adset = {"method": "POST", "relative_url": f"{ACCOUNT}/adsets", "body": coded}

    assert "50" in too_many["message"]
    assert [entry["code"] for entry in _batch(graph, [adset, adset])] == [200, 400]


@pytest.mark.parametrize(
    ("kind", "acted"), [("timeout_before", False), ("drop_after", True), ("drop_connection", False)]
)
def test_lost_batch_item_is_null(graph: Graph, sandbox: Sandbox, kind: str, acted: bool) -> None:
    sandbox.fault("meta", "create_campaign", kind, nth=2)
    entries = _batch(graph, [_create("one"), _create("two"), _create("three")])

    assert [entry is None for entry in entries] == [False, True, False]
    assert len(graph.get(f"{ACCOUNT}/campaigns")["data"]) == 2 + acted
    assert [call["batched"] for call in sandbox.calls("meta")[:4]] == [False, True, True, True]


def test_faulted_batch_item_carries_the_error(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "create_campaign", "rate_limit")
    first, second = _batch(graph, [_create("one"), _create("two")])
    assert (first["code"], json.loads(first["body"])["error"]["code"]) == (400, 80004)
    assert any(header["name"] == "X-Business-Use-Case-Usage" for header in first["headers"])
    assert second["code"] == 200
