"""Primary statuses with their reasons, and the review of ads, as Google works them out."""

from datetime import datetime

from local.sandbox.google.messages import Message, add_enum, enum_name, set_enum
from local.sandbox.google.objects.campaigns import campaign_end
from local.sandbox.google.store import Store


class Reader:
    """Resources as a search shows them at one moment; each is worked out once."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store = store
        self._now = now
        self._shown: dict[str, Message] = {}

    def show(self, message: Message) -> Message:
        name = message.resource_name
        if name not in self._shown:
            shown = type(message)()
            shown.CopyFrom(message)
            writer = _WRITERS.get(message.DESCRIPTOR.name)
            if writer:
                writer(self, shown)
            self._shown[name] = shown
        return self._shown[name]

    def named(self, resource_name: str) -> Message:
        return self.show(self._store.resources[resource_name])

    # --- campaigns -------------------------------------------------------------------------------------

    def write_campaign(self, campaign: Message) -> None:
        status = enum_name(campaign, "status")
        reasons = self._campaign_reasons(campaign)
        primary = "NOT_ELIGIBLE" if reasons else "ELIGIBLE"
        if status in ("PAUSED", "REMOVED"):
            primary = status
            reasons = [f"CAMPAIGN_{status}", *reasons]
        elif self._has_ended(campaign):
            primary, reasons = "ENDED", ["CAMPAIGN_ENDED", *reasons]
        elif not reasons and self._is_learning(campaign):
            primary, reasons = "LEARNING", ["BIDDING_STRATEGY_LEARNING"]
        elif reasons == ["MOST_ADS_UNDER_REVIEW"]:
            primary = "PENDING"
        set_enum(campaign, "primary_status", primary)
        add_enum(campaign, "primary_status_reasons", reasons)

    def _has_ended(self, campaign: Message) -> bool:
        account = self._store.accounts[campaign.resource_name.split("/")[1]]
        end = campaign_end(campaign, account.zone)
        return end is not None and end <= self._now

    def _campaign_reasons(self, campaign: Message) -> list[str]:
        groups = self._living(campaign, "ad_group")
        if not groups:
            return ["NO_AD_GROUPS"]
        running = [group for group in groups if enum_name(group, "status") == "ENABLED"]
        if not running:
            return ["AD_GROUPS_PAUSED"]
        found = [self._group_reasons(group) for group in running]
        return found[0] if all(found) else []

    def _is_learning(self, campaign: Message) -> bool:
        """A bidding strategy has learnt once some days were delivered. How many: unverified."""
        own = campaign.resource_name.rpartition("/")[2]
        days = {record.day for record in self._store.records.values() if record.campaign_id == own}
        return len(days) < 7

    # --- ad groups -------------------------------------------------------------------------------------

    def write_group(self, group: Message) -> None:
        status = enum_name(group, "status")
        parent = enum_name(self._store.resources[group.campaign], "status")
        reasons = self._group_reasons(group)
        primary = "NOT_ELIGIBLE" if reasons else "ELIGIBLE"
        if reasons == ["MOST_ADS_UNDER_REVIEW"]:
            primary = "PENDING"
        if parent != "ENABLED":
            primary, reasons = "NOT_ELIGIBLE", [f"CAMPAIGN_{parent}", *reasons]
        if status in ("PAUSED", "REMOVED"):
            primary, reasons = status, [f"AD_GROUP_{status}", *reasons]
        set_enum(group, "primary_status", primary)
        add_enum(group, "primary_status_reasons", reasons)

    def _group_reasons(self, group: Message) -> list[str]:
        reasons = []
        campaign = self._store.resources[group.campaign]
        if enum_name(campaign, "advertising_channel_type") == "SEARCH" and not self._has_keywords(group):
            reasons.append("NO_KEYWORDS")
        ads = self._living(group, "ad_group_ad")
        running = [ad for ad in ads if enum_name(ad, "status") == "ENABLED"]
        if not ads:
            reasons.append("NO_AD_GROUP_ADS")
        elif not running:
            reasons.append("AD_GROUP_ADS_PAUSED")
        elif not any(self.review_is_over(ad) for ad in running):
            reasons.append("MOST_ADS_UNDER_REVIEW")
        elif all(self.refused_topic(ad) for ad in running):
            reasons.append("HAS_ADS_DISAPPROVED")
        return reasons

    def _has_keywords(self, group: Message) -> bool:
        return any(
            item.WhichOneof("criterion") == "keyword" and not item.negative
            for item in self._living(group, "ad_group_criterion")
        )

    # --- ads -------------------------------------------------------------------------------------------

    def write_ad(self, ad: Message) -> None:
        self._write_policy(ad)
        reasons = self._ad_reasons(ad)
        status = enum_name(ad, "status")
        primary = "NOT_ELIGIBLE" if reasons else "ELIGIBLE"
        if reasons == ["AD_GROUP_AD_UNDER_REVIEW"]:
            primary = "PENDING"
        if status in ("PAUSED", "REMOVED"):
            primary = status
        set_enum(ad, "primary_status", primary)
        add_enum(ad, "primary_status_reasons", reasons)

    def _ad_reasons(self, ad: Message) -> list[str]:
        group = self._store.resources[ad.ad_group]
        chain = (
            ("AD_GROUP_AD", ad),
            ("AD_GROUP", group),
            ("CAMPAIGN", self._store.resources[group.campaign]),
        )
        reasons = [
            f"{word}_{status}" for word, item in chain if (status := enum_name(item, "status")) != "ENABLED"
        ]
        if not self.review_is_over(ad):
            reasons.append("AD_GROUP_AD_UNDER_REVIEW")
        elif self.refused_topic(ad):
            reasons.append("AD_GROUP_AD_DISAPPROVED")
        return reasons

    def _write_policy(self, ad: Message) -> None:
        summary = ad.policy_summary
        if not self.review_is_over(ad):
            set_enum(summary, "review_status", "REVIEW_IN_PROGRESS")
            return
        set_enum(summary, "review_status", "REVIEWED")
        topic = self.refused_topic(ad)
        set_enum(summary, "approval_status", "DISAPPROVED" if topic else "APPROVED")
        if topic:
            entry = summary.policy_topic_entries.add(topic=topic)
            set_enum(entry, "type_", "PROHIBITED")

    def review_is_over(self, ad: Message) -> bool:
        return self._store.reviews[ad.resource_name].is_over(self._now)

    def refused_topic(self, ad: Message) -> str | None:
        return self._store.reviews[ad.resource_name].topic

    def may_deliver(self, ad: Message) -> bool:
        return enum_name(self.show(ad), "primary_status") == "ELIGIBLE" and not self._is_mute(ad)

    def _is_mute(self, ad: Message) -> bool:
        """A search ad group without keywords shows nothing."""
        return bool(self._group_reasons(self._store.resources[ad.ad_group]))

    def _living(self, parent: Message, kind: str) -> list[Message]:
        children = self._store.children(parent, kind)
        return [child for child in children if enum_name(child, "status") != "REMOVED"]


_WRITERS = {"Campaign": Reader.write_campaign, "AdGroup": Reader.write_group, "AdGroupAd": Reader.write_ad}
