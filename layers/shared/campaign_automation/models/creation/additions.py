"""The request of ads for an existing campaign, and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, HttpUrl

from campaign_automation.models.campaigns import AdResult, CreativeId, CreativeInput
from campaign_automation.models.changes import (
    CampaignId,
    FailedItem,
    Flag,
    Reason,
    SkippedItem,
    may_succeed_later,
)
from campaign_automation.models.common import Answer, Model, unique
from campaign_automation.models.creation.options import GivenTexts


class AddAds(Model):
    """Parameters of add_ads: creatives, with their texts, as in create_campaign.

    `adset_ids` are our ids or the platform's; left out, every ad set of the campaign gets the ads. They are
    paused, unless `activate`.
    """

    campaign_id: CampaignId
    creative_ids: (
        Annotated[list[CreativeId], Field(min_length=1, max_length=20), AfterValidator(unique)] | None
    ) = None
    creatives: Annotated[list[CreativeInput], Field(min_length=1, max_length=20)] | None = None
    product_url: HttpUrl | None = None
    texts: Annotated[list[GivenTexts], Field(max_length=20)] | None = None
    adset_ids: (
        Annotated[list[CampaignId], Field(min_length=1, max_length=200), AfterValidator(unique)] | None
    ) = None
    reason: Reason = "asked by the user"
    activate: Flag = False
    dry_run: Flag = False


class AddedAd(AdResult):
    """An ad that was added, or in a dry run would be; in a repeated answer with its status as it is now."""

    ad_status: Literal["paused", "active", "deleted", "unknown"]


class AdsAnswer(Answer):
    """The parts that the answers about ads have in common. `run_id` names the change for trail and undo.

    `skipped` are ads that are there already, or that a guard did not start; not `confirmed`: the platform
    could not be read afterwards, or does not show all of them yet.
    """

    status: Literal["success", "partial"] = "success"
    confirmed: bool = True
    campaign_id: str
    run_id: str | None = None
    ads: Sequence[AddedAd]
    skipped: list[SkippedItem] = []
    failed: list[FailedItem] = []
    warnings: list[str] = []
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: no part of it failed in passing."""
        return not may_succeed_later(self.failed)


class AdsAdded(AdsAnswer):
    """The answer of add_ads, as in AdsAnswer; undo removes the ads."""

    ads: list[AddedAd]
