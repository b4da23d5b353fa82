"""What the sandbox tests share: the running sandbox, the Graph API by hand, valid parameters."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

ACCOUNT = "act_100000000000001"
PAGE, PIXEL = "300000000000001", "400000000000001"
TOKEN = "sandbox-meta-token-123"
Json = dict[str, Any]


@dataclass
class Sandbox:
    """The running sandbox and its admin API."""

    url: str
    http: httpx.Client

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, f"{self.url}/admin{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, platform: str, operation: str, kind: str, **more: Any) -> None:
        self.admin("POST", "/faults", [{"platform": platform, "operation": operation, "kind": kind, **more}])

    def state(self) -> Json:
        state: Json = self.admin("GET", "/state")
        return state

    def calls(self, platform: str) -> list[Json]:
        calls: list[Json] = self.admin("GET", f"/calls?platform={platform}")
        return calls

    def advance(self, **step: float) -> str:
        now: str = self.admin("POST", "/clock", step)["now"]
        return now

    def patch_account(self, **changes: Any) -> None:
        self.admin("PUT", f"/accounts/meta/{ACCOUNT}", changes)


@dataclass
class Graph:
    """Meta's Graph API by hand, where the SDK would hide what is on the wire."""

    url: str
    http: httpx.Client
    token: str = TOKEN

    def request(self, method: str, path: str, **params: Any) -> httpx.Response:
        coded = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
        query = {"access_token": self.token}
        if method == "POST":
            return self.http.post(f"{self.url}/meta/v26.0/{path}", params=query, data=coded)
        return self.http.request(method, f"{self.url}/meta/v26.0/{path}", params=query | coded)

    def get(self, path: str, **params: Any) -> Json:
        return self._body(self.request("GET", path, **params))

    def post(self, path: str, **params: Any) -> Json:
        return self._body(self.request("POST", path, **params))

    def refused(self, method: str, path: str, **params: Any) -> Json:
        """The error of a call that must fail."""
        answer = self.request(method, path, **params)
        assert answer.status_code >= 400, answer.text
        error: Json = answer.json()["error"]
        return error

    @staticmethod
    def _body(answer: httpx.Response) -> Json:
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body


CAMPAIGN: Json = {
    "name": "Autumn",
    "objective": "OUTCOME_SALES",
    "status": "PAUSED",
    "special_ad_categories": [],
    "is_adset_budget_sharing_enabled": False,
}


def adset_params(campaign_id: str, **changes: Any) -> Json:
    """A valid ad set; a change to None leaves the parameter out."""
    params: Json = {
        "name": "18-35",
        "campaign_id": campaign_id,
        "status": "PAUSED",
        "optimization_goal": "OFFSITE_CONVERSIONS",
        "billing_event": "IMPRESSIONS",
        "daily_budget": 5000,
        "targeting": {
            "geo_locations": {"countries": ["US"]},
            "age_min": 18,
            "age_max": 35,
            "targeting_automation": {"advantage_audience": 0},
        },
        "promoted_object": {"pixel_id": PIXEL, "custom_event_type": "PURCHASE"},
    }
    return {name: value for name, value in (params | changes).items() if value is not None}


def link_story(image_hash: str, **changes: Any) -> Json:
    link: Json = {
        "link": "https://shop.example/p/1",
        "message": "Light on your feet.",
        "name": "Trail shoes",
        "image_hash": image_hash,
        "call_to_action": {"type": "SHOP_NOW", "value": {"link": "https://shop.example/p/1"}},
    }
    return {"page_id": PAGE, "link_data": {k: v for k, v in (link | changes).items() if v is not None}}
