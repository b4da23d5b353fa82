"""Links to the pages of campaigns, tests and rules, and to that of a tenant's accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from campaign_automation.managers.notices.links import Links
from campaign_automation.managers.notices.signed_links import LINK_SECONDS
from campaign_automation.managers.proposals import wording
from campaign_automation.models.common import Context, Role
from campaign_automation.models.notices.page_links import LinkedPage, LinkPage, PageLink
from campaign_automation.utils.error_handler import NotFoundError

Find = Callable[[str, Context], Awaitable[str]]  # our id of a subject that the tenant has

_PLACES: dict[LinkedPage, str] = {"campaign": "campaigns", "ab_test": "ab-tests", "rule": "rules"}
_ACCOUNTS = "ad-accounts"


class PageLinks:
    def __init__(self, links: Links, subjects: Mapping[LinkedPage, Find]) -> None:
        """Take the lookup of each kind of subject, which raises NotFoundError for another tenant's."""
        self._links = links
        self._subjects = subjects

    async def link(self, request: LinkPage, context: Context) -> PageLink:
        """Return a link for the caller to one page. Raises NotFoundError, also without a public address."""
        resource = _ACCOUNTS
        if request.id is not None:
            found = await self._subjects[request.page](request.id, context)
            resource = f"{_PLACES[request.page]}/{found}"
        decides = resource == _ACCOUNTS and Role.APPROVER in context.roles
        person = context.person or context.user_id
        url = self._links.url(context.user_id, person, resource, "approve" if decides else "read")
        if url is None:
            raise NotFoundError(wording.NO_PUBLIC_URL, setting="public_url")
        return PageLink(url=url, expires_in_seconds=LINK_SECONDS)
