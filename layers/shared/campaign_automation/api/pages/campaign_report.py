"""The campaign report: figures by day, budgets before and after with their curves, and changes by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from campaign_automation.api.pages.budget_changes import budget_changes
from campaign_automation.api.pages.daily import by_day, campaigns_table, charts, days_table
from campaign_automation.api.pages.kit.figures import amount, bare, moment, number
from campaign_automation.api.pages.kit.frame import (
    Column,
    Markup,
    facts,
    note,
    page,
    paragraph,
    section,
    table,
)
from campaign_automation.api.pages.serving import Refusal, Visit, opened
from campaign_automation.api.pages.trail import changes_table
from campaign_automation.api.pages.wording import named, say
from campaign_automation.models.campaigns import CampaignStatus
from campaign_automation.models.changes import AuditRecord, AuditTrail
from campaign_automation.models.reports import Report, ReportBlock, ReportFigures
from campaign_automation.utils import clock
from campaign_automation.utils.languages.speaking import told
from campaign_automation.utils.validation import parse

USUAL_DAYS = 28
_ASK_AGAIN_SECONDS = 5
_PAGE = 500  # changes of the trail that are read at once


class Subject(NamedTuple):
    """One campaign beside its figures: its status or the reason why it is not known, and its changes."""

    status: CampaignStatus | None
    problem: str | None
    trail: Sequence[AuditRecord]

    @property
    def names(self) -> Mapping[str, str]:
        """The names of the campaign's objects by our ids and the platform's."""
        if self.status is None:
            return {}
        campaign = self.status.campaign
        found = {campaign.campaign_id: campaign.name}
        found |= {item.adset_id: item.name for item in self.status.adsets}
        return found | {item.ad_id: item.name for item in self.status.ads}


async def show(visit: Visit) -> str:
    """Return the page of a report's request, or of a campaign's last four weeks."""
    asked = dict(visit.parameters)
    if (campaign_id := asked.pop("campaign_id", None)) is not None:
        today = clock.now().date()
        asked = {
            "from": str(today - timedelta(days=USUAL_DAYS - 1)),
            # Somewhere the next day has begun; a day that has not is left out.
            "to": str(today + timedelta(days=1)),
            "campaigns": campaign_id,
        }
    answer = await visit.ask("get_report", asked | {"by": "day", "level": "campaign", "format": "json"})
    if answer["status"] == "accepted":
        words = say("report.pending_words", words=answer["message"])
        return page(say("report.pending"), paragraph(words), refresh=_ASK_AGAIN_SECONDS)
    report = parse(Report, answer)
    asked_for = asked.get("campaigns", "")
    subject = None if not asked_for or "," in asked_for else await _subject(visit, asked_for)
    return document(report, subject)


async def _subject(visit: Visit, campaign_id: str) -> Subject:
    problem = status = None
    try:
        status = parse(CampaignStatus, await visit.ask("get_campaign_status", {"campaign_id": campaign_id}))
    except Refusal as refusal:
        problem = told(str(refusal))
    return Subject(status, problem, await _trail(visit, campaign_id))


async def _trail(visit: Visit, campaign_id: str) -> list[AuditRecord]:
    """Return the whole trail: its pages begin with the oldest changes, and the newest are wanted."""
    records: list[AuditRecord] = []
    asked: dict[str, Any] = {"campaign_id": campaign_id, "limit": _PAGE}
    while True:
        found = parse(AuditTrail, await visit.ask("get_audit", asked))
        records += found.records
        if found.next is None:
            return records
        asked["after"] = found.next


def document(report: Report, subject: Subject | None) -> str:
    """Return the page of a report; of one campaign with its status, budgets and changes."""
    named_campaigns = {row.campaign_id: row.campaign_name for block in report.blocks for row in block.rows}
    if subject and subject.status:
        named_campaigns = {subject.status.campaign.campaign_id: subject.status.campaign.name}
    if len(named_campaigns) == 1:
        title = say("report.title", name=next(iter(named_campaigns.values())))
    else:
        title = say("report.titles", count=len(named_campaigns))
    currency = report.blocks[0].currency if report.blocks else None
    return page(
        title,
        _now(subject, currency) if subject else None,
        *map(_block, report.blocks),
        *(budget_changes(subject.trail, subject.names, currency) if subject else ()),
        changes_table(subject.trail, subject.names, currency) if subject else None,
        *(note(say("warning", words=words)) for words in report.warnings),
        about=say("days", first=report.first_day, last=_last_day(report)),
    )


def _last_day(report: Report) -> str:
    return str(max((block.last_day for block in report.blocks), default=report.last_day))


# --- now ---------------------------------------------------------------------------------------------------


def _now(subject: Subject, currency: str | None) -> Markup:
    if subject.status is None:
        return section(
            say("report.now"), note(say("report.status_unknown", words=subject.problem), kind="bad")
        )
    campaign, status = subject.status.campaign, subject.status
    currency = campaign.currency or currency
    # Of ad sets without a budget of their own the campaign has it, where it has one.
    shared = say("report.shared_budget") if campaign.daily_budget is not None else None
    rows = [
        [
            item.name,
            named("value", item.status),
            bare(item.daily_budget, currency) or shared,
            bare(item.spend, currency),
            number(item.roas),
        ]
        for item in status.adsets
    ]
    columns = [
        Column(say("adset"), "long"),
        Column(say("status")),
        *(Column(say(key), "number") for key in ("daily_budget", "report.today", "roas")),
    ]
    return section(
        say("report.now"),
        facts(
            [
                (say("status"), named("value", campaign.status)),
                (say("daily_budget"), amount(campaign.daily_budget, currency)),
                (say("report.today"), amount(campaign.spend_today, currency)),
                (say("platform"), campaign.platform),
            ]
        ),
        *(note(say("warning", words=words)) for words in (*campaign.issues, *status.warnings)),
        table(say("report.adsets", currency=currency), columns, rows),
        paragraph(say("report.read_at", moment=moment(status.as_of)), kind="quiet"),
    )


# --- figures -----------------------------------------------------------------------------------------------


def _block(block: ReportBlock) -> Markup:
    heading = say("report.account", platform=block.platform, account=block.platform_account_id)
    about = say(
        "report.about",
        platform=block.platform,
        account=block.platform_account_id,
        zone=block.time_zone,
        first=block.first_day,
        last=block.last_day,
    )
    if block.problem:
        return section(heading, note(say("report.problem", words=block.problem), kind="bad"))
    days = by_day(block)
    campaigns = {row.campaign_id for row in block.rows}
    return section(
        heading,
        paragraph(about, kind="quiet"),
        _total(block.total, block.currency),
        charts(days, block.currency),
        campaigns_table(block) if len(campaigns) > 1 else None,
        days_table(days, block.currency),
        *(note(say("warning", words=words)) for words in block.warnings),
        paragraph(_source(block), kind="quiet"),
    )


def _source(block: ReportBlock) -> str:
    read = say("report.read_at", moment=moment(block.as_of) or say("unknown"))
    return f"{read} {say('report.stored')}" if block.source in ("stored", "mixed") else read


def _total(total: ReportFigures, currency: str) -> Markup:
    return facts(
        [
            (say("spend"), amount(total.spend, currency)),
            (say("revenue"), amount(total.revenue, currency)),
            (say("roas"), number(total.roas)),
            (say("shop_revenue"), amount(total.first_party_revenue, currency)),
            (say("conversions"), number(total.conversions)),
            (say("cpa"), amount(total.cpa, currency)),
        ]
    )


REPORT_PAGES = {
    ("GET", "/v1/reports"): opened(show),
    ("GET", "/v1/campaigns/{campaign_id}/page"): opened(show),
}
