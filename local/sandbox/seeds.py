"""Accounts, tokens and ranges that exist when the sandbox starts."""

from dataclasses import dataclass
from typing import Protocol

META_APP_ID = "900000000000001"
META_APP_SECRET = "sandbox-meta-app-secret"
SERVICE_TOKEN = "sandbox-service-token"
GEMINI_KEY = "sandbox-gemini-key"


class Seed(Protocol):
    """The parts of an ad account's seed that every platform has."""

    @property
    def number(self) -> int: ...
    @property
    def user_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def expired(self) -> bool: ...
    @property
    def account_id(self) -> str: ...


@dataclass(frozen=True)
class MetaSeed:
    """One Meta ad account; `digits` is the id without `act_`, money in minor units."""

    number: int
    user_id: int
    digits: str
    name: str
    currency: str
    timezone_name: str
    page_id: str
    pixel_id: str
    token: str
    locale: str = "en_US"
    min_daily_budget: int = 100
    expired: bool = False

    @property
    def account_id(self) -> str:
        return f"act_{self.digits}"


META_SEEDS = (
    MetaSeed(
        1001,
        123,
        "100000000000001",
        "Example Shop US",
        "USD",
        "America/New_York",
        "300000000000001",
        "400000000000001",
        "sandbox-meta-token-123",
    ),
    MetaSeed(
        2001,
        456,
        "200000000000001",
        "Beispiel Laden DE",
        "EUR",
        "Europe/Berlin",
        "300000000000002",
        "400000000000002",
        "sandbox-meta-token-456",
        locale="de_DE",
    ),
    MetaSeed(
        3001,
        999,
        "300000000000009",
        "Lapsed Shop",
        "USD",
        "America/New_York",
        "300000000000003",
        "400000000000003",
        "sandbox-meta-token-999",
        expired=True,
    ),
)


@dataclass(frozen=True)
class GoogleSeed:
    """One Google Ads customer; its id has ten digits."""

    number: int
    user_id: int
    customer_id: str
    name: str
    currency: str
    time_zone: str
    token: str
    expired: bool = False

    @property
    def account_id(self) -> str:
        return self.customer_id


GOOGLE_SEEDS = (
    GoogleSeed(
        1003,
        123,
        "1230000003",
        "Example Shop US",
        "USD",
        "America/New_York",
        "sandbox-google-token-123",
    ),
    GoogleSeed(
        2003,
        456,
        "4560000003",
        "Beispiel Laden DE",
        "EUR",
        "Europe/Berlin",
        "sandbox-google-token-456",
    ),
)


@dataclass(frozen=True)
class TikTokSeed:
    """One TikTok advertiser."""

    number: int
    user_id: int
    advertiser_id: str
    name: str
    currency: str
    time_zone: str
    identity_id: str
    pixel_id: str
    token: str
    expired: bool = False

    @property
    def account_id(self) -> str:
        return self.advertiser_id


TIKTOK_SEEDS = (
    TikTokSeed(
        1002,
        123,
        "7000000000000000123",
        "Example Shop US",
        "USD",
        "America/New_York",
        "7100000000000000123",
        "7300000000000000123",
        "sandbox-tiktok-token-123",
    ),
    TikTokSeed(
        2002,
        456,
        "7000000000000000456",
        "Beispiel Laden DE",
        "EUR",
        "Europe/Berlin",
        "7100000000000000456",
        "7300000000000000456",
        "sandbox-tiktok-token-456",
    ),
)

CREATIVE_RANGES = {123: range(1, 61), 456: range(101, 161)}
STYLES = ("minimal", "lifestyle", "bold", "studio")
TAGS = ("summer", "shoes", "sale", "new", "outdoor")
