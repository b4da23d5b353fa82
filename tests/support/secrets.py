"""Tokens and keys, which stand in no log, no answer and no trail."""

from __future__ import annotations

import httpx

from local.cloud import Cloud
from local.sandbox import seeds

SECRETS = [
    *(seed.token for seed in (*seeds.META_SEEDS, *seeds.TIKTOK_SEEDS, *seeds.GOOGLE_SEEDS)),
    seeds.META_APP_SECRET,
    seeds.SERVICE_TOKEN,
    seeds.GEMINI_KEY,
]


def log_of(cloud: Cloud) -> str:
    """All that the functions have logged since the cloud was started."""
    return httpx.get(f"{cloud.info['api_url']}/_local/logs", timeout=600, verify=False).text


def assert_no_secret(cloud: Cloud, *texts: str) -> None:
    for text in texts:
        for secret in (*SECRETS, *cloud.info["tokens"].values(), "Signature=", "access_token=sandbox"):
            assert secret not in text
