"""The sandbox's admin side: what the platforms hold, what was asked of them, which faults come next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

# The statuses of objects that are not deleted.
LIVE = {"ACTIVE", "PAUSED"}


class Sandbox:
    """The platforms as tests set them and look at them: state, calls, faults, clock, accounts."""

    def __init__(self, admin_url: str, settle: Callable[[], None] = lambda: None) -> None:
        """`settle` waits for what goes on without a caller; the Web Platform is told so."""
        self._settle = settle
        self._http = httpx.Client(base_url=admin_url, timeout=600, verify=False)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def reset(self, now: str | None = None) -> None:
        """As seeded; at `now`, or at the machine's time."""
        self._http.post("/reset", json={"now": now} if now else {}).raise_for_status()

    def skip_ids(self) -> None:
        """Give none of the ids that were given before a reset."""
        self._http.post("/skipped-ids").raise_for_status()

    def unkind(self, seed: int | None) -> None:
        """Objects of colleagues in the lists, missing fields and small pages from here on; None ends it."""
        self._http.put("/unkind", json={"seed": seed}).raise_for_status()

    def hide(self, object_id: str, *, writes: bool = False) -> None:
        """Let the platform not show a campaign or split test from here on; with `writes` it takes no change
        of it either."""
        self._http.put(f"/hidden/{object_id}", json={"writes": writes}).raise_for_status()

    def show_all(self) -> None:
        """End what `hide` began."""
        self._http.delete("/hidden").raise_for_status()

    def fault(self, platform: str, operation: str, kind: str, **more: Any) -> None:
        fault = {"platform": platform, "operation": operation, "kind": kind, **more}
        self._http.post("/faults", json=[fault]).raise_for_status()

    def enforce(self, **most: int | None) -> None:
        """Enforce the documented limits: tiktok calls a second, meta points in 300 s, google a day."""
        self._http.put("/limits", json=most).raise_for_status()

    def limits(self) -> dict[str, Any]:
        """The limits that are enforced, and the calls taken and refused since they were set."""
        return dict(self._http.get("/limits").json())

    def faults(self) -> list[dict[str, Any]]:
        """The faults that stand, with the calls that each has seen."""
        return list(self._http.get("/faults").json())

    def reset_faults(self) -> None:
        self._http.post("/faults", json=[]).raise_for_status()

    def act_late(self) -> int:
        """Let the platforms carry out what they never answered (fault late_success)."""
        return int(self._http.post("/late").json()["acted"])

    def state(self, platform: str) -> dict[str, Any]:
        if platform == "web_platform":
            self._settle()
        return dict(self._http.get("/state").json()[platform])

    def market(self) -> dict[str, Any]:
        """The hidden curve behind each ad set, by platform."""
        return dict(self._http.get("/market").json())

    def live(self, platform: str, kind: str) -> list[dict[str, Any]]:
        """Objects of one kind ("campaigns", "adsets", "ads", "creatives") that are not deleted."""
        return [item for item in self.state(platform)[kind].values() if item.get("status", "ACTIVE") in LIVE]

    def left_behind(self, platform: str) -> dict[str, int]:
        """Return the number of live objects of each kind that has any."""
        kinds = ("campaigns", "adsets", "creatives", "ads")
        counts = {kind: len(self.live(platform, kind)) for kind in kinds}
        return {kind: count for kind, count in counts.items() if count}

    def calls(self, platform: str) -> list[dict[str, Any]]:
        return list(self._http.get("/calls", params={"platform": platform}).json())

    def all_calls(self) -> list[dict[str, Any]]:
        return list(self._http.get("/calls").json())

    def late_by(self, **milliseconds: float) -> None:
        """Let platforms answer that much later."""
        self._http.post("/latency", json=milliseconds).raise_for_status()

    def operations(self, platform: str) -> Counter[str]:
        return Counter(call["operation"] for call in self.calls(platform))

    def now(self) -> datetime:
        return datetime.fromisoformat(self._http.get("/clock").json()["now"])

    def advance(self, **amount: int) -> None:
        self._http.post("/clock", json=amount).raise_for_status()

    def patch_account(self, platform: str, account_id: str, **changes: Any) -> None:
        self._http.put(f"/accounts/{platform}/{account_id}", json=changes).raise_for_status()

    def elsewhere(self, platform: str, account_id: str, count: int, seed: int = 1) -> list[dict[str, Any]]:
        """Put campaigns made elsewhere into an account; their ids, and what was planned of each."""
        answer = self._http.post(f"/elsewhere/{platform}/{account_id}", json={"count": count, "seed": seed})
        return list(answer.raise_for_status().json())

    def review(self, platform: str, ad_id: str, **changes: Any) -> None:
        self._http.put(f"/reviews/{platform}/{ad_id}", json=changes).raise_for_status()

    def patch_creative(self, creative_id: int, **changes: Any) -> None:
        self._http.put(f"/creatives/{creative_id}", json=changes).raise_for_status()

    def gemini(self, behaviour: str) -> None:
        self._http.put("/gemini", json={"behaviour": behaviour}).raise_for_status()
