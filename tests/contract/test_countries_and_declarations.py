"""Countries that a platform does not serve, and what an account declares by itself: told before a write."""

from __future__ import annotations

import asyncio

import pytest

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.utils.error_handler import InvalidRequestError
from tests.support import google, meta, tiktok
from tests.support.builders import spec
from tests.support.sandbox import Sandbox


@pytest.mark.parametrize("platform", ["meta", "tiktok", "google"])
@pytest.mark.parametrize("country", ["KP", "CU", "IR", "SY"])
def test_a_country_that_the_platform_refuses_is_refused_by_field(
    ports: dict[str, int], control: Sandbox, platform: str, country: str
) -> None:
    control.reset()
    url = f"http://127.0.0.1:{ports['port']}"
    bench = tiktok.Bench(url)
    adapters: dict[str, tuple[PlatformAdapter, object]] = {
        "meta": (meta.adapter(url), meta.ACCESS),
        "tiktok": (bench.adapter, bench.access),
        "google": (google.adapter(ports["google_port"]), google.ACCESS),
    }
    adapter, access = adapters[platform]
    account = asyncio.run(adapter.describe_account(access))  # type: ignore[arg-type]
    asked = spec(platform=platform, target_countries=["US", country], eu_political_advertising=False)
    with pytest.raises(InvalidRequestError, match=f"target_countries: .*{country}") as refused:
        adapter.check(asked, account)
    assert (refused.value.code, refused.value.details["field"]) == ("1001", "target_countries")


def test_the_accounts_default_beneficiary_is_named(process: str, control: Sandbox) -> None:
    control.reset()
    defaults = {"default_dsa_beneficiary": "Shoe GmbH", "default_dsa_payor": "Agency Ltd"}
    control.patch_account("meta", meta.ACCOUNT, **defaults)
    adapter = meta.adapter(process)
    account = asyncio.run(adapter.describe_account(meta.ACCESS))
    (warning,) = [text for text in adapter.check(spec(target_countries=["DE"]), account) if "DE" in text]
    assert "beneficiary Shoe GmbH, payor Agency Ltd" in warning
    own = spec(target_countries=["DE"], dsa={"beneficiary": "A", "payor": "B"})
    assert not [text for text in adapter.check(own, account) if "Shoe" in text]
    assert not [text for text in adapter.check(spec(target_countries=["US"]), account) if "Shoe" in text]
