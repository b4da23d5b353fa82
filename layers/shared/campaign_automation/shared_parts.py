"""The parts that several subjects share, each built when it is first needed."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

from campaign_automation.adapters.renewal import AccountRenewal
from campaign_automation.clients.event_bus import EventBus
from campaign_automation.clients.topic import Topic
from campaign_automation.clients.webhook_client import WebhookClient
from campaign_automation.foundation import Foundation
from campaign_automation.managers.campaign_manager import number_of
from campaign_automation.managers.notices.links import Links
from campaign_automation.managers.notices.prompt import PromptDelivery
from campaign_automation.managers.notices.signed_links import LinkKeys
from campaign_automation.managers.notices.states import StateNotices
from campaign_automation.managers.notices.webhooks import Webhooks
from campaign_automation.managers.shared.accounts import (
    AccountDirectory,
    SecretAccounts,
    WebPlatformAccounts,
)
from campaign_automation.managers.shared.idempotency import Idempotency
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.managers.shared.outbox import PATIENCE_SECONDS, Outbox
from campaign_automation.managers.shared.platform_access import Platforms
from campaign_automation.stores.answer_store import AnswerStore
from campaign_automation.stores.notice_store import NoticeStore
from campaign_automation.stores.operations.webhooks import WebhookStore
from campaign_automation.utils.secrets import read_secret


class SharedParts(Foundation):
    """The parts that campaigns, budgets, A/B tests and rules have in common."""

    @cached_property
    def accounts(self) -> AccountDirectory:
        if self._given_accounts is not None:
            return self._given_accounts
        if self.tools is not None:
            known = partial(number_of, self.store)
            return WebPlatformAccounts(self.tools, self.settings.account_connect_url, known)
        return SecretAccounts(
            lambda name: read_secret(name, "the ad account"),
            self.settings.stage,
            AccountRenewal(self.settings, self._given_apps),
            self.settings.account_connect_url,
        )

    @cached_property
    def platforms(self) -> Platforms:
        states = StateNotices(self.notices)
        return Platforms(self.accounts, self.adapters, self.settings.account_connect_url, states)

    @cached_property
    def idempotency(self) -> Idempotency:
        return Idempotency(AnswerStore(self._table))

    @cached_property
    def outbox(self) -> Outbox:
        outbox = Outbox(self.store, self.tools, self.notices, self._outbox_function)
        if self._runs_due and self._outbox_function is None:
            outbox.patience = PATIENCE_SECONDS
        return outbox

    @cached_property
    def notices(self) -> Notices:
        arn = self.settings.notification_topic_arn
        publish = None if arn is None else Topic(arn, lambda: self._aws.client("sns")).publish
        return Notices(NoticeStore(self._table), self._webhook_store, self.tools, publish, self.links)

    @cached_property
    def links(self) -> Links:
        secret_id = self.settings.link_secret_id

        def read(is_fresh: bool) -> dict[str, Any]:
            return read_secret(secret_id, "links", is_fresh=is_fresh)

        return Links(LinkKeys(read), self.settings.public_url)

    @cached_property
    def webhooks(self) -> Webhooks:
        name = self.settings.event_bus_name
        bus = None if name is None else EventBus(name, lambda: self._aws.client("events"))
        return Webhooks(self._webhook_store, WebhookClient(self.settings.webhook_private_hosts), bus)

    @cached_property
    def prompt_delivery(self) -> PromptDelivery:
        return PromptDelivery(lambda: self.outbox, lambda: self.webhooks)

    @cached_property
    def _webhook_store(self) -> WebhookStore:
        return WebhookStore(self._table)
