"""The page of an A/B test: what may be believed, rates with intervals, interim analyses against bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from campaign_automation.api.pages.kit.charts import chart
from campaign_automation.api.pages.kit.figures import (
    bare,
    day,
    moment,
    number,
    percent,
    probability,
    share,
)
from campaign_automation.api.pages.kit.frame import (
    Column,
    Markup,
    facts,
    joined,
    listed,
    note,
    page,
    paragraph,
    section,
    table,
)
from campaign_automation.api.pages.kit.plot import Axes, Mark, Series
from campaign_automation.api.pages.serving import Visit, opened
from campaign_automation.api.pages.wording import named, say
from campaign_automation.models.ab_test_answers import (
    AbTestAnalysis,
    RecordedAnalysis,
    VariantComparison,
    VariantFigures,
)
from campaign_automation.models.ab_tests import AnalyzeAbTest
from campaign_automation.models.ab_values import DaysLeft, Interval
from campaign_automation.utils.languages import reader
from campaign_automation.utils.languages.speaking import answer_in
from campaign_automation.utils.validation import parse

_RATE_PLACES = 4  # conversions of impressions are often below a tenth of a percent
_LEAST_P = 1e-12  # below it a picture shows no more


async def show(visit: Visit) -> str:
    """Return the page of a test, analysed now; like every analysis it is recorded, once for its days."""
    shown = await visit.ask("get_ab_test", visit.parameters)
    asked = parse(AnalyzeAbTest, {"test_id": shown["test_id"]})
    analysis = await visit.parts.ab_test_analyst.analyze(asked, visit.context)
    return document(parse(AbTestAnalysis, answer_in(analysis.model_dump(mode="json"), reader.get())))


TEST_PAGES = {
    ("GET", "/v1/ab-tests/{test_id}"): opened(show),
    ("GET", "/v1/ab-tests/{test_id}/page"): opened(show),
}


def document(analysis: AbTestAnalysis) -> str:
    """Return the page of an analysis."""
    window = analysis.window
    return page(
        say("test.title", name=analysis.test_name),
        _belief(analysis),
        _rates(analysis),
        _comparisons(analysis),
        _interim(analysis),
        _samples(analysis),
        _description(analysis),
        *(note(say("warning", words=words)) for words in analysis.warnings),
        paragraph(_counted(analysis), kind="quiet"),
        paragraph(say("report.read_at", moment=moment(analysis.as_of)), kind="quiet"),
        about=say(
            "test.about",
            first=day(window.since) or say("unknown"),
            last=day(window.until) or say("unknown"),
            zone=window.time_zone,
            ends=moment(analysis.ends_at),
        ),
    )


# --- what may be believed ----------------------------------------------------------------------------------


def _belief(analysis: AbTestAnalysis) -> Markup:
    why = named("stop", analysis.stop_reason)
    words = say("test.safe" if analysis.safe_to_stop else "test.not_safe", why=why)
    reason = note(say("test.reason", words=analysis.reason), kind="bad") if analysis.reason else None
    advice = listed(item.sentence for item in analysis.recommendations) if analysis.recommendations else None
    return section(
        say("test.believe"),
        note(words, kind="good" if analysis.safe_to_stop else ""),
        reason,
        paragraph(_winner(analysis)),
        facts(
            [
                (say("test.state"), named("test_state", analysis.test_state)),
                (say("test.verdict"), named("verdict", analysis.verdict)),
                (say("test.metric"), named("metric", analysis.metric)),
                (say("test.mode"), named("mode", analysis.mode)),
                (say("test.looks"), number(analysis.looks)),
                (say("test.days_left"), _days_left(analysis.expected_days_left)),
            ]
        ),
        joined(paragraph(say("test.advice"), kind="quiet"), advice) if advice else None,
        listed(named("flag", flag) for flag in analysis.flags) if analysis.flags else None,
    )


def _winner(analysis: AbTestAnalysis) -> str:
    winner = analysis.winner
    if winner is None:
        return say("test.no_winner")
    leads = say("test.winner", creative=winner.creative_id, p=probability(winner.p_value))
    return f"{leads} {say('test.winner_holds' if winner.holds_under_looks else 'test.winner_waits')}"


def _days_left(left: DaysLeft | None) -> str | None:
    if left is None:
        return None
    median, most = (say("test.beyond") if days is None else str(days) for days in (left.median, left.p80))
    return say("test.days_of", median=median, most=most)


# --- rates -------------------------------------------------------------------------------------------------


def _rates(analysis: AbTestAnalysis) -> Markup:
    metric = named("metric", analysis.metric)
    results = sorted(analysis.results, key=lambda item: item.creative_id)
    marks = [
        Mark(at, item.conversion_rate, *((item.interval.low, item.interval.high) if item.interval else ()))
        for at, item in enumerate(results)
    ]
    axes = Axes(
        y=lambda rate: percent(rate, _RATE_PLACES),
        names=[item.creative_id for item in results],
        from_zero=False,
        x_name=say("creative"),
    )
    title = say("test.rates_chart", metric=metric)
    return section(
        say("test.rates"),
        chart(title, say("test.rates_about"), [Series(metric, marks, is_loose=True)], axes),
        table(
            say("test.results", currency=analysis.currency or say("unknown")),
            _result_columns(),
            (_result(item, analysis.currency) for item in results),
        ),
    )


def _result_columns() -> list[Column]:
    figures = ("impressions", "clicks", "conversions", "test.rate", "test.low", "test.high")
    money = ("spend", "revenue", "roas")
    return [Column(say("creative")), *(Column(say(key), "number") for key in (*figures, *money))]


def _result(item: VariantFigures, currency: str | None) -> list[str | None]:
    interval = item.interval
    return [
        item.creative_id,
        number(item.impressions, 0),
        number(item.clicks, 0),
        number(item.conversions),
        percent(item.conversion_rate, _RATE_PLACES),
        percent(interval.low if interval else None, _RATE_PLACES),
        percent(interval.high if interval else None, _RATE_PLACES),
        bare(item.spend, currency),
        bare(item.revenue, currency),
        number(item.roas),
    ]


def _comparisons(analysis: AbTestAnalysis) -> Markup | None:
    if not (pairs := _pairs(analysis)):
        return None
    keys = ("lift", "lift_low", "lift_high", "p_adjusted", "p_anytime", "p_robust")
    columns = [
        Column(say("test.pair")),
        Column(say("test.against")),
        *(Column(say(f"test.{key}"), "number") for key in keys),
    ]
    caption = say("test.comparisons_table", metric=named("metric", analysis.metric))
    return section(say("test.comparisons"), table(caption, columns, map(_comparison, pairs)))


def _pairs(analysis: AbTestAnalysis) -> list[VariantComparison]:
    """Return each comparison once: that of the leader's family where both have it."""
    found: dict[frozenset[str], VariantComparison] = {}
    for pair in sorted(analysis.statistics.pairs, key=lambda pair: pair.family == "control"):
        found.setdefault(frozenset((pair.variant_id, pair.against_id)), pair)
    return list(found.values())


