"""The console's page: forms and tables, section by section."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlencode

from campaign_automation.api.pages.kit.charts import chart
from campaign_automation.api.pages.kit.figures import amount, bare, number
from campaign_automation.api.pages.kit.frame import (
    Column,
    Markup,
    Part,
    element,
    facts,
    joined,
    link,
    listed,
    note,
    page,
    paragraph,
    subsection,
    table,
)
from campaign_automation.api.pages.kit.plot import Axes, Look, Mark, Series
from local.console import forms
from local.console.deeds import Outcome
from local.console.doors import Json
from local.console.guard import ADDRESS
from local.console.trees import Account, Item, accounts, alive
from local.console.view import PLATFORMS, View
from local.sandbox import market

SEE = f"{ADDRESS}/see"
_MOST_CAMPAIGNS, _MOST_CALLS, _MOST_EXECUTIONS, _MOST_DAYS = 25, 60, 30, 28
_LONGEST_ANSWER = 20_000
_LOOKS: tuple[Look, ...] = ("first", "second", "third")
_MOST_CURVES = len(_LOOKS)


class Section(NamedTuple):
    """One section: its anchor, its heading, and what stands in it."""

    anchor: str
    heading: str
    parts: Sequence[Part]


def document(view: View) -> str:
    """Return the page of one look."""
    shown = list(_sections(view))
    links = [(f"#{item.anchor}", item.heading) for item in shown]
    links += [("/v1/docs", "API documentation"), ("/v1/openapi.json", "OpenAPI")]
    return page(
        "Console of the local cloud",
        *(note("Not shown: ", problem, kind="bad") for problem in view.problems),
        *map(_section, shown),
        about=f"It is {view.now:%Y-%m-%d %H:%M} UTC on the platforms. You act as {view.user}, in every role.",
        links=links,
    )


def _section(item: Section) -> Markup:
    return element("section", element("h2", item.heading), *item.parts, id=item.anchor)


def _sections(view: View) -> Iterator[Section]:
    if view.outcomes:
        yield Section("done", "What was done", [_outcome(item) for item in view.outcomes])
    yield Section("clock", "Clock", [*_clock(view)])
    yield Section("create", "Create a campaign", [forms.create(view)])
    yield Section("campaigns", "Campaigns", [*_campaigns(view)])
    yield Section("rules", "Rules, tests, proposals", [*_rules(view), *_tests(view), *_proposals(view)])
    for platform in PLATFORMS:
        yield Section(platform, f"What {platform} has", [*_platform(view, platform)])
    yield Section("market", "Market", [*_market(view)])
    yield Section("faults", "Faults and manners", [*_faults(view)])
    yield Section("calls", "Calls of the platforms", [_calls(view)])
    yield Section("executions", "Executions and schedules", [_executions(view), *_schedules(view)])
    yield Section("metrics", "Metrics", [*_metrics(view)])
    yield Section("actions", "Call any action", [*_actions(view)])


# --- outcomes and the clock --------------------------------------------------------------------------------


def _outcome(outcome: Outcome) -> Markup:
    shown = note(outcome.words, kind="good" if outcome.is_good else "bad")
    if outcome.answer is None:
        return shown
    text = json.dumps(outcome.answer, indent=2, ensure_ascii=False, default=str)[:_LONGEST_ANSWER]
    return joined(shown, element("details", element("summary", "The whole answer"), element("pre", text)))


def _clock(view: View) -> Iterator[Part]:
    yield paragraph(
        "Platforms deliver while time passes, and what is due runs by itself: rules, tests, messages."
    )
    yield forms.clock(view)
    yield forms.users(view)


# --- the module ------------------------------------------------------------------------------------------


def _campaigns(view: View) -> Iterator[Part]:
    if not view.lists["campaigns"]:
        yield paragraph("There is none yet.")
    yield paragraph(_see(view, "/v1/ad-accounts", "Ad accounts"))
    delivered = _delivered(view)
    for item in view.lists["campaigns"]:
        yield subsection(
            item["name"],
            _campaign_facts(item, delivered),
            _report(view, item),
            forms.manage(view, item["campaign_id"]),
        )


def _delivered(view: View) -> dict[str, tuple[Item, str]]:
    """Return the platforms' campaigns by their ids there, each with its currency."""
    return {
        item.id: (item, account.currency)
        for platform in PLATFORMS
        for account in accounts(platform, view.state[platform])
        for item in account.campaigns
    }


