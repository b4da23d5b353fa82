"""The additions of Meta's own to what was sent, from v27.0 on and for all versions from February 2027.

Source: the developer blog of 4 November 2026 and the changelog of the vendor's business SDK 27.0.0.
"""

from datetime import UTC, datetime

from local.sandbox.core.store import Json

FOR_ALL_VERSIONS = datetime(2027, 2, 1, tzinfo=UTC)
_FIRST_VERSION = (27, 0)
_EVERY_DEVICE = ["mobile", "desktop"]
_OPTED_OUT = "OPT_OUT"


def are_on(version: str | None, now: datetime) -> bool:
    """Whether a call of this version, or one at this time, sees the additions."""
    number = tuple(int(part) for part in version.removeprefix("v").split(".")) if version else (0, 0)
    return number >= _FIRST_VERSION or now >= FOR_ALL_VERSIONS


def widened(targeting: Json) -> Json:
    """Targeting of a sales ad set: its devices are a mere suggestion unless they are kept to."""
    automation = targeting.get("targeting_automation", {})
    individual = {"device": 1} | automation.get("individual_setting", {})
    shown = targeting | {"targeting_automation": automation | {"individual_setting": individual}}
    return shown | {"device_platforms": _EVERY_DEVICE} if individual["device"] else shown


def with_catalog(story: Json, features: Json) -> Json:
    """The story of a creative to which a matching set of the account's catalog was added."""
    products = features.get("creative_features_spec", {}).get("product_extensions", {})
    if products.get("enroll_status") == _OPTED_OUT or "link_data" not in story:
        return story
    return {name: value for name, value in story.items() if name != "link_data"} | {
        "template_data": story["link_data"] | {"multi_share_end_card": True}
    }
