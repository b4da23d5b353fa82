"""Typed events on the bus of the local cloud, as a program of the account sees them."""

from __future__ import annotations

import json
from typing import Any

from local.cloud import Cloud
from local.cloud.aws import arn
from tests.support.api import Api
from tests.support.aws import client, settle
from tests.support.builders import request_body
from tests.support.cuts import slow

SEEN = "seen-on-the-bus"


class Subscriber:
    """A queue with a rule on the bus, as programs subscribe."""

    def __init__(self, cloud: Cloud) -> None:
        events, self._sqs = client(cloud, "events"), client(cloud, "sqs")
        self._url = self._sqs.create_queue(QueueName=SEEN)["QueueUrl"]
        buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"] if bus["Name"] != "default"]
        (bus,) = buses
        pattern = json.dumps({"source": ["campaign-automation"]})
        events.put_rule(Name=SEEN, EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule=SEEN, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn("sqs", SEEN)}])

    def seen(self) -> list[dict[str, Any]]:
        """Return what came until now; each message once."""
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [json.loads(message["Body"]) for message in messages]
        return found


@slow  # in process: tests/unit/managers/notices/test_events.py
def test_programs_of_the_account_see_a_campaign_made_started_and_paused(api: Api, cloud: Cloud) -> None:
    subscriber = Subscriber(cloud)
    created = api.create(request_body(activate=True)).json()
    assert api.manage(created["campaign_id"], "pause").json()["status"] == "success"
    settle(cloud)
    mine = [item for item in subscriber.seen() if item["detail"]["campaign_id"] == created["campaign_id"]]
    told = sorted((item["detail"]["sequence"], item["detail-type"]) for item in mine)
    assert told == [(1, "campaign.created"), (2, "campaign.changed"), (3, "campaign.changed")]
    assert {item["source"] for item in mine} == {"campaign-automation"}
    schema = api.http.get("/v1/events.json").json()
    assert "CampaignMadeEvent" in schema["$defs"]
