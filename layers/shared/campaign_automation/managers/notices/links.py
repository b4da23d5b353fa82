"""Links to pages, which the owner gets with a notice and an approver on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaign_automation.managers.notices.signed_links import LinkKeys, Purpose, new_link, signed

LINK_TO = "link_to"  # in a stored notice: what its link opens; the link itself is made when it is sent


class Links:
    """The maker of links; without `public_url` there is nowhere to open them."""

    def __init__(self, keys: LinkKeys, public_url: str | None) -> None:
        self._keys = keys
        self._url = public_url

    def url(self, tenant: str, person: str, resource: str, purpose: Purpose = "read") -> str | None:
        """Return the link for a person to read a resource, or None where nobody could open it."""
        if self._url is None:
            return None
        token = signed(new_link(tenant, person, resource, purpose), self._keys)
        return f"{self._url.rstrip('/')}/v1/{resource}/page?token={token}"

    def decision_token(self, tenant: str, person: str, resource: str) -> str:
        """Return the token of one decision, for the form of a page."""
        return signed(new_link(tenant, person, resource, "decide"), self._keys)

    def with_link(self, tenant: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a notice with a fresh link of the tenant's owner, where it has one."""
        plain = {name: value for name, value in arguments.items() if name != LINK_TO}
        if LINK_TO not in arguments or (url := self.url(tenant, tenant, arguments[LINK_TO])) is None:
            return plain
        return {**plain, "action_url": url}
