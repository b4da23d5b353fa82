"""`make demo`: creates a campaign through the real template in the local cloud and shows what was made.

What it shows is written as pages, too, into build/report. The last line of standard output is one JSON object
with what was made and measured. With a platform's name
only what that one can show is told. With `--unkind [SEED]` the platforms answer as real accounts may:
colleagues' objects in the lists, missing fields, small pages.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from decimal import Decimal
from functools import partial
from typing import Any

import httpx

from local.cloud import Cloud, start
from local.demo.ab_test import ab_test
from local.demo.budget import budget_chapter
from local.demo.control import control
from local.demo.pages import FOLDER, Pages
from local.demo.proposals import proposals
from local.demo.report import report, report_path
from local.demo.rules import rules
from local.demo.story import PLATFORMS, Chapter, Story, metrics_table
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
_LOOK_AT_CREATION = "the tree read back, paused; the second creation's calls"
# By chapter: its title, and what to look at in it.
TITLES = {
    "control": ("Starting it, looking, pausing it, taking that back", "the trail of who changed what"),
    "proposals": ("A raise is proposed, and its owner decides", "the receipts of the approved writes"),
    "budget": ("A week of delivery, and the optimiser", "budgets before and after, with reasons"),
    "ab_test": ("Three creatives are tested on Meta", "the verdict and its evidence"),
    "rules": ("A stop-loss rule watches a campaign", "the back-test, and what it did"),
    "report": ("The campaign's week is reported", "spend and revenue by day, as JSON and as CSV"),
    "whole_account": ("An account of others is taken over", "what is ours now, and what stays as it is"),
}
_ACCEPTED = 202
_INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Exit code 0 when every chapter came out right."""
    asked = _arguments(argv)
    started = time.monotonic()
    say("Starting the local cloud: the real template, handlers and state machine ...")
    try:
        with tempfile.TemporaryDirectory(prefix="campaign-automation-") as folder, start(folder) as cloud:
            say(f"  ready after {time.monotonic() - started:.1f} s at {cloud.info['api_url']}")
            return _tell(cloud, asked.platforms or PLATFORMS, asked.unkind)
    except KeyboardInterrupt:
        say("\nStopped; the local cloud is gone, and nothing stays behind.")
        return _INTERRUPTED


def _tell(cloud: Cloud, platforms: Sequence[str], unkind: int | None) -> int:
    """Tell the whole story, or with one platform named what can be told of it alone."""
    if unkind is not None:
        say(f"  the platforms are unkind, with seed {unkind}")
        httpx.put(f"{cloud.info['sandbox']['admin']}/unkind", json={"seed": unkind}).raise_for_status()
    with Api(cloud) as api, closing(Pages(cloud)) as pages:
        plot = _Plot(cloud, api, pages, platforms)
        story = Story(say, lambda: sum(len(api.platform_calls(name)) for name in PLATFORMS))
        found = story.tell(plot.chapters())
        story.show_table()
        index = pages.write(FOLDER)
    metrics = httpx.get(f"{cloud.info['api_url']}/_local/metrics").json()
    metrics_table(metrics.get("CampaignAutomation", {}), say)
    say(f"\nThe pages of what was shown: {index}")
    ok = all(item.pop("ok") for item in (*plot.campaigns.values(), *found.values()))
    for platform in platforms:
        del found[platform]
    print(json.dumps({"ok": ok, "campaigns": plot.campaigns, **found}), flush=True)
    return 0 if ok else 1


