"""The page of a tenant: proposals to decide on, ad accounts with caps and spend, campaigns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from campaign_automation.api.pages.kit.figures import amount, moment, number
from campaign_automation.api.pages.kit.frame import (
    Column,
    Markup,
    joined,
    note,
    page,
    paragraph,
    section,
    subsection,
    table,
)
from campaign_automation.api.pages.proposal import decision_form
from campaign_automation.api.pages.serving import Visit, opened
from campaign_automation.api.pages.wording import named, say
from campaign_automation.models.accounts import AccountList, AccountShown, CampaignList, ListedCampaign
from campaign_automation.models.proposals import ProposalHead, ProposalList
from campaign_automation.utils.validation import parse

_MOST_CAMPAIGNS = 100
_MOST_PROPOSALS = 20


class Overview(NamedTuple):
    """The accounts, campaigns and open proposals of one tenant."""

    accounts: AccountList
    campaigns: CampaignList
    proposals: ProposalList


Form = Callable[[str], Markup | None]


async def show(visit: Visit) -> str:
    """Return the page of the caller's tenant; an approver gets a form with each proposal."""
    found = Overview(
        parse(AccountList, await visit.ask("list_accounts", visit.parameters)),
        parse(CampaignList, await visit.ask("list_campaigns", {"limit": _MOST_CAMPAIGNS})),
        parse(ProposalList, await visit.ask("list_proposals", {"limit": _MOST_PROPOSALS})),
    )

    def form(proposal_id: str) -> Markup | None:
        address = visit.decision_address(proposal_id)
        return decision_form(address) if address else None

    return document(found, form)


ACCOUNT_PAGES = {
    ("GET", "/v1/ad-accounts"): opened(show),
    ("GET", "/v1/ad-accounts/page"): opened(show),
}


def document(found: Overview, form: Form) -> str:
    """Return the page; `form` makes the form that decides on a proposal, or None for who may not."""
    return page(
        say("accounts.title"),
        _waiting(found.proposals, form),
        _accounts(found.accounts.accounts),
        _campaigns(found.campaigns, _currencies(found.accounts.accounts)),
        *(note(say("warning", words=words)) for words in found.accounts.warnings),
        about=say("accounts.about"),
    )


def _waiting(found: ProposalList, form: Form) -> Markup:
    if not found.proposals:
        return section(say("accounts.waiting"), paragraph(say("accounts.none_waiting"), kind="quiet"))
    shown = [_proposal(item, form(item.proposal_id)) for item in found.proposals]
    return section(
        say("accounts.waiting"),
        *shown,
        paragraph(say("accounts.more_waiting"), kind="quiet") if found.next else None,
    )


def _proposal(item: ProposalHead, form: Markup | None) -> Markup:
    return subsection(
        item.summary,
        paragraph(say("accounts.by", person=item.proposed_by, reason=item.reason)),
        paragraph(f"{say('accounts.expires')} {moment(item.expires_at)}", kind="quiet"),
        form or paragraph(say("accounts.no_role"), kind="quiet"),
    )


def _accounts(accounts: Sequence[AccountShown]) -> Markup:
    columns = [
        Column(say("account")),
        Column(say("platform")),
        Column(say("accounts.used")),
        *(
            Column(say(f"accounts.{key}"), "number")
            for key in ("campaigns", "committed", "cap", "today", "token")
        ),
    ]
    problems = [
        note(say("accounts.problem", account=_name(item), words=item.problem), kind="bad")
        for item in accounts
        if item.problem
    ]
    return section(
        say("accounts.heading"),
        joined(*problems),
        table(say("accounts.table"), columns, map(_account, accounts)),
    )


def _name(item: AccountShown) -> str:
    return item.platform_account_id or item.ad_account_id


def _account(item: AccountShown) -> list[str | None]:
    # Of an account that could not be read, what it has committed is not known either.
    committed = None if item.problem else amount(item.committed_daily_budget, item.currency)
    cap = amount(item.daily_budget_cap, item.currency)
    days = item.token.days_left
    return [
        _name(item),
        item.platform,
        say("yes" if item.is_active else "no"),
        number(item.campaigns),
        committed,
        cap or (None if item.problem else say("accounts.no_cap")),
        amount(item.spend_today, item.currency),
        None if days is None else say("accounts.token_days", days=days),
    ]


def _currencies(accounts: Sequence[AccountShown]) -> dict[str, str | None]:
    """Return the currency of each account by its ids."""
    names = [(name, item.currency) for item in accounts for name in (item.ad_account_id, _name(item))]
    return dict(names)


def _campaigns(found: CampaignList, currencies: Mapping[str, str | None]) -> Markup:
    columns = [
        Column(say("campaign"), "long"),
        Column(say("platform")),
        Column(say("status")),
        *(Column(say(key), "number") for key in ("daily_budget", "accounts.today", "roas")),
        Column(say("accounts.as_of"), "moment"),
    ]
    rows = (_campaign(item, currencies.get(item.ad_account_id)) for item in found.campaigns)
    return section(
        say("accounts.campaigns"),
        table(say("accounts.campaigns_table"), columns, rows),
        paragraph(say("accounts.more_campaigns"), kind="quiet") if found.next else None,
    )


def _campaign(item: ListedCampaign, currency: str | None) -> list[str | None]:
    last = item.figures
    unit = currency or say("accounts.no_currency")
    shown = [
        amount(last.daily_budget, unit) if last else None,
        amount(last.spend_today, unit) if last else None,
        number(last.roas_today) if last else None,
        moment(last.as_of) if last else say("accounts.not_read"),
    ]
    return [item.name, item.platform, named("value", item.campaign_status), *shown]
