"""The page of a rule: what it does, the log of its runs, and its back-test as of now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaign_automation.api.pages.kit.charts import chart
from campaign_automation.api.pages.kit.figures import bare, moment, number
from campaign_automation.api.pages.kit.frame import (
    Column,
    Markup,
    facts,
    listed,
    note,
    page,
    paragraph,
    section,
    table,
)
from campaign_automation.api.pages.kit.plot import Axes, Mark, Series
from campaign_automation.api.pages.rule_words import action_words, condition_words, limit_words, scope_words
from campaign_automation.api.pages.serving import Visit, opened
from campaign_automation.api.pages.wording import named, say
from campaign_automation.managers.rules.checks import Replayed
from campaign_automation.models.rules.answers import Replay, RuleEvaluated, RuleShown
from campaign_automation.models.rules.rule import RuleReference
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.languages.speaking import told
from campaign_automation.utils.validation import parse

_MOST_REASONS = 5


async def show(visit: Visit) -> str:
    """Return the page of a rule; a back-test that cannot be made now is told, and the rest shown."""
    rule = parse(RuleShown, await visit.ask("get_rule", visit.parameters))
    try:
        asked = RuleReference(rule_id=rule.rule_id)
        replayed: Replayed | str = await visit.parts.rules.backtest(asked, visit.context)
    except CampaignAutomationError as error:
        replayed = told(error.message)
    return document(rule, replayed)


RULE_PAGES = {
    ("GET", "/v1/rules/{rule_id}"): opened(show),
    ("GET", "/v1/rules/{rule_id}/page"): opened(show),
}


def document(rule: RuleShown, replayed: Replayed | str) -> str:
    """Return the page of a rule with its back-test, or with the reason why there is none."""
    return page(
        say("rule.title", name=rule.rule.rule_name),
        _does(rule),
        _log(rule.runs),
        _backtest(replayed),
        _earlier(rule.runs),
        about=say("rule.about", version=rule.version, state=named("rule_state", rule.state)),
    )


def _does(shown: RuleShown) -> Markup:
    rule, state = shown.rule, named("rule_state", shown.state)
    return section(
        say("rule.does"),
        facts(
            [
                (say("rule.condition"), condition_words(rule.condition)),
                (say("rule.action"), action_words(rule)),
                (say("rule.scope"), scope_words(rule.applies_to)),
                (say("rule.mode"), named("mode", rule.mode)),
                (say("rule.schedule"), f"{shown.schedule} ({shown.time_zone})"),
                (say("rule.next_run"), moment(shown.next_run) or say("rule.not_scheduled", state=state)),
                (say("rule.last_run"), moment(shown.last_run) or say("rule.never_ran")),
                (say("rule.max_affected"), limit_words(rule.max_affected)),
            ]
        ),
    )


# --- the log -----------------------------------------------------------------------------------------------


def _log(runs: Sequence[RuleEvaluated]) -> Markup:
    if not runs:
        return section(say("rule.log"), paragraph(say("rule.no_runs"), kind="quiet"))
    columns = [
        Column(say("rule.at"), "moment"),
        Column(say("rule.outcome")),
        *(Column(say(f"rule.{key}"), "number") for key in ("evaluated", "matched", "acted")),
        Column(say("rule.because"), "long"),
    ]
    return section(say("rule.log"), table(say("rule.log_table"), columns, map(_run, runs)), _changes_of(runs))


def _run(run: RuleEvaluated) -> list[str | None]:
    return [
        moment(run.scheduled_time),
        named("run", run.outcome),
        number(run.evaluated),
        number(run.matched),
        number(run.acted),
        "; ".join(_reasons(run)) or say("none"),
    ]


def _reasons(run: RuleEvaluated) -> Iterator[str]:
    """Return why a run left objects alone: its own note, and the reasons of objects, once each."""
    if run.note:
        yield run.note
    reasons = dict.fromkeys(item.reason for item in (*run.skipped, *run.undecidable))
    failed = dict.fromkeys(str(item.error.get("message", "")) for item in run.failed)
    yield from [*reasons, *failed][:_MOST_REASONS]


def _changes_of(runs: Sequence[RuleEvaluated]) -> Markup | None:
    changed = [(run, item) for run in runs for item in run.changed]
    if not changed:
        return None
    columns = [
        Column(say(f"rule.{key}"), "moment" if key == "at" else None)
        for key in ("object", "at", "field", "before", "after")
    ]
    rows = (
        [
            item.id,
            moment(run.scheduled_time),
            item.field,
            named("value", str(item.before)),
            named("value", str(item.after)),
        ]
        for run, item in changed
    )
    return table(say("rule.done_table"), columns, rows)


# --- the back-test -----------------------------------------------------------------------------------------


def _backtest(replayed: Replayed | str) -> Markup:
    heading = say("rule.backtest")
    if isinstance(replayed, str):
        return section(heading, note(say("rule.backtest_failed", words=replayed), kind="bad"))
    backtest = replayed.backtest
    now, then = backtest.as_known_now, backtest.as_known_then
    if now is None:
        return section(heading, paragraph(say("rule.backtest_none"), kind="quiet"))
    days = say(
        "rule.backtest_days", days=now.evaluated_days, first=backtest.first_day, last=backtest.last_day
    )
    return section(
        heading,
        paragraph(f"{told(backtest.message)} {days}"),
        _replays([replay for replay in (now, then) if replay is not None], replayed.currency),
        _firings(now),
    )


def _replays(replays: Sequence[Replay], currency: str | None) -> Markup:
    names = ("known_now", "known_then")[: len(replays)]
    columns = [Column(say("rule.figure")), *(Column(say(f"rule.{name}"), "number") for name in names)]
    shown = [dict(_replay(replay, currency)) for replay in replays]
    rows = ([say(f"rule.{key}"), *(each[key] for each in shown)] for key in shown[0])
    return table(say("rule.replay_table", currency=currency or say("unknown")), columns, rows)


def _replay(replay: Replay, currency: str | None) -> list[tuple[str, str | None]]:
    return [
        ("times_acted", number(len(replay.firings))),
        ("paused", number(len(replay.paused))),
        ("avoided", bare(replay.spend_avoided, currency)),
        ("forgone", number(replay.conversions_forgone)),
        ("forgone_revenue", bare(replay.revenue_forgone, currency)),
        ("flip_flops", number(replay.flip_flops)),
        ("exceeded", number(len(replay.exceeded_on))),
    ]


def _firings(replay: Replay) -> Markup | None:
    if not replay.firings_by_day:
        return None
    days = [each.isoformat() for each in replay.firings_by_day]
    marks = [Mark(at, float(count)) for at, count in enumerate(replay.firings_by_day.values())]
    series = Series(say("rule.times_acted"), marks, is_loose=True)
    axes = Axes(y=number, is_whole=True, names=days, ticks=[each[5:] for each in days], x_name=say("day"))
    return chart(say("rule.firings"), say("rule.firings_about"), [series], axes)


def _earlier(runs: Sequence[RuleEvaluated]) -> Markup | None:
    words = [decision.explanation for run in runs for decision in run.earlier_decisions]
    return section(say("rule.earlier"), listed(dict.fromkeys(words))) if words else None
