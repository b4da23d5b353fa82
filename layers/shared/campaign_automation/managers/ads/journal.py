"""The journal of ads that are added to a campaign: under the lease of a change, not of a creation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from campaign_automation.managers.campaigns.journal import Journal
from campaign_automation.managers.changes import records
from campaign_automation.managers.changes.leases import CampaignLeases, Held
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.models.campaign import Creation, ObjectEntry
from campaign_automation.models.changes import AuditRecord
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.error_handler import CampaignAutomationError


class Place(NamedTuple):
    """The ad set of a new ad and the creative that it shows; `replaces` is the ad whose place it takes."""

    adset_tag: str
    creative_id: str
    replaces: ObjectEntry | None = None


class AdditionJournal(Journal):
    """The journal of one run that adds ads: their places, and the errors of what was `refused`, by tag."""

    recorded_later = ()

    def __init__(
        self,
        store: CampaignStore,
        audit: AuditStore,
        notices: Notices,
        switches: Switches,
        leases: CampaignLeases,
        held: Held,
        places: Mapping[str, Place],
    ) -> None:
        super().__init__(store, audit, notices, switches)
        self._leases = leases
        self._held = held
        self._places = places
        self.refused: dict[str, CampaignAutomationError] = {}

    async def attempt(self, creation: Creation, entries: Sequence[ObjectEntry]) -> None:
        """Write the entries of ads that are about to be sent.

        Raises ConflictError when the lease is lost or the campaign was stopped, GuardRefusedError while a
        kill switch is on.
        """
        campaign = self._held.campaign
        account = campaign.account.platform_account_id
        await self._switches.check(campaign.tenant, campaign.platform, account)
        await self._leases.renew(self._held)
        # The plan of the creation does not hold them, so that their entries tell where they belong.
        await self.write(creation, [self._placed(item) for item in entries])

    def _placed(self, entry: ObjectEntry) -> ObjectEntry:
        if (place := self._places.get(entry.tag)) is None:
            return entry
        return entry.model_copy(update={"parent": place.adset_tag, "creative_id": place.creative_id})

    async def write(
        self, creation: Creation, entries: Sequence[ObjectEntry], known: Sequence[AuditRecord] = ()
    ) -> None:
        await super().write(creation, entries, known)
        self._held.saw(entries)
        self._held.concluded(known)

    def created(
        self,
        creation: Creation,
        entries: Iterable[ObjectEntry],
        refused: Mapping[str, CampaignAutomationError] | None = None,
    ) -> list[AuditRecord]:
        """Return the audit records of what was added; of what is unknown only once it is known."""
        known = [entry for entry in entries if entry.state != "sent"]
        # An ad of an earlier try without an answer may have been made all the same.
        made = {entry.tag for entry in known if entry.state == "created"}
        errors = self.refused | dict(refused or {})
        self.refused = {tag: error for tag, error in errors.items() if tag not in made}
        campaign, run = self._held.campaign, self._held.run
        return [
            records.added(campaign, run, entry, self.refused.get(entry.tag), self._replaced_by(entry))
            for entry in known
        ]

    def _replaced_by(self, entry: ObjectEntry) -> ObjectEntry | None:
        place = self._places.get(entry.tag)
        return place and place.replaces
