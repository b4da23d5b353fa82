"""`make demo`: creates a campaign through the real template in the local cloud and shows what was made.

The last line of standard output is one JSON object with what was made and measured. With `--unkind [SEED]`
the platforms answer as real accounts may: colleagues' objects in the lists, missing fields, small pages.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx

from local.cloud import Cloud, start
from local.demo.ab_test import ab_test
from local.demo.budget import budget_chapter
from local.demo.control import control, own_tree
from local.demo.proposals import proposals
from local.demo.report import report
from local.demo.rules import rules
from local.demo.whole_account import whole_account
from local.sandbox.unkind import DEFAULT_SEED

BUDGET = Decimal(100)
REQUEST: dict[str, Any] = {
    "objective": "sales",
    "daily_budget": int(BUDGET),
    "creative_ids": ["1", "2"],
    "target_countries": ["US"],
    "age_groups": [[18, 35], [36, 50], [51, 65]],
    "name": "Autumn running shoes",
}
PLATFORMS = ("meta", "tiktok", "google")
_ACCEPTED = 202


def main(argv: list[str]) -> int:
    """Exit code 0 when every chapter came out right."""
    unkind = _arguments(argv).unkind
    started = time.monotonic()
    say("Starting the local cloud: the real template, handlers and state machine ...")
    with tempfile.TemporaryDirectory(prefix="campaign-automation-") as folder, start(folder) as cloud:
        say(f"  ready after {time.monotonic() - started:.1f} s at {cloud.info['api_url']}")
        if unkind is not None:
            say(f"  the platforms are unkind, with seed {unkind}")
            httpx.put(f"{cloud.info['sandbox']['admin']}/unkind", json={"seed": unkind}).raise_for_status()
        campaigns = {platform: create(cloud, platform) for platform in PLATFORMS}
        with Api(cloud) as api:
            chapters = {"control": control(api, campaigns["meta"]["campaign_id"], say)}
            chapters["proposals"] = proposals(api, cloud, campaigns["tiktok"]["campaign_id"], say)
            chapters["budget"] = budget_chapter(cloud)
            api.reset()
            chapters["ab_test"] = ab_test(api, say)
            chapters["rules"] = rules(api, cloud, say)
            chapters["report"] = report(api, cloud, chapters["rules"]["campaign_id"], say)
            chapters["whole_account"] = whole_account(api, cloud, say)
        show_counters(cloud)
    if wrong := [name for name, item in (campaigns | chapters).items() if not item["ok"]]:
        say(f"  did not come out right: {', '.join(wrong)}")
    print(json.dumps({"ok": not wrong, "campaigns": campaigns, **chapters}), flush=True)
    return 1 if wrong else 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--unkind", type=int, nargs="?", const=DEFAULT_SEED, metavar="SEED")
    return parser.parse_args(argv)


def say(words: str) -> None:
    print(words, flush=True)


def create(cloud: Cloud, platform: str) -> dict[str, Any]:
    """One campaign over HTTP, read back from the sandbox; what was made and what it took."""
    say(f"\nCreating a campaign on {platform} ...")
    with Api(cloud) as api:
        answer, seconds = timed(lambda: api.post("/v1/campaigns", {**REQUEST, "platform": platform}))
        if answer["status"] != "success":
            say(json.dumps(answer, indent=2))
            return {"ok": False, "error": answer}
        say(f"  {answer['message']} ({seconds:.1f} s, cold starts included)")
        # The second creation finds warm functions and the files already uploaded.
        calls_before = len(api.platform_calls(platform))
        second, warm_seconds = timed(
            lambda: api.post("/v1/campaigns", {**REQUEST, "platform": platform, "name": "Once more"})
        )
        calls = len(api.platform_calls(platform)) - calls_before
        whole = api.get(f"/v1/campaigns/{answer['campaign_id']}")
    tree = own_tree(whole)
    show_foreign(whole)
    show_tree(tree, answer)
    say(f"  once more, warm: {warm_seconds:.1f} s and {calls} platform calls, all reads included")
    return {
        "ok": is_right(tree) and second["status"] == "success",
        "campaign_id": answer["campaign_id"],
        "adsets": len(tree["adsets"]),
        "ads": len(tree["ads"]),
        "platform_calls": calls,
        "seconds": round(seconds, 2),
        "warm_seconds": round(warm_seconds, 2),
    }


def show_foreign(tree: dict[str, Any]) -> None:
    others = {item["name"] for level in ("adsets", "ads") for item in tree[level] if item["foreign"]}
    if others:
        say(f"  beside objects that others made: {', '.join(sorted(others))}")


def is_right(tree: dict[str, Any]) -> bool:
    """The tree has every object, all paused, and its budgets sum to the asked amount exactly."""
    shares = [adset["daily_budget"] for adset in tree["adsets"]]
    # On Google the budget belongs to the campaign, and ad sets have none of their own.
    given = [tree["campaign"]["daily_budget"]] if shares == [None] * 3 else shares
    budgets = sum((Decimal(str(budget)) for budget in given), Decimal(0))
    statuses = {item["status"] for item in (tree["campaign"], *tree["adsets"], *tree["ads"])}
    return (len(tree["adsets"]), len(tree["ads"]), budgets, statuses) == (3, 6, BUDGET, {"paused"})


def timed(call: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], float]:
    started = time.monotonic()
    return call(), time.monotonic() - started


class Api:
    """The deployed API as user_123 calls it, and the sandbox's admin side."""

    def __init__(self, cloud: Cloud) -> None:
        token = cloud.info["tokens"]["user_123"]
        self._admin = cloud.info["sandbox"]["admin"]
        self._http = httpx.Client(
            base_url=cloud.info["api_url"], headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer; of a creation that goes on, once it is there: the same request is the same creation."""
        while (answer := self._http.post(path, json=body)).status_code == _ACCEPTED:
            pass
        return dict(answer.json())

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._http.patch(path, json=body).json())

    def get(self, path: str) -> dict[str, Any]:
        return dict(self._http.get(path).json())

    def text(self, path: str) -> str:
        return self._http.get(path).text

    def reset(self) -> None:
        """The sandbox's own market again; the chapter before had another one."""
        self._http.post(f"{self._admin}/reset", json={"seed": 1}).raise_for_status()
        self._http.post("/_local/tick").raise_for_status()

    def advance(self, days: int) -> None:
        """Days pass on the platforms, and with them in the module."""
        self._http.post(f"{self._admin}/clock", json={"advance_days": days}).raise_for_status()

    def platform_calls(self, platform: str) -> list[dict[str, Any]]:
        """Requests on the wire; the items inside a batch are not counted again."""
        calls = self._http.get(f"{self._admin}/calls", params={"platform": platform}).json()
        return [call for call in calls if not call["batched"]]


def show_tree(tree: dict[str, Any], answer: dict[str, Any]) -> None:
    """The tree as the platform has it now, with the copy that the creation answered."""
    campaign = tree["campaign"]
    budget = f"{campaign['daily_budget']} {campaign['currency']} a day"
    say(f"  read back from the platform: {campaign['name']}, {budget}, {campaign['status']}")
    copies = {ad["ad_id"]: ad for ad in answer["ads"]}
    for adset in sorted(tree["adsets"], key=lambda item: str(item["name"])):
        share = adset["daily_budget"] or "a share of the"
        say(f"    {adset['name']}: {share} {campaign['currency']} a day, {adset['status']}")
        for ad in (ad for ad in tree["ads"] if ad["adset_id"] == adset["adset_id"]):
            copy = copies[ad["ad_id"]]
            say(f"      creative {ad['creative_id']}, {ad['status']}: {copy['headline']} | {copy['copy']}")
            say(f"        (copy by {copy['copy_source']})")


def show_counters(cloud: Cloud) -> None:
    """The metrics that the functions emitted, as CloudWatch would count them."""
    metrics = httpx.get(f"{cloud.info['api_url']}/_local/metrics").json().get("CampaignAutomation", {})
    say("\nMetrics emitted:")
    for name, values in sorted(metrics.items()):
        total: Counter[str] = Counter()
        for dimensions, value in values.items():
            total[dimensions] += value
        for dimensions, value in sorted(total.items()):
            say(f"  {name}{{{dimensions}}} {value:g}")
    say("")
