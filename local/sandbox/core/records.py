"""What ads brought, day by day, on whichever platform."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Level = Literal["account", "campaign", "adset", "ad"]


@dataclass
class DayRecord:
    """What one ad brought on one day of the account's time zone; money in major units."""

    ad_id: str
    adset_id: str
    campaign_id: str
    account_id: str
    day: date
    spend: Decimal = Decimal(0)
    impressions: int = 0
    clicks: int = 0
    conversions: int = 0
    revenue: Decimal = Decimal(0)

    def id_at(self, level: Level) -> str:
        """Id of the account, campaign, ad set or ad this belongs to."""
        ids = {
            "account": self.account_id,
            "campaign": self.campaign_id,
            "adset": self.adset_id,
            "ad": self.ad_id,
        }
        return ids[level]


def added_up(records: Iterable[DayRecord], head: DayRecord) -> DayRecord:
    """The sum of `records`, with the ids and the day of `head`."""
    total = DayRecord(head.ad_id, head.adset_id, head.campaign_id, head.account_id, head.day)
    for record in records:
        total.spend += record.spend
        total.impressions += record.impressions
        total.clicks += record.clicks
        total.conversions += record.conversions
        total.revenue += record.revenue
    return total
