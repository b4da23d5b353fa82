"""Who and what exists when the sandbox starts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from local.sandbox.core.accounts import TOKEN_LIFETIME, Accounts, Binding

META_APP_ID = "900000000000001"
META_APP_SECRET = "sandbox-meta-app-secret"
SERVICE_TOKEN = "sandbox-service-token"
GEMINI_KEY = "sandbox-gemini-key"


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


def bind_meta_account(accounts: Accounts, seed: MetaSeed, now: datetime) -> Binding:
    expires = now - timedelta(days=1) if seed.expired else now + TOKEN_LIFETIME
    return accounts.bind(
        Binding(seed.number, "meta", f"act_{seed.digits}", seed.user_id, seed.name, seed.token, expires)
    )


def bind_google_account(accounts: Accounts, seed: GoogleSeed, now: datetime) -> Binding:
    expires = now + TOKEN_LIFETIME
    return accounts.bind(
        Binding(seed.number, "google", seed.customer_id, seed.user_id, seed.name, seed.token, expires)
    )


def bind_tiktok_account(accounts: Accounts, seed: TikTokSeed, now: datetime) -> Binding:
    expires = now + TOKEN_LIFETIME
    return accounts.bind(
        Binding(seed.number, "tiktok", seed.advertiser_id, seed.user_id, seed.name, seed.token, expires)
    )
