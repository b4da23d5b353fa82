"""The parts that new ads and other texts of ads need alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaign_automation.managers.ads.run import AdRuns
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.campaigns.copywriting import Copywriter
from campaign_automation.managers.campaigns.creatives import CreativeLibrary
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.shared.platform_access import Platforms


class AdWork:
    """Work on the ads of a campaign that exists."""

    def __init__(
        self,
        campaigns: CampaignManager,
        platforms: Platforms,
        library: CreativeLibrary,
        copywriter: Copywriter,
        gate: WriteGate,
        runs: AdRuns,
        defaults: Mapping[str, Any],
    ) -> None:
        self._campaigns = campaigns
        self._platforms = platforms
        self._library = library
        self._copywriter = copywriter
        self._gate = gate
        self._runs = runs
        self._defaults = defaults