def _campaign_facts(item: Json, delivered: dict[str, tuple[Item, str]]) -> Markup:
    named: list[tuple[str, object]] = [("Status", item["campaign_status"]), ("Platform", item["platform"])]
    if (found := delivered.get(item["platform_campaign_id"])) is not None:
        (there, currency), (spend, revenue, conversions) = found, found[0].figures
        budget = there.budget or sum((below.budget or Decimal(0) for below in alive(there.below)), Decimal(0))
        named += [
            ("Daily budget", amount(budget, currency)),
            ("Spend so far", amount(spend, currency)),
            ("Revenue so far", amount(revenue, currency)),
            ("Conversions", conversions),
        ]
    return facts([*named, ("Id", item["campaign_id"])])


def _report(view: View, item: Json) -> Markup:
    today = view.now.date()
    days = {"from": str(today - timedelta(days=_MOST_DAYS - 1)), "to": str(today)}
    path = f"/v1/reports?{urlencode({**days, 'campaigns': item['campaign_id']})}"
    return paragraph(_see(view, path, f"Report of {item['name']}"))


def _see(view: View, path: str, words: str) -> Markup:
    """Return the link to a page of the API."""
    return link(f"{SEE}?{urlencode({'user': view.user, 'path': path})}", words)


def _rules(view: View) -> Iterator[Part]:
    rows = [
        [
            _see(view, f"/v1/rules/{item['rule_id']}", item["rule"]["rule_name"]),
            item["state"],
            f"{item['schedule']} ({item['time_zone']})",
            item["next_run"],
            item["last_run"] or "never",
        ]
        for item in view.lists["rules"]
    ]
    yield table("Rules", ["Rule", "State", "Schedule", "Next run", "Last run"], rows)
    yield subsection("Make a rule", forms.rule(view))


def _tests(view: View) -> Iterator[Part]:
    for item in view.lists["tests"]:
        seen = _see(view, f"/v1/ab-tests/{item['test_id']}", "Show it")
        named = [("State", item["test_state"]), ("Ends", item["ends_at"]), ("Test", seen)]
        yield subsection(f"Test: {item['test_name']}", facts(named), forms.analyse(view, item["test_id"]))
    yield subsection("Test creatives against each other", forms.test(view))


def _proposals(view: View) -> Iterator[Part]:
    for item in view.lists["proposals"]:
        named = [("Proposed by", item["proposed_by"]), ("Expires", item["expires_at"])]
        yield subsection(
            f"Proposal: {item['summary']}", facts(named), forms.decide(view, item["proposal_id"])
        )


# --- the platforms ---------------------------------------------------------------------------------------


def _platform(view: View, platform: str) -> Iterator[Part]:
    found = [item for item in accounts(platform, view.state[platform]) if item.campaigns]
    if not found:
        yield paragraph("No campaign is there yet.")
    for account in found:
        yield from _account(account)


def _account(account: Account) -> Iterator[Part]:
    living = alive(account.campaigns)
    deleted = len(account.campaigns) - len(living)
    yield element("h3", f"{account.name} ({account.id}, of {account.user})")
    if account.days:
        yield _delivery(account)
    for campaign in living[:_MOST_CAMPAIGNS]:
        yield _tree(campaign, account.currency)
    if (more := len(living) - _MOST_CAMPAIGNS) > 0:
        yield paragraph(f"{more} older ones are left out.", kind="quiet")
    if deleted:
        yield paragraph(f"{deleted} campaigns were deleted.", kind="quiet")


def _delivery(account: Account) -> Markup:
    days = list(account.days.items())[-_MOST_DAYS:]
    spend = [Mark(at, float(figures.spend)) for at, (_, figures) in enumerate(days)]
    revenue = [Mark(at, float(figures.revenue)) for at, (_, figures) in enumerate(days)]
    names = [day for day, _ in days]
    axes = Axes(y=number, names=names, ticks=[name[5:] for name in names], x_name="Day")
    return chart(
        f"Delivery by day, in {account.currency}",
        "Spend and revenue of all campaigns of the account; revenue is final, reports learn of it later.",
        [Series("Spend", spend), Series("Revenue", revenue, "second")],
        axes,
    )


def _tree(campaign: Item, currency: str) -> Markup:
    rows = [[f"{'– ' * depth}{item.name}", *_cells(item, currency)] for depth, item in _flat(campaign, 0)]
    head = ", ".join(
        part for part in (campaign.status.lower(), amount(campaign.budget, currency)) if part is not None
    )
    numbers = [Column(name, "number") for name in _FIGURES]
    columns = [Column("Object", "long"), Column("Status"), *numbers, Column("Id")]
    shown = table(f"{campaign.name}, in {currency}", columns, rows)
    return element("details", element("summary", f"{campaign.name}: {head}"), shown)


_FIGURES = ("Daily budget", "Spend", "Revenue", "Conversions")


def _cells(item: Item, currency: str) -> list[str]:
    figures = item.figures
    return [
        item.status.lower(),
        bare(item.budget, currency) or "–",
        bare(figures.spend, currency) or "",
        bare(figures.revenue, currency) or "",
        str(figures.conversions),
        item.id,
    ]


