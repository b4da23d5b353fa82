"""Objects that the platforms do not show to the token, as after a lost permission or in an odd answer."""

from dataclasses import dataclass, field


@dataclass
class Hidden:
    """The ids of campaigns and split tests; those of `closed` take no change either."""

    campaigns: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)

    def hide(self, campaign_id: str, *, writes: bool) -> None:
        self.campaigns.add(campaign_id)
        if writes:
            self.closed.add(campaign_id)

    def clear(self) -> None:
        self.campaigns.clear()
        self.closed.clear()
