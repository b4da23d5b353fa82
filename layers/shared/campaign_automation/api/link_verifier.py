"""The check of links: a signed token in the query opens one resource, to read it or to decide once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from campaign_automation.managers.notices.signed_links import Link, LinkKeys, authentic
from campaign_automation.settings import Settings
from campaign_automation.utils.observability import logger
from campaign_automation.utils.secrets import read_secret

OVER = "over"  # the purpose of a link that opens nothing any more
_PAGE = re.compile(r"/v1/(.+)/page")
_PURPOSES = {"GET": ("read", "approve"), "POST": ("decide",)}


class LinkVerifier:
    def __init__(self, keys: LinkKeys) -> None:
        self._keys = keys

    @classmethod
    def from_settings(cls, settings: Settings) -> LinkVerifier:
        return cls(LinkKeys(partial(_secret, settings.link_secret_id)))

    def holder(self, event: Mapping[str, Any]) -> Link | None:
        """Return the link of a request, or None where it does not open this very resource and method.

        One that is over is returned too: the page tells a person so, where the gateway knows JSON alone.
        """
        token = (event.get("queryStringParameters") or {}).get("token") or ""
        link = authentic(token, self._keys)
        is_for_this = link is not None and link.resource == _resource_of(event)
        if link is None or not is_for_this or link.purpose not in _PURPOSES.get(event["httpMethod"], ()):
            logger.info("link refused", is_ours=link is not None)
            return None
        return link


def _resource_of(event: Mapping[str, Any]) -> str | None:
    """Return the resource whose page a request is for, as "proposals/prp_1"; None for any other route."""
    page = _PAGE.fullmatch(event["resource"])
    # By the route and its parameters: the path itself may be written in more than one way.
    return page and page[1].format_map(event.get("pathParameters") or {})


def link_policy(link: Link, method_arn: str) -> dict[str, Any]:
    """Return the policy that allows this one request: the gateway does not cache it."""
    purpose = OVER if link.is_over else link.purpose
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": method_arn}
    return {
        "principalId": link.tenant,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"person": link.person, "link_purpose": purpose, "link_id": link.token_id},
    }


def _secret(secret_id: str | None, is_fresh: bool) -> Mapping[str, Any]:
    return read_secret(secret_id, "links", is_fresh=is_fresh)