def _comparison(pair: VariantComparison) -> list[str | None]:
    return [
        pair.variant_id,
        pair.against_id,
        *_lift(pair.ratio),
        probability(pair.p_adjusted),
        probability(pair.p_anytime_adjusted),
        probability(pair.p_anytime_robust),
    ]


def _lift(ratio: Interval) -> list[str | None]:
    """Return how much more a ratio is, and its limits: 1.2 is 20 % more."""
    return [None if end is None else share(end - 1) for end in (ratio.value, ratio.low, ratio.high)]


# --- interim analyses --------------------------------------------------------------------------------------


def _interim(analysis: AbTestAnalysis) -> Markup | None:
    looks = analysis.interim_analyses
    if not looks:
        return None
    is_planned = analysis.mode == "planned"
    alpha = analysis.test.alpha
    words = say("test.interim_planned") if is_planned else say("test.interim_open", alpha=number(alpha))
    picture = _bounds_chart(looks) if is_planned else _p_chart(looks, alpha)
    keys = ("lead", "bound", "information") if is_planned else ("p_robust", "p_anytime")
    columns = [
        Column(say("day"), "moment"),
        Column(say("test.leader")),
        *(Column(say(f"test.{key}"), "number") for key in (*keys, "p_fixed")),
    ]
    rows = (_look_row(look, is_planned=is_planned) for look in looks)
    return section(
        say("test.interim"), paragraph(words), picture, table(say("test.interim_table"), columns, rows)
    )