def _flat(item: Item, depth: int) -> Iterator[tuple[int, Item]]:
    yield depth, item
    for below in alive(item.below):
        yield from _flat(below, depth + 1)


# --- the market --------------------------------------------------------------------------------------------


def _market(view: View) -> Iterator[Part]:
    curves = {item["audience"]: item for platform in PLATFORMS for item in view.market[platform]}
    if not curves:
        yield paragraph("An ad set meets a market as soon as there is one.")
        return
    yield paragraph(
        "The truth behind the figures, which no client is shown: what a day's spend on an audience brings on"
        " average, in about US dollars. The optimiser has to find it out."
    )
    shown = list(curves.items())
    for start in range(0, min(len(shown), 4 * _MOST_CURVES), _MOST_CURVES):
        yield _curves(shown[start : start + _MOST_CURVES])
    rows = [
        [name, *(number(item[key]) for key in ("ceiling", "half_spend", "order_value", "cpm"))]
        for name, item in shown
    ]
    heads = ("Most a day", "Spend of half of it", "Value of an order", "CPM")
    yield table("Audiences", [Column("Audience", "long"), *(Column(name, "number") for name in heads)], rows)


def _curves(found: Sequence[tuple[str, Json]]) -> Markup:
    last = max(2 * item["half_spend"] for _, item in found)
    places = [last * step / 12 for step in range(13)]
    series = [
        Series(name, [Mark(at, _expected(item, at)) for at in places], look, has_dots=False)
        for look, (name, item) in zip(_LOOKS, found, strict=False)
    ]
    axes = Axes(y=number, x=lambda value: number(value, 0), x_name="Spend a day")
    return chart(
        "Conversions by spend a day", "The curve of each audience, without weekdays and luck.", series, axes
    )


def _expected(item: Json, spend: float) -> float:
    fields = ("ceiling", "half_spend", "slope", "cpm", "click_rate", "order_value")
    return market.daily_conversions(market.Curve(**{name: item[name] for name in fields}), spend)


# --- faults, calls, executions -----------------------------------------------------------------------------


def _faults(view: View) -> Iterator[Part]:
    rows = [
        [
            f"{item['platform']} {item['operation']}",
            item["kind"],
            str(item["nth"]),
            str(item["times"]),
            str(item["seen"]),
        ]
        for item in view.faults
    ]
    yield table("Faults that stand", ["Calls", "What goes wrong", "From call", "Times", "Calls seen"], rows)
    yield forms.faults(view)
    yield subsection("Manners of the platforms", forms.manners(view))


def _calls(view: View) -> Markup:
    rows = [
        [item["time"][:19], item["platform"], item["operation"], _path(item), _status(item)]
        for item in reversed(view.calls[-_MOST_CALLS:])
    ]
    caption = f"The latest of {len(view.calls)}, newest first"
    return table(caption, ["When", "Platform", "Operation", Column("Path", "long"), "Outcome"], rows)


def _path(call: Json) -> str:
    return f"{call['method']} {call['path']}{' (in a batch)' if call['batched'] else ''}"


def _status(call: Json) -> str:
    return f"{call['outcome']}, {call['status'] if call['status'] is not None else 'no answer'}"


def _executions(view: View) -> Markup:
    rows = [
        [item["started"], item["name"], item["status"], item["stopped"] or "goes on"]
        for item in view.executions[:_MOST_EXECUTIONS]
    ]
    caption = f"Executions of the state machine: the latest of {len(view.executions)}"
    return table(caption, ["Started", Column("Name", "long"), "Status", "Ended"], rows)


def _schedules(view: View) -> Iterator[Part]:
    rows = [
        [item["name"], item["expression"], "on" if item["enabled"] else "off", forms.fire(view, item)]
        for item in view.schedules
    ]
    yield table("Schedules", [Column("Schedule", "long"), "When", "State", "By hand"], rows)


def _metrics(view: View) -> Iterator[Part]:
    for space, metrics in sorted(view.metrics.items()):
        rows = [
            [name, number(Decimal(str(sum(values.values())))), str(len(values))]
            for name, values in sorted(metrics.items())
        ]
        heads = [Column("Metric", "long"), Column("Sum", "number"), Column("Kinds", "number")]
        yield table(f"{space}, since the start", heads, rows)


def _actions(view: View) -> Iterator[Part]:
    yield listed(
        [
            link("/v1/docs", "Every action with its parameters, examples and errors"),
            link("/v1/tools?format=gemini", "The actions as functions for Gemini"),
            link("/v1/events.json", "The events that webhooks get"),
        ]
    )
    yield forms.any_action(view)
