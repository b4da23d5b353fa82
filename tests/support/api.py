"""The deployed API as a caller sees it."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx

PATIENCE_SECONDS = 600
ACCEPTED = 202


class FollowingClient(httpx.Client):
    """Asks again after a 202 until there is an outcome, as a caller does that wants to know it: the same
    request is the same creation. Who says `Prefer` gets the first answer."""

    def request(self, method: str, url: httpx.URL | str, **given: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = super().request(method, url, **given)
            asked_for = "prefer" in answer.request.headers
            if answer.status_code != ACCEPTED or asked_for or time.monotonic() > deadline:
                return answer


class Api:
    def __init__(self, base_url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = FollowingClient(
            base_url=base_url, headers=headers, timeout=PATIENCE_SECONDS, verify=False
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def create(self, body: dict[str, Any], key: str | None = None, **headers: str) -> httpx.Response:
        """A key of its own for each call, so that tests with the same body do not meet; "" sends none."""
        key = uuid.uuid4().hex if key is None else key
        if key:
            headers["Idempotency-Key"] = key
        return self.http.post("/v1/campaigns", json=body, headers=headers)

    def status(self, campaign_id: str, *, foreign: bool = False) -> httpx.Response:
        """The status, without the objects that others made unless `foreign` asks for them."""
        answer = self.http.get(f"/v1/campaigns/{campaign_id}")
        body = answer.json()
        if foreign or "adsets" not in body:
            return answer
        ours = {level: [item for item in body[level] if not item["foreign"]] for level in ("adsets", "ads")}
        return httpx.Response(answer.status_code, json=body | ours)

    def manage(self, campaign_id: str, action: str, **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": body.pop("key")} if "key" in body else {}
        return self.http.post(
            f"/v1/campaigns/{campaign_id}/status", json={"action": action, **body}, headers=headers
        )

    def optimize(self, campaign_id: str, **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": body.pop("key")} if "key" in body else {}
        return self.http.post(f"/v1/campaigns/{campaign_id}/budget-optimizations", json=body, headers=headers)

    def audit(self, campaign_id: str) -> list[dict[str, Any]]:
        """The whole trail, page by page."""
        records: list[dict[str, Any]] = []
        after = ""
        while True:
            query = f"?limit=50&after={after}" if after else "?limit=50"
            page = self.http.get(f"/v1/campaigns/{campaign_id}/audit{query}").json()
            records += page["records"]
            if page["next"] is None:
                return records
            after = page["next"]

    def undo(self, campaign_id: str, run_id: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/campaigns/{campaign_id}/undo", json={"run_id": run_id, **body})

    def wait_until(self, campaign_id: str, status: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Polls the status URL, as a caller that was answered 202 does."""
        deadline = time.monotonic() + seconds
        while True:
            answer: dict[str, Any] = self.status(campaign_id).json()
            if answer.get("campaign", {}).get("status") == status or time.monotonic() > deadline:
                return answer
            time.sleep(0.2)
