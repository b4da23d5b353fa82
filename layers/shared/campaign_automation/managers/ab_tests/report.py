"""The answer of analyze_ab_test from an interim analysis: every public field is set here by name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.adapters.base import DailyInsight, ratio
from campaign_automation.managers.ab_tests import wording
from campaign_automation.managers.ab_tests.counts import AbTestDays, Records, is_fractional, total_of
from campaign_automation.managers.shared.insights import AttributionWindow, CampaignInsights
from campaign_automation.models.ab_analysis import (
    AbTestReading,
    Analysis,
    Delivery,
    Pair,
    Recommendation,
    VariantResult,
)
from campaign_automation.models.ab_test_answers import (
    AbTestAnalysis,
    Advice,
    AnalysisStatistics,
    Applied,
    Attribution,
    DecidingTest,
    DeliveryShares,
    PercentInterval,
    PValues,
    RecordedAnalysis,
    StatisticalAdvice,
    TableRow,
    VariantComparison,
    VariantFigures,
    VariantStatistics,
    Window,
    WinningCreative,
)
from campaign_automation.models.ab_tests import AbTestTerms
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import AdAccount
from campaign_automation.stores.ab_test_store import AbTest, TestLook
from campaign_automation.utils import clock

APPLICABLE = ("pause", "raise_budget", "stop")


class InterimAnalysis(NamedTuple):
    """One analysis of a test with everything it was made from.

    `adsets` names the ad set of each creative, `budgets` the budget of each ad set, None where the campaign
    has it; `looks` are all that were recorded.
    """

    test: AbTest
    terms: AbTestTerms
    campaign: Campaign
    account: AdAccount
    adsets: Mapping[str, str]
    budgets: Mapping[str, Decimal | None]
    records: Records
    days: AbTestDays
    result: AbTestReading
    looks: Sequence[TestLook]
    randomised: bool
    warnings: list[str]
    attribution: AttributionWindow

    @property
    def analysis(self) -> Analysis:
        return self.result.analysis

    @property
    def summary(self) -> str:
        return wording.summary(self.analysis, self.days.left)

    def sentence(self, item: Recommendation) -> str:
        return wording.advice(item, self.analysis, self.days.left)


def report(interim: InterimAnalysis, applied: Applied | None, test: AbTest) -> AbTestAnalysis:
    """Return the whole answer; `test` as it is after the changes that were applied."""
    analysis, terms = interim.analysis, interim.terms
    flags = [flag for flag in analysis.flags if flag != "not_randomised" or not interim.randomised]
    return AbTestAnalysis(
        test_id=test.test_id,
        test_name=terms.test_name,
        campaign_id=test.campaign_id,
        test_state=test.state,
        verdict=analysis.verdict,
        finding=analysis.status,
        reason=analysis.reason,
        unit=analysis.unit,
        metric=terms.metric,
        mode=analysis.mode,
        randomised=interim.randomised,
        results=_figures(interim),
        contingency_table=[_table_row(row) for row in analysis.variants],
        test=_deciding_test(analysis),
        p_values=_p_values(interim),
        winner=_winner(interim),
        safe_to_stop=analysis.safe_to_stop,
        stop_reason=analysis.stop_reason,
        expected_days_left=analysis.expected_days_left,
        samples=analysis.samples,
        recommendations=[_advice(item, interim) for item in analysis.recommendations],
        applied=applied,
        looks=len(interim.looks),
        interim_analyses=[_recorded(look) for look in interim.looks],
        window=_window(interim),
        attribution=_attribution(interim),
        as_of=clock.iso_now(),
        ends_at=clock.iso(test.ends_at),
        currency=interim.account.currency,
        flags=flags,
        statistics=_statistics(analysis, interim.days.left),
        warnings=_warnings(interim),
        message=wording.analysis_message(test, analysis, interim.days.left),
    )


def attribution_of(terms: AbTestTerms, seen: CampaignInsights) -> AttributionWindow:
    """Return the days after which a day's conversions are complete; a click is known at once."""
    return AttributionWindow(0, "account") if terms.metric == "ctr" else AttributionWindow.of([seen])


def leader_of(analysis: Analysis) -> str | None:
    """Return the variant with the highest conversion rate; it decides nothing by itself."""
    known = [row for row in analysis.variants if row.rate is not None]
    return max(known, key=lambda row: row.rate or 0.0).variant_id if known else None