class _Plot:
    """The chapters of a story on some platforms, each with what those before it made."""

    def __init__(self, cloud: Cloud, api: Api, pages: Pages, platforms: Sequence[str]) -> None:
        self._cloud, self._api, self._pages, self._platforms = cloud, api, pages, platforms
        self.campaigns: dict[str, dict[str, Any]] = {}
        self._watched = ""

    def chapters(self) -> list[Chapter]:
        """Return all chapters, or with some of the platforms named those that can be told of them alone."""
        works: dict[str, Callable[[], dict[str, Any]]] = {
            "control": self._control,
            "proposals": self._proposals,
        }
        if len(self._platforms) == len(PLATFORMS):
            works |= {
                "budget": self._budget,
                "ab_test": self._test,
                "rules": self._rules,
                "report": self._report,
                "whole_account": self._whole_account,
            }
        made = [
            Chapter(name, f"Creating a campaign on {name}", _LOOK_AT_CREATION, partial(self._create, name))
            for name in self._platforms
        ]
        return [*made, *(Chapter(name, *TITLES[name], work) for name, work in works.items())]

    def _create(self, platform: str) -> dict[str, Any]:
        self.campaigns[platform] = create(self._cloud, platform)
        return {"ok": self.campaigns[platform]["ok"]}

    def _campaign_on(self, platform: str) -> str:
        chosen = platform if platform in self._platforms else self._platforms[0]
        return str(self.campaigns[chosen].get("campaign_id"))

    # The next chapter may start the platforms anew, so each page is taken at the end of its own.

    def _control(self) -> dict[str, Any]:
        campaign_id = self._campaign_on("meta")
        told = control(self._api, campaign_id, say)
        self._pages.take("campaign", "A campaign: paused, taken back", report_path(self._cloud, campaign_id))
        return told

    def _proposals(self) -> dict[str, Any]:
        def waits() -> None:
            self._pages.take("waiting", "A proposal waits", "/v1/ad-accounts")

        told = proposals(self._api, self._cloud, self._campaign_on("tiktok"), say, waits)
        self._pages.take("proposal", "The proposal, carried out", f"/v1/proposals/{told['proposal_id']}")
        return told

    def _budget(self) -> dict[str, Any]:
        told = budget_chapter(self._cloud)
        path = report_path(self._cloud, told["campaign_id"])
        self._pages.take("budgets", "Budgets before and after, with curves", path)
        return told

    def _test(self) -> dict[str, Any]:
        self._api.reset()
        told = ab_test(self._api, say)
        if "test_id" in told:
            self._pages.take("ab-test", "The A/B test", f"/v1/ab-tests/{told['test_id']}")
        return told

    def _rules(self) -> dict[str, Any]:
        told = rules(self._api, self._cloud, say)
        self._watched = told["campaign_id"]
        self._pages.take("rule", "The rule, its runs and its back-test", f"/v1/rules/{told['rule_id']}")
        return told

    def _report(self) -> dict[str, Any]:
        told = report(self._api, self._cloud, self._watched, say)
        path = report_path(self._cloud, self._watched)
        self._pages.take("report", "The campaign that the rule watches", path)
        return told

    def _whole_account(self) -> dict[str, Any]:
        told = whole_account(self._api, self._cloud, say)
        self._pages.take("accounts", "All accounts", "/v1/ad-accounts")
        return told


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("platforms", nargs="*", choices=[[], *PLATFORMS], metavar="PLATFORM")
    parser.add_argument("--unkind", type=int, nargs="?", const=DEFAULT_SEED, metavar="SEED")
    return parser.parse_args(argv)


def say(words: str) -> None:
    print(words, flush=True)


def create(cloud: Cloud, platform: str) -> dict[str, Any]:
    """One campaign over HTTP, read back from the sandbox; what was made and what it took."""
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
        tree = own_tree(api.get(f"/v1/campaigns/{answer['campaign_id']}"))
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


def own_tree(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree without the objects of colleagues, which are counted aloud."""
    others = [item for level in ("adsets", "ads") for item in tree[level] if item["foreign"]]
    if others:
        say(f"  beside objects that others made: {', '.join(sorted({item['name'] for item in others}))}")
    own = {level: [item for item in tree[level] if not item["foreign"]] for level in ("adsets", "ads")}
    return tree | own


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
        own = adset["daily_budget"]
        share = f"{own} {campaign['currency']} a day" if own else "a share of the campaign's budget"
        say(f"    {adset['name']}: {share}, {adset['status']}")
        for ad in (ad for ad in tree["ads"] if ad["adset_id"] == adset["adset_id"]):
            copy = copies[ad["ad_id"]]
            say(f"      creative {ad['creative_id']}, {ad['status']}: {copy['headline']} | {copy['copy']}")
    say(f"    copy by {', '.join(sorted({item['copy_source'] for item in copies.values()}))}")
