"""Notices that go to a topic, through moto's SNS to a queue that listens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import boto3
import pytest

from campaign_automation.managers.shared.notices import Notices
from campaign_automation.settings import get_settings
from campaign_automation.stores.engines.dynamodb import DynamoTable
from campaign_automation.stores.notice_store import NoticeStore
from campaign_automation.wiring import Wiring
from tests.support.table import empty_table
from tests.support.web_platform import MemoryWebPlatform

ARGUMENTS = {"title": "Rule 止损\n" + "x" * 120, "message": "暂停了 2 个广告组"}


@pytest.fixture
def heard(module_settings: None) -> Any:
    """The topic's ARN, and what its queue holds."""
    empty_table()
    topic = boto3.client("sns").create_topic(Name="told")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])

    def messages() -> list[dict[str, Any]]:
        answer = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(item["Body"]) for item in answer.get("Messages", [])]

    return topic, messages


def test_a_topic_hears_once_what_the_web_platform_hears(heard: Any) -> None:
    topic, messages = heard
    settings = get_settings().model_copy(update={"notification_topic_arn": topic})
    web_platform = MemoryWebPlatform()
    wiring = Wiring(settings, mcp_client=web_platform)
    send(wiring.notices, wiring)
    (message,) = messages()
    assert message["Subject"] == "Rule ???" + "x" * 91
    assert json.loads(message["Message"]) == {"tenant": "u", **ARGUMENTS}
    assert [item["message"] for item in web_platform.notifications] == [ARGUMENTS["message"]]
    asyncio.run(wiring.notices.deliver("u", "n"))
    assert messages() == []


def test_a_topic_that_fails_keeps_the_notice_for_the_next_sweep(heard: Any) -> None:
    topic, messages = heard
    settings = get_settings().model_copy(update={"notification_topic_arn": f"{topic}-gone"})
    wiring = Wiring(settings, mcp_client=MemoryWebPlatform())
    send(wiring.notices, wiring)
    settings = get_settings().model_copy(update={"notification_topic_arn": topic})
    web_platform = MemoryWebPlatform()
    later = Wiring(settings, mcp_client=web_platform)
    asyncio.run(later.outbox.sweep())
    assert len(messages()) == 1
    assert web_platform.notifications == []  # it had heard before


def send(notices: Notices, wiring: Wiring) -> None:
    (notice,) = notices.notice("u", "n", ARGUMENTS)
    store = NoticeStore(DynamoTable(wiring.settings.table_name, lambda: boto3.client("dynamodb")))
    asyncio.run(store.save(notice))
    asyncio.run(notices.deliver("u", "n"))
