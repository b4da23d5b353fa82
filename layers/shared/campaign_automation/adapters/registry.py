"""The table of platforms: a new one is an entry here, its adapter and its files.

An adapter is imported, with the vendor's SDK, when it is first asked for: a function that serves one platform
does not pay for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.adapters.common.fact import Fact
from campaign_automation.adapters.google import facts as google
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.limits.limit import CallLimit
from campaign_automation.adapters.limits.scope import StateStore
from campaign_automation.adapters.meta import facts as meta
from campaign_automation.adapters.tiktok import facts as tiktok
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.common import Platform, SpendEnvelope
from campaign_automation.settings import Settings
from campaign_automation.utils.error_handler import needing_extra
from campaign_automation.utils.secrets import read_secret

AppSecret = Callable[[], dict[str, Any]]


class PlatformEntry(NamedTuple):
    """One platform: its `name` for people, its app's secret, its adapter, its facts that may change, the most
    that it may spend of a daily budget, and the most calls that it takes."""

    name: str
    secret_id: Callable[[Settings], str | None]
    build: Callable[[AppSecret, MediaClient, Calls, Settings], PlatformAdapter]
    facts: tuple[Fact, ...]
    spend: SpendEnvelope
    limit: CallLimit


def _meta(app: AppSecret, media: MediaClient, calls: Calls, settings: Settings) -> PlatformAdapter:
    from campaign_automation.adapters.meta_adapter import MetaAdapter

    timeout, version = settings.platform_timeout_seconds, settings.meta_api_version
    return MetaAdapter(
        app,
        media,
        graph_url=settings.meta_graph_url,
        api_version=version,
        timeout_seconds=timeout,
        calls=calls,
    )


def _tiktok(app: AppSecret, media: MediaClient, calls: Calls, settings: Settings) -> PlatformAdapter:
    from campaign_automation.adapters.tiktok_adapter import TikTokAdapter

    return TikTokAdapter(
        app,
        media,
        api_url=settings.tiktok_api_url,
        family=settings.tiktok_family,
        manual_ends=settings.tiktok_manual_creation_ends,
        timeout_seconds=settings.platform_timeout_seconds,
        calls=calls,
    )


def _google(app: AppSecret, media: MediaClient, calls: Calls, settings: Settings) -> PlatformAdapter:
    from campaign_automation.adapters.google_adapter import GoogleAdapter

    timeout = settings.platform_timeout_seconds
    endpoint = settings.google_ads_endpoint
    return GoogleAdapter(app, media, endpoint=endpoint, timeout_seconds=timeout, calls=calls)


PLATFORMS: Mapping[str, PlatformEntry] = {
    Platform.META: PlatformEntry(
        "Meta",
        lambda settings: settings.meta_secret_id,
        _meta,
        meta.FACTS,
        meta.SPEND,
        meta.LIMIT,
    ),
    Platform.TIKTOK: PlatformEntry(
        "TikTok",
        lambda settings: settings.tiktok_secret_id,
        _tiktok,
        tiktok.FACTS,
        tiktok.SPEND,
        tiktok.LIMIT,
    ),
    Platform.GOOGLE: PlatformEntry(
        "Google Ads",
        lambda settings: settings.google_secret_id,
        _google,
        google.FACTS,
        google.SPEND,
        google.LIMIT,
    ),
}


def app_secret(platform: str, settings: Settings, apps: Mapping[str, Mapping[str, Any]] | None) -> AppSecret:
    """Return the reader of the platform's app: of the one handed in, else of its secret."""
    if apps is not None and platform in apps:
        return partial(dict, apps[platform])
    entry = PLATFORMS[platform]
    secret_id = entry.secret_id(settings)
    # An account's own token is enough for most calls, so a process without secrets goes without an app.
    if secret_id is None and apps is not None:
        return dict
    return partial(read_secret, secret_id, entry.name)


class Adapters(Mapping[str, PlatformAdapter]):
    """The adapters of PLATFORMS by platform, each built when it is first asked for."""

    def __init__(
        self,
        settings: Settings,
        media: MediaClient,
        apps: Mapping[str, Mapping[str, Any]] | None = None,
        limits: StateStore | None = None,
    ) -> None:
        """Take the apps that an embedding process hands in, by platform, in the place of their secrets, and
        the store in which all processes share their limits of calls."""
        self._limits = limits
        self._settings = settings
        self._apps = apps
        self._media = media
        self._built: dict[str, PlatformAdapter] = {}

    def __getitem__(self, platform: str) -> PlatformAdapter:
        if platform not in self._built:
            entry = PLATFORMS[platform]
            app = app_secret(platform, self._settings, self._apps)
            calls = Calls(platform, self._limit(entry.limit, platform), self._limits)
            with needing_extra(platform):  # the extras have the platforms' names
                self._built[platform] = entry.build(app, self._media, calls, self._settings)
        return self._built[platform]

    def _limit(self, documented: CallLimit, platform: str) -> CallLimit | None:
        most = self._settings.platform_call_limits.get(platform, documented.most)
        return documented._replace(most=most) if most else None

    def __contains__(self, platform: object) -> bool:
        return platform in PLATFORMS

    def __iter__(self) -> Iterator[str]:
        return iter(PLATFORMS)

    def __len__(self) -> int:
        return len(PLATFORMS)
