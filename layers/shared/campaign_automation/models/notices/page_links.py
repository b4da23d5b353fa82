"""The request for a link to a page, and the link."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from campaign_automation.models.common import Model, Text

LinkedPage = Literal["campaign", "ab_test", "rule", "accounts"]


class LinkPage(Model):
    """Parameters of link_page: the kind of page, and the `id` of its campaign, test or rule."""

    page: LinkedPage
    id: Annotated[Text, Field(max_length=128)] | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.page == "accounts") != (self.id is None):
            raise ValueError("id: is required, but not allowed with page accounts")
        return self


class PageLink(Model):
    """A link to a page, good for a quarter of an hour; who has it may read that page.

    That of accounts, made by an approver, has forms to decide on proposals.
    """

    status: Literal["success"] = "success"
    url: str
    expires_in_seconds: int