def _p_anytime(interim: InterimAnalysis) -> float | None:
    """Return the least p that any look has given for today's leader: more looks take no evidence away."""
    now, leader = interim.analysis.p_anytime, leader_of(interim.analysis)
    if now is None:
        return None
    before = [
        item.p_anytime for item in interim.looks if item.leader == leader and item.p_anytime is not None
    ]
    return min([now, *before])


def _recorded(look: TestLook) -> RecordedAnalysis:
    return RecordedAnalysis(
        day=look.day,
        information=look.information,
        leader=look.leader,
        p_fixed=look.p_fixed,
        p_anytime=look.p_anytime,
        p_robust=look.p_robust,
        z=look.z,
        bound=look.bound,
    )


def _window(interim: InterimAnalysis) -> Window:
    days = interim.days
    return Window(
        since=days.since if days.any else None,
        until=days.until if days.any else None,
        closed_through=interim.result.closed_through,
        time_zone=interim.account.time_zone,
    )


def _attribution(interim: InterimAnalysis) -> Attribution:
    is_ctr = interim.terms.metric == "ctr"
    return Attribution(
        event="click" if is_ctr else f"{interim.campaign.objective} conversion",
        window_days=interim.attribution.days,
        source=interim.attribution.source,
        maturity_assumed=interim.result.maturity_assumed,
    )


def _table_row(row: VariantResult) -> TableRow:
    return TableRow(creative_id=row.variant_id, converted=row.converted, not_converted=row.not_converted)


def _deciding_test(analysis: Analysis) -> DecidingTest:
    return DecidingTest(
        method=analysis.method,
        statistic=analysis.statistic,
        df=analysis.df,
        p_value=analysis.p_value,
        alpha=analysis.alpha,
    )


def _p_values(interim: InterimAnalysis) -> PValues:
    analysis = interim.analysis
    return PValues(fixed=analysis.p_fixed, anytime=_p_anytime(interim), robust=analysis.p_anytime_robust)


def _figures(interim: InterimAnalysis) -> list[VariantFigures]:
    """Return the variants in the order of ROAS, those without one last."""
    rows = {row.variant_id: row for row in interim.analysis.variants}
    figures = [
        _variant(name, interim.adsets[name], records, rows.get(name))
        for name, records in interim.records.items()
    ]
    return sorted(figures, key=lambda item: item.rank or len(figures) + 1)


def _variant(
    name: str, adset_id: str, records: Sequence[DailyInsight], row: VariantResult | None
) -> VariantFigures:
    impressions = _total(records, lambda day: day.impressions)
    clicks = _total(records, lambda day: day.clicks)
    spend, revenue = _total(records, lambda day: day.spend), _total(records, lambda day: day.revenue)
    roas = ratio(revenue, spend)
    return VariantFigures(
        creative_id=name,
        adset_id=adset_id,
        impressions=None if impressions is None else int(impressions),
        clicks=None if clicks is None else int(clicks),
        conversions=_total(records, lambda day: day.conversions),
        spend=spend,
        revenue=revenue,
        ctr=None if clicks is None or not impressions else _percent(float(clicks / impressions)),
        conversion_rate=_percent(row.rate) if row else None,
        roas=None if roas is None else float(roas),
        rank=row.rank if row else None,
        interval=row and PercentInterval(low=_percent(row.interval.low), high=_percent(row.interval.high)),
    )


def _total(
    records: Sequence[DailyInsight], figure: Callable[[DailyInsight], Decimal | int | None]
) -> Decimal | None:
    """Return the sum over the days; None without a day, and as soon as one is unknown."""
    if not records:
        return None
    values = [figure(day) for day in records]
    return total_of([None if value is None else Decimal(value) for value in values])


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 6)


def _winner(interim: InterimAnalysis) -> WinningCreative | None:
    winner = interim.analysis.winner
    if winner is None:
        return None
    return WinningCreative(
        creative_id=winner.variant_id,
        adset_id=interim.adsets[winner.variant_id],
        confidence=round(100 * winner.confidence, 6),
        p_value=winner.p_value,
        holds_under_looks=winner.holds_under_looks,
    )


