"""The request of other texts for existing ads, and its answer."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, HttpUrl, model_validator

from campaign_automation.models.campaigns import CreativeId, CreativeInput
from campaign_automation.models.changes import CampaignId, Flag, Reason
from campaign_automation.models.common import Model
from campaign_automation.models.creation.additions import AddedAd, AdsAnswer
from campaign_automation.models.creation.options import PARTS_OF_TEXTS, GivenTexts, Texts


class _OfAd(Model):
    ad_id: CampaignId
    creative_id: CreativeId | None = None


class AdTexts(Texts, _OfAd):
    """The texts of one ad, by our id or the platform's; `creative_id` is the creative that a new ad shows."""

    @property
    def is_empty(self) -> bool:
        """Return whether no text is given: all of them are to be written."""
        return not any(getattr(self, name) for name in PARTS_OF_TEXTS)

    @property
    def given(self) -> GivenTexts:
        """The texts alone, under the name of the ad."""
        parts = {name: getattr(self, name) for name in PARTS_OF_TEXTS}
        return GivenTexts(creative_id=self.ad_id[:64], **parts)


class ReplaceCopy(Model):
    """Parameters of replace_copy: the ads and their new texts.

    An ad for which no text is given gets a written one. Google's ads are edited in place, and the lines left
    out stay; elsewhere a new ad takes the place of the old one, the parts left out are written, and the old
    ad is paused. `creatives` and `product_url` are as in add_ads.
    """

    campaign_id: CampaignId
    texts: Annotated[list[AdTexts], Field(min_length=1, max_length=50)]
    creatives: Annotated[list[CreativeInput], Field(min_length=1, max_length=20)] | None = None
    product_url: HttpUrl | None = None
    reason: Reason = "asked by the user"
    dry_run: Flag = False

    @model_validator(mode="after")
    def _each_ad_once(self) -> Self:
        ids = [item.ad_id for item in self.texts]
        if len(set(ids)) != len(ids):
            raise ValueError("texts: two are of the same ad_id; give one for each")
        return self


class ReplacedAd(AddedAd):
    """An ad with its new texts; one that is new `replaces` the ad of this id, which is paused."""

    replaces: str | None = None


class CopyReplaced(AdsAnswer):
    """The answer of replace_copy, as in AdsAnswer; undo puts the old texts, or the old ads, back."""

    ads: list[ReplacedAd]
