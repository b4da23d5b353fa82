"""Creates, manages and optimises ad campaigns on Meta, TikTok and Google Ads."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaign_automation.capability import CampaignAutomation

__all__ = ["CampaignAutomation"]


def __getattr__(name: str) -> Any:
    """The module itself is loaded when it is asked for: a function that needs one part pays for that part."""
    if name == "CampaignAutomation":
        from campaign_automation.capability import CampaignAutomation

        return CampaignAutomation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
