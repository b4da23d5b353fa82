from __future__ import annotations
import pytest, json
from campaign_automation import CampaignAutomation
from campaign_automation.adapters.tiktok_adapter import TikTokAdapter
from campaign_automation.clients.media_client import MediaClient
from tests.support.builders import request_body
from tests.support.module import environment, execute
@pytest.mark.parametrize("family", ["manual", "smart_plus"])
def test_flow(cloud, sandbox, family):
    base = cloud.info["sandbox"]["meta"].replace("/meta", "/tiktok/open_api/v1.3")
    with environment(cloud):
        from campaign_automation.wiring import Wiring
        module = CampaignAutomation()
        ad = TikTokAdapter(lambda: {}, MediaClient(frozenset({"127.0.0.1"})), api_url=base, family=family)
        import campaign_automation
        w = module._wiring if hasattr(module, "_wiring") else None
        print(module.__dict__.keys())
        w._adapters = {"tiktok": ad}
        for kind, op in ((None,None),("drop_after","create_campaign"),("drop_after","create_ad"),("drop_after","create_adset"),("timeout_before","create_ad"),("policy","create_ad")):
            sandbox.reset()
            if kind: sandbox.fault("tiktok", op, kind, hang_seconds=0.2)
            r = execute(module, "create_campaign", request_body(platform="tiktok", activate=(kind is None)))
            print(kind, op, r.get("status"), str(r.get("error"))[:300], r.get("drift"), r.get("campaign_status"), sandbox.left_behind("tiktok"), sum(sandbox.operations("tiktok").values()), dict(sandbox.operations("tiktok")))
            if r["status"]=="success":
                s = execute(module, "get_campaign_status", {"campaign_id": r["campaign_id"]})
                print(str(s)[:400])