def _advice(item: Recommendation, interim: InterimAnalysis) -> Advice:
    return Advice(
        kind=item.kind,
        creative_id=item.variant_id,
        adset_id=interim.adsets.get(item.variant_id or ""),
        amount_pct=item.amount_pct,
        days=item.days,
        automatic=item.automatic,
        applicable=item.kind in APPLICABLE,
        sentence=interim.sentence(item),
    )


def _warnings(interim: InterimAnalysis) -> list[str]:
    warnings = list(interim.warnings)
    if not interim.randomised:
        warnings.append(wording.NOT_RANDOMISED)
    if is_fractional(interim.records):
        warnings.append(wording.ROUNDED)
    if interim.result.maturity_assumed and interim.days.any:
        warnings.append(wording.DELAY_UNKNOWN)
    return warnings


# --- statistics -------------------------------------------------------------------------------------------


def _statistics(analysis: Analysis, days_left: int) -> AnalysisStatistics:
    """Return the whole analysis; `days_left` are the full days until the test's end."""
    return AnalysisStatistics(
        verdict=analysis.verdict,
        status=analysis.status,
        reason=analysis.reason,
        unit=analysis.unit,
        alpha=analysis.alpha,
        mode=analysis.mode,
        method=analysis.method,
        statistic=analysis.statistic,
        df=analysis.df,
        p_value=analysis.p_value,
        variants=[_variant_row(row) for row in analysis.variants],
        pairs=[_comparison(pair) for pair in analysis.pairs],
        not_distinguishable=analysis.not_distinguishable,
        srm=analysis.delivery and _shares(analysis.delivery),
        strata=analysis.strata,
        p_fixed=analysis.p_fixed,
        p_anytime=analysis.p_anytime,
        p_anytime_robust=analysis.p_anytime_robust,
        group_sequential=analysis.group_sequential,
        bayes=analysis.bayes,
        safe_to_stop=analysis.safe_to_stop,
        stop_reason=analysis.stop_reason,
        expected_days_left=analysis.expected_days_left,
        flags=analysis.flags,
        winner=analysis.winner,
        samples=analysis.samples,
        recommendations=[_statistical_advice(item, analysis, days_left) for item in analysis.recommendations],
    )


def _variant_row(row: VariantResult) -> VariantStatistics:
    return VariantStatistics(
        variant_id=row.variant_id,
        shown=row.visitors,
        converted=row.converted,
        not_converted=row.not_converted,
        expected_converted=row.expected_converted,
        rate=row.rate,
        interval=row.interval,
        roas=row.roas,
        rank=row.rank,
    )


def _comparison(pair: Pair) -> VariantComparison:
    return VariantComparison(
        family=pair.family,
        variant_id=pair.variant_id,
        against_id=pair.against_id,
        method=pair.method,
        statistic=pair.statistic,
        p_value=pair.p_value,
        p_adjusted=pair.p_adjusted,
        difference=pair.difference,
        ratio=pair.ratio,
        odds_ratio=pair.odds_ratio,
        cohens_h=pair.cohens_h,
        lift=pair.lift,
        p_cmh=pair.p_cmh,
        z=pair.z,
        dispersion=pair.dispersion,
        measured_dispersion=pair.measured_dispersion,
        p_anytime=pair.p_anytime,
        p_anytime_adjusted=pair.p_anytime_adjusted,
        p_anytime_robust=pair.p_anytime_robust,
        anytime_ratio=pair.anytime_ratio,
    )


def _shares(delivery: Delivery) -> DeliveryShares:
    # The name `srm` and the word "planned" are the API's; an auction plans no shares.
    return DeliveryShares(
        planned=delivery.equal,
        observed=delivery.observed,
        p_fixed=delivery.p_fixed,
        log_e=delivery.log_e,
        p_anytime=delivery.p_anytime,
        verdict="warning" if delivery.is_uneven else "ok",
    )


def _statistical_advice(item: Recommendation, analysis: Analysis, days_left: int) -> StatisticalAdvice:
    return StatisticalAdvice(
        kind=item.kind,
        variant_id=item.variant_id,
        amount_pct=item.amount_pct,
        days=item.days,
        automatic=item.automatic,
        sentence=wording.advice(item, analysis, days_left),
    )
