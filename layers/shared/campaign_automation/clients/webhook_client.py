"""The client of tenants' webhooks: signed events over https, to public addresses.

Signatures are those of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 of "<id>.<time>.<body>", one for
each secret that holds, so that a secret is rotated without a gap. Its library was weighed; what it adds to
these lines is the receivers' side.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from campaign_automation.clients.public_addresses import AddressRefusedError, answer_of
from campaign_automation.utils import clock

PREFIX = "whsec_"
_SECRET_BYTES = 32
_TIMEOUT_SECONDS = 5.0


class Delivery(NamedTuple):
    """The answer of a webhook: its HTTP status, or the reason why there is none."""

    http_status: int | None
    error: str | None

    @property
    def is_taken(self) -> bool:
        return self.error is None


class WebhookClient:
    def __init__(
        self, private_hosts: Collection[str] = (), timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        """Take the hosts that may stand in a private network, without TLS too."""
        self._private_hosts = frozenset(private_hosts)
        self._timeout = timeout_seconds

    async def send(
        self, url: str, event_id: str, event: Mapping[str, Any], signing: Sequence[str]
    ) -> Delivery:
        """Post an event, signed with each secret; it is taken when the webhook answers 2xx.

        It never raises, and follows no redirect.
        """
        body = json.dumps(event, ensure_ascii=False).encode()
        moment = str(int(clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "campaign-automation",
            "webhook-id": event_id,
            "webhook-timestamp": moment,
            "webhook-signature": " ".join(signature(secret, event_id, moment, body) for secret in signing),
        }
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(httpx.URL(url), headers, body)
        except AddressRefusedError as error:
            return Delivery(None, f"the address {error}")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, OSError) as error:
            return Delivery(None, f"no answer ({type(error).__name__})")

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Delivery:
        may_be_private = url.host in self._private_hosts
        if url.scheme != "https" and not may_be_private:
            raise AddressRefusedError("is not one of https")
        async with answer_of(
            "POST", url, headers, content=body, timeout_seconds=self._timeout, may_be_private=may_be_private
        ) as answer:
            status = answer.status_code
            return Delivery(status, None if answer.is_success else f"HTTP {status}")


def signature(secret: str, event_id: str, moment: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.new(key, f"{event_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
