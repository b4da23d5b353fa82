"""The automation of ad campaigns on Meta, TikTok and Google Ads: create, manage and optimise."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaign_automation.capability import CampaignAutomation
    from campaign_automation.embedding import Limits

__all__ = ["CampaignAutomation", "Limits"]


def __getattr__(name: str) -> Any:
    """Load a public class on its first use."""
    # Late: a function that needs one part of the package pays for the import of that part only.
    if name == "CampaignAutomation":
        from campaign_automation.capability import CampaignAutomation

        return CampaignAutomation
    if name == "Limits":
        from campaign_automation.embedding import Limits

        return Limits
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
