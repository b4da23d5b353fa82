"""The resources: a campaign as it is now, and a report, each by an address."""

from __future__ import annotations

import json
import re
from typing import Any

from campaign_automation.api.mcp.catalogue import Catalogue
from campaign_automation.api.mcp.protocol import RESOURCE_NOT_FOUND, ProtocolError

Json = dict[str, Any]
_KIND = "application/json"
_CAMPAIGN = re.compile(r"campaign://([^/?#]{1,128})")
_REPORT = re.compile(r"report://(\d{4}-\d\d-\d\d)/(\d{4}-\d\d-\d\d)")
_TEMPLATES = [
    {
        "uriTemplate": "campaign://{campaign_id}",
        "name": "campaign",
        "description": "A campaign with its ad sets, ads and today's figures",
        "mimeType": _KIND,
    },
    {
        "uriTemplate": "report://{from}/{to}",
        "name": "report",
        "description": "Figures of all campaigns by day, from and to as 2026-11-01",
        "mimeType": _KIND,
    },
]


class Resources:
    """The resources, each read by an action that only reads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def templates(self) -> Json:
        return {"resourceTemplates": _TEMPLATES}

    def listed(self, caller: Json) -> Json:
        """Return the campaigns of the caller's tenant, at most a hundred."""
        answer = self._catalogue.call("list_campaigns", {"limit": 100}, caller)
        listed = [
            {"uri": f"campaign://{item['campaign_id']}", "name": item["name"], "mimeType": _KIND}
            for item in answer.get("campaigns", [])
        ]
        return {"resources": listed}

    def read(self, uri: object, caller: Json) -> Json:
        """Return a resource. Raises ProtocolError for one that does not exist or cannot be read."""
        address = str(uri)
        if found := _CAMPAIGN.fullmatch(address):
            answer = self._catalogue.call("get_campaign_status", {"campaign_id": found[1]}, caller)
        elif found := _REPORT.fullmatch(address):
            answer = self._catalogue.call("get_report", {"from": found[1], "to": found[2]}, caller)
        else:
            raise ProtocolError(RESOURCE_NOT_FOUND, "no such resource", {"uri": address[:256]})
        if answer["status"] == "error":
            raise ProtocolError(RESOURCE_NOT_FOUND, answer["error"]["message"], answer["error"])
        text = json.dumps(answer, ensure_ascii=False)
        return {"contents": [{"uri": address, "mimeType": _KIND, "text": text}]}
