"""What the Web Platform knows: creatives, campaigns, notifications, credits."""

from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from local.sandbox.core.world import World
from local.sandbox.seeds import CREATIVE_RANGES, STYLES, TAGS

Json = dict[str, Any]
STARTING_CREDIT = 1000.0
EXTENSIONS = {"image": "png", "video": "mp4"}
# The address that a request came to: a function in a container reaches files there, and not on loopback.
ASKED_AT: ContextVar[str] = ContextVar("asked_at")


@dataclass
class Creative:
    id: int
    user_id: int
    file_type: str | None
    name: str
    product_url: str
    style: str
    score: float
    tags: list[str] | str
    status: str = "approved"
    file_url: str | None = None

    def shown(self, base_url: str) -> Json:
        own = (
            f"{base_url}/web_platform/files/creative_{self.id}.{EXTENSIONS.get(self.file_type or '', 'png')}"
        )
        url = self.file_url or own
        return asdict(self) | {"file_url": url, "cdn_url": url}


@dataclass
class CampaignRow:
    """The Web Platform's own record of a campaign; it knows nothing of the ad platform's id."""

    id: int
    user_id: int
    ad_account_id: int
    platform: str
    name: str
    objective: str
    budget: float
    budget_type: str
    targeting: Json
    creative_ids: list[int]
    created_at: str
    updated_at: str
    status: str = "draft"
    deleted: bool = False

    def shown(self) -> Json:
        return {key: value for key, value in asdict(self).items() if key != "deleted"}


@dataclass
class WebPlatformStore:
    """State of the Web Platform; every read names the user it is for."""

    world: World
    creatives: dict[int, Creative] = field(default_factory=dict)
    campaigns: dict[int, CampaignRow] = field(default_factory=dict)
    notifications: list[Json] = field(default_factory=list)
    credits: dict[int, float] = field(default_factory=dict)
    is_terse: bool = False  # failures are told as texts, without data

    def reset(self) -> None:
        self.creatives = {c.id: c for user in CREATIVE_RANGES for c in _seeded_creatives(user)}
        self.campaigns = {}
        self.notifications = []
        self.is_terse = False
        self.credits = dict.fromkeys((123, 456, 789, 999), STARTING_CREDIT)

    def state(self) -> Json:
        return {
            "creatives": {str(c.id): c.shown(self.world.base_url) for c in self.creatives.values()},
            "campaigns": {str(c.id): asdict(c) for c in self.campaigns.values()},
            "notifications": self.notifications,
            "credits": {str(user): amount for user, amount in self.credits.items()},
            "ad_accounts": [asdict(binding) for binding in self.world.accounts.bindings],
        }

    def advance(self, now: datetime) -> None:
        """Nothing here happens with time alone."""

    def creative(self, user_id: int, creative_id: int) -> Creative | None:
        found = self.creatives.get(creative_id)
        return found if found and found.user_id == user_id else None

    def campaign(self, user_id: int, campaign_id: int) -> CampaignRow | None:
        found = self.campaigns.get(campaign_id)
        return found if found and found.user_id == user_id and not found.deleted else None

    def patch_creative(self, creative_id: int, changes: Json) -> Json:
        """Changes a creative, or adds one when `user_id` is given. Raises LookupError and ValueError."""
        unknown = changes.keys() - Creative.__dataclass_fields__.keys()
        if unknown:
            raise ValueError(f"unknown creative fields: {sorted(unknown)}")
        if creative_id not in self.creatives:
            if "user_id" not in changes:
                raise LookupError(f"no creative {creative_id}; give user_id to add it")
            self.creatives[creative_id] = _creative(int(changes["user_id"]), creative_id)
        for name, value in changes.items():
            setattr(self.creatives[creative_id], name, value)
        return self.creatives[creative_id].shown(self.world.base_url)


def _seeded_creatives(user_id: int) -> list[Creative]:
    return [_creative(user_id, number) for number in CREATIVE_RANGES[user_id]]


def _creative(user_id: int, number: int) -> Creative:
    file_type = "image" if number % 2 else "video"
    return Creative(
        id=number,
        user_id=user_id,
        file_type=file_type,
        name=f"Trail Shoe {number} {file_type}",
        product_url=f"https://shop.example/p/{number}",
        style=STYLES[number % len(STYLES)],
        score=round(60 + (number * 37) % 40 + 0.5, 1),
        tags=[TAGS[number % len(TAGS)], TAGS[(number + 2) % len(TAGS)]],
    )
