"""The automation of ad campaigns on Meta, TikTok and Google Ads: create, manage and optimise."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaign_automation.capability import CampaignAutomation

__all__ = ["CampaignAutomation"]


def __getattr__(name: str) -> Any:
    """Load CampaignAutomation on its first use."""
    # Late: a function that needs one part of the package pays for the import of that part only.
    if name == "CampaignAutomation":
        from campaign_automation.capability import CampaignAutomation

        return CampaignAutomation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