def _look_row(look: RecordedAnalysis, *, is_planned: bool) -> list[str | None]:
    planned = [number(look.z), number(look.bound), share(look.information)]
    open_ended = [probability(look.p_robust), probability(look.p_anytime)]
    own = planned if is_planned else open_ended
    return [day(look.day), look.leader, *own, probability(look.p_fixed)]


def _bounds_chart(looks: Sequence[RecordedAnalysis]) -> Markup:
    series = [
        Series(say("test.lead"), [Mark(at, look.z) for at, look in enumerate(looks)], "first"),
        Series(say("test.bound"), [Mark(at, look.bound) for at, look in enumerate(looks)], "second"),
    ]
    return chart(
        say("test.interim_chart_planned"), say("test.interim_about_planned"), series, _days_axes(looks)
    )


def _p_chart(looks: Sequence[RecordedAnalysis], alpha: float) -> Markup:
    """Return the p-values by day on a scale of powers of ten."""
    marks = [Mark(at, _power(look.p_robust)) for at, look in enumerate(looks)]
    axes = _days_axes(looks)._replace(
        y=lambda power: probability(10**power), bound=math.log10(alpha), from_zero=False, is_whole=True
    )
    series = [Series(say("test.p_robust"), marks, "first")]
    return chart(say("test.interim_chart_open"), say("test.interim_about_open"), series, axes)


def _power(p_value: float | None) -> float | None:
    return None if p_value is None else math.log10(max(p_value, _LEAST_P))


def _days_axes(looks: Sequence[RecordedAnalysis]) -> Axes:
    days = [look.day.isoformat() for look in looks]
    return Axes(y=number, names=days, ticks=[each[5:] for each in days], x_name=say("day"))


# --- the rest ----------------------------------------------------------------------------------------------


def _samples(analysis: AbTestAnalysis) -> Markup | None:
    if not analysis.samples:
        return None
    columns = [
        Column(say("creative")),
        *(Column(say(f"test.{key}"), "number") for key in ("has", "needs", "lacks", "in_days")),
    ]
    rows = (
        [
            item.variant_id,
            number(item.conversions),
            number(item.required_conversions),
            number(item.missing_conversions),
            number(item.days),
        ]
        for item in analysis.samples
    )
    return section(say("test.sample"), table(say("test.sample_table"), columns, rows))


def _description(analysis: AbTestAnalysis) -> Markup | None:
    bayes = analysis.statistics.bayes
    if bayes is None:
        return None
    names = [row.variant_id for row in analysis.statistics.variants]
    columns = [
        Column(say("creative")),
        Column(say("test.p_best"), "number"),
        Column(say("test.loss"), "number"),
    ]
    rows = (
        [name, share(best), share(loss, 3)]
        for name, best, loss in zip(names, bayes.p_best, bayes.expected_loss, strict=True)
    )
    return section(say("test.description"), table(say("test.best_table"), columns, rows))


def _counted(analysis: AbTestAnalysis) -> str:
    through = day(analysis.window.closed_through) or say("unknown")
    attribution = analysis.attribution
    objective, _, kind = attribution.event.partition(" ")
    event = say("test.event", objective=objective) if kind else say("clicks")
    return say("test.counted", event=event, days=attribution.window_days, through=through)
