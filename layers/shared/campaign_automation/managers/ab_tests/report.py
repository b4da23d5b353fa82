"""What the statistics found, as the answer of analyze_ab_test. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from campaign_automation.adapters.base import DailyInsight, ratio
from campaign_automation.managers.ab_tests.counts import Days, Records, is_fractional, total_of
from campaign_automation.models.ab_analysis import Analysis, Recommendation, VariantResult
from campaign_automation.models.ab_tests import (
    AbTestAnalysis,
    AbTestReading,
    AbTestTerms,
    Advice,
    Applied,
    Attribution,
    DecidingTest,
    PercentInterval,
    PValues,
    TableRow,
    VariantFigures,
    Window,
    WinningCreative,
)
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import AdAccount
from campaign_automation.stores.ab_test_store import AbTest, TestLook
from campaign_automation.utils import clock

APPLICABLE = ("pause", "raise_budget", "stop")
_ATTRIBUTION_DAYS = 7
_FIELDS = ("impressions", "clicks", "conversions", "spend", "revenue")


class Reading(NamedTuple):
    """One analysis with everything it was made from. `adsets` names the ad set of each creative, `budgets`
    the budget of each ad set, None where the campaign has it; `looks` are all that were recorded."""

    test: AbTest
    campaign: Campaign
    account: AdAccount
    adsets: Mapping[str, str]
    budgets: Mapping[str, Decimal | None]
    records: Records
    days: Days
    result: AbTestReading
    looks: Sequence[TestLook]
    randomised: bool
    warnings: list[str]

    @property
    def analysis(self) -> Analysis:
        return self.result.analysis


def report(reading: Reading, applied: Applied | None, test: AbTest) -> AbTestAnalysis:
    """The whole answer; `test` as it is after what was applied."""
    analysis = reading.analysis
    return AbTestAnalysis(
        **_about(reading, test),
        verdict=analysis.verdict,
        finding=analysis.status,
        reason=analysis.reason,
        results=_figures(reading),
        winner=_winner(reading),
        safe_to_stop=analysis.safe_to_stop,
        stop_reason=analysis.stop_reason,
        expected_days_left=analysis.expected_days_left,
        samples=analysis.samples,
        recommendations=[_advice(item, reading.adsets) for item in analysis.recommendations],
        applied=applied,
        flags=[flag for flag in analysis.flags if flag != "not_randomised" or not reading.randomised],
        statistics=analysis,
        **_evidence(reading),
        warnings=_warnings(reading),
        message=_message(reading, test),
    )


def _about(reading: Reading, test: AbTest) -> dict[str, Any]:
    """Which test it is, and what was looked at."""
    terms, days = reading.campaign.test, reading.days
    assert terms is not None
    return {
        "test_id": test.test_id,
        "test_name": terms.test_name,
        "campaign_id": test.campaign_id,
        "test_state": test.state,
        "unit": reading.analysis.unit,
        "metric": terms.metric,
        "mode": reading.analysis.mode,
        "randomised": reading.randomised,
        "looks": len(reading.looks),
        "window": Window(
            since=days.since if days.any else None,
            until=days.until if days.any else None,
            closed_through=reading.result.closed_through,
            time_zone=reading.account.time_zone,
        ),
        "attribution": Attribution(
            event="click" if terms.metric == "ctr" else f"{reading.campaign.objective} conversion",
            window_days=attribution_days(terms),
            maturity_assumed=reading.result.maturity_assumed,
        ),
        "as_of": clock.iso_now(),
        "ends_at": clock.iso(test.ends_at),
    }


def _evidence(reading: Reading) -> dict[str, Any]:
    """The table, the test that decides on it, and the p-values side by side."""
    analysis = reading.analysis
    return {
        "contingency_table": [
            TableRow(creative_id=row.variant_id, converted=row.converted, not_converted=row.not_converted)
            for row in analysis.variants
        ],
        "test": DecidingTest(
            method=analysis.method,
            statistic=analysis.statistic,
            df=analysis.df,
            p_value=analysis.p_value,
            alpha=analysis.alpha,
        ),
        "p_values": PValues(
            fixed=analysis.p_fixed,
            anytime=p_anytime(analysis, reading.looks),
            robust=analysis.p_anytime_robust,
        ),
    }


def attribution_days(terms: AbTestTerms) -> int:
    """How long after a day its conversions may still come; a click is known at once."""
    return 0 if terms.metric == "ctr" else _ATTRIBUTION_DAYS


def p_anytime(analysis: Analysis, looks: Sequence[TestLook]) -> float | None:
    """The least that any look has given for the leader of today: evidence does not go away by looking on."""
    now = analysis.p_anytime
    if now is None:
        return None
    before = [
        look.p_anytime for look in looks if look.leader == leader_of(analysis) and look.p_anytime is not None
    ]
    return min([now, *before])


def leader_of(analysis: Analysis) -> str | None:
    """The highest conversion rate; it decides nothing by itself."""
    known = [row for row in analysis.variants if row.rate is not None]
    return max(known, key=lambda row: row.rate or 0.0).variant_id if known else None


def _figures(reading: Reading) -> list[VariantFigures]:
    """In the order of ROAS, variants without one last."""
    rows = {row.variant_id: row for row in reading.analysis.variants}
    figures = [
        _variant(name, reading.adsets[name], records, rows.get(name))
        for name, records in reading.records.items()
    ]
    return sorted(figures, key=lambda item: item.rank or len(figures) + 1)


def _variant(
    name: str, adset_id: str, records: Sequence[DailyInsight], row: VariantResult | None
) -> VariantFigures:
    impressions, clicks, conversions, spend, revenue = (_total(records, field) for field in _FIELDS)
    roas = ratio(revenue, spend)
    return VariantFigures(
        creative_id=name,
        adset_id=adset_id,
        impressions=None if impressions is None else int(impressions),
        clicks=None if clicks is None else int(clicks),
        conversions=conversions,
        spend=spend,
        revenue=revenue,
        ctr=None if clicks is None or not impressions else _percent(float(clicks / impressions)),
        conversion_rate=_percent(row.rate) if row else None,
        roas=None if roas is None else float(roas),
        rank=row.rank if row else None,
        interval=PercentInterval(low=_percent(row.interval.low), high=_percent(row.interval.high))
        if row
        else None,
    )


def _total(records: Sequence[DailyInsight], field: str) -> Decimal | None:
    """Unknown without a day, and as soon as one day is."""
    if not records:
        return None
    values = [getattr(day, field) for day in records]
    return total_of([None if value is None else Decimal(value) for value in values])


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 6)


def _winner(reading: Reading) -> WinningCreative | None:
    winner = reading.analysis.winner
    if winner is None:
        return None
    return WinningCreative(
        creative_id=winner.variant_id,
        adset_id=reading.adsets[winner.variant_id],
        confidence=winner.confidence,
        p_value=winner.p_value,
        holds_under_looks=winner.holds_under_looks,
    )


def _advice(item: Recommendation, adsets: Mapping[str, str]) -> Advice:
    return Advice(
        kind=item.kind,
        creative_id=item.variant_id,
        adset_id=adsets.get(item.variant_id or ""),
        amount_pct=item.amount_pct,
        days=item.days,
        automatic=item.automatic,
        applicable=item.kind in APPLICABLE,
        sentence=item.sentence,
    )


def _warnings(reading: Reading) -> list[str]:
    words = list(reading.warnings)
    if not reading.randomised:
        words.append(
            "not randomised: auctions decided who saw which variant, so its audience is a rival cause"
        )
    if is_fractional(reading.records):
        words.append("conversions come in parts of one; their running totals were rounded for the tests")
    if reading.result.maturity_assumed and reading.days.any:
        words.append(
            "how late conversions come is not known yet: a day closes when its attribution window does"
        )
    return words


_VERDICTS = {
    "winner": "{leader} converts better than every other (p = {p:.3g})",
    "no_difference": "no difference was found (p = {p:.3g})",
    "inconclusive": "the variants differ (p = {p:.3g}), but no single one is best",
    "insufficient_data": "there are too few conversions to compare",
    "invalid": "the test cannot be judged: {reason}",
}


def summary(reading: Reading) -> str:
    """What a look found, in one or two sentences."""
    analysis = reading.analysis
    verdict = _VERDICTS[analysis.verdict].format(
        leader=analysis.winner.variant_id if analysis.winner else "",
        p=analysis.p_value or 0.0,
        reason=analysis.reason,
    )
    advice = f" {analysis.recommendations[0].sentence}" if analysis.recommendations else ""
    return f"By {analysis.unit}, {verdict}.{advice}"


def _message(reading: Reading, test: AbTest) -> str:
    if test.state != "running":
        return f"The test is {test.state}: {test.end_reason}. {summary(reading)}"
    stop = "It is safe to stop." if reading.analysis.safe_to_stop else "It is not safe to stop on this alone."
    return f"{summary(reading)} {stop}"
