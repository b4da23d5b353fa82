"""The trail of a campaign by object."""

from __future__ import annotations

from campaign_automation.managers.shared.view import ObjectTrails
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from tests.support.one_tenant import OneTenant
from tests.support.parts import campaign_of


def test_the_trail_of_an_ad_set_is_its_own_its_ads_and_its_campaigns_in_order() -> None:
    house = OneTenant()
    theirs = house.adapter.elsewhere("Summer", 30, 40)
    (taken,) = house.done("import_campaigns", {"all": True})["imported"]
    campaign_id = taken["campaign_id"]
    adsets = [item["adset_id"] for item in house.status(campaign_id)["adsets"]]
    ads = [item["ad_id"] for item in house.status(campaign_id)["ads"]]
    for level, ids in (("ad", ads), ("adset", adsets), ("campaign", None)):
        asked = {"campaign_id": campaign_id, "action": "pause", "level": level}
        house.done("manage_campaign", asked if ids is None else {**asked, "entity_ids": ids})
    campaign = campaign_of(house.wiring, campaign_id)
    records = house.done("get_audit", {"campaign_id": campaign_id})["records"]
    known = {"tenant": "u", "campaign_id": campaign_id}
    trail = [AuditRecord.model_validate({**item, **known}) for item in records]
    trails = ObjectTrails(campaign, trail)
    first = [item.entity_id for item in trails.of(adsets[0])]
    assert first == [ads[0], adsets[0], campaign.tag]
    assert [item.entity_id for item in trails.of(ads[1])] == [ads[1], adsets[1], campaign.tag]
    assert list(trails.of(campaign.tag)) == trail
    assert campaign.has_ad(ads[0], adsets[0])
    assert not campaign.has_ad(ads[0], adsets[1])
    assert campaign.root.platform_id == theirs
    assert not campaign.has_ad(adsets[0])
    assert campaign.made(Level.AD)
