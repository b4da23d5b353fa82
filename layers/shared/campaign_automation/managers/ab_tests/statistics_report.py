"""The field `statistics` of the answer of analyze_ab_test: the analysis in full, set field by field. Pure."""

from __future__ import annotations

from campaign_automation.managers.ab_tests import wording
from campaign_automation.models.ab_analysis import (
    Analysis,
    Delivery,
    GroupSequential,
    Interval,
    Pair,
    Recommendation,
    VariantResult,
)
from campaign_automation.models.ab_test_answers import (
    AnalysisStatistics,
    BestProbabilities,
    Estimate,
    ExpectedDays,
    PlannedLook,
    RecordedLook,
    StatisticalAdvice,
    StatisticalWinner,
    VariantComparison,
    VariantSample,
    VariantStatistics,
    VisitorShares,
    WithinDays,
)


def statistics_of(analysis: Analysis, days_left: int) -> AnalysisStatistics:
    """Return the whole analysis; `days_left` are the full days until the test's end."""
    strata, bayes = analysis.strata, analysis.bayes
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
        variants=[_variant(row) for row in analysis.variants],
        pairs=[_comparison(pair) for pair in analysis.pairs],
        not_distinguishable=analysis.not_distinguishable,
        srm=analysis.delivery and _shares(analysis.delivery),
        strata=strata
        and WithinDays(
            days=strata.days,
            statistic=strata.statistic,
            df=strata.df,
            p_value=strata.p_value,
            p_split=strata.p_split,
        ),
        p_fixed=analysis.p_fixed,
        p_anytime=analysis.p_anytime,
        p_anytime_robust=analysis.p_anytime_robust,
        group_sequential=analysis.group_sequential and _planned_look(analysis.group_sequential),
        bayes=bayes and BestProbabilities(p_best=bayes.p_best, expected_loss=bayes.expected_loss),
        safe_to_stop=analysis.safe_to_stop,
        stop_reason=analysis.stop_reason,
        expected_days_left=expected_days(analysis),
        flags=analysis.flags,
        winner=_winner(analysis),
        samples=samples_of(analysis),
        recommendations=[_advice(item, analysis, days_left) for item in analysis.recommendations],
    )


def expected_days(analysis: Analysis) -> ExpectedDays | None:
    left = analysis.expected_days_left
    if left is None:
        return None
    return ExpectedDays(median=left.median, p80=left.p80, share_unfinished=left.share_unfinished)


def samples_of(analysis: Analysis) -> list[VariantSample]:
    return [
        VariantSample(
            variant_id=need.variant_id,
            conversions=need.conversions,
            required_conversions=need.required_conversions,
            missing_conversions=need.missing_conversions,
            days=need.days,
        )
        for need in analysis.samples
    ]


def _variant(row: VariantResult) -> VariantStatistics:
    return VariantStatistics(
        variant_id=row.variant_id,
        visitors=row.visitors,
        converted=row.converted,
        not_converted=row.not_converted,
        expected_converted=row.expected_converted,
        rate=row.rate,
        interval=_estimate(row.interval),
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
        difference=_estimate(pair.difference),
        ratio=_estimate(pair.ratio),
        odds_ratio=_estimate(pair.odds_ratio),
        cohens_h=pair.cohens_h,
        lift=pair.lift,
        p_cmh=pair.p_cmh,
        z=pair.z,
        dispersion=pair.dispersion,
        p_anytime=pair.p_anytime,
        p_anytime_adjusted=pair.p_anytime_adjusted,
        p_anytime_robust=pair.p_anytime_robust,
        anytime_ratio=pair.anytime_ratio and _estimate(pair.anytime_ratio),
    )


def _estimate(interval: Interval) -> Estimate:
    return Estimate(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        continuity_added=interval.continuity_added,
    )


def _shares(delivery: Delivery) -> VisitorShares:
    # The name `srm` and the word "planned" are the API's; an auction plans no shares.
    return VisitorShares(
        planned=delivery.equal,
        observed=delivery.observed,
        p_fixed=delivery.p_fixed,
        log_e=delivery.log_e,
        p_anytime=delivery.p_anytime,
        verdict="warning" if delivery.is_uneven else "ok",
    )


def _planned_look(planned: GroupSequential) -> PlannedLook:
    look = RecordedLook(day=planned.look.day, information=planned.look.information)
    return PlannedLook(look=look, z=planned.z, bound=planned.bound, crossed=planned.crossed)


def _winner(analysis: Analysis) -> StatisticalWinner | None:
    winner = analysis.winner
    if winner is None:
        return None
    return StatisticalWinner(
        variant_id=winner.variant_id,
        confidence=winner.confidence,
        p_value=winner.p_value,
        holds_under_looks=winner.holds_under_looks,
    )


def _advice(item: Recommendation, analysis: Analysis, days_left: int) -> StatisticalAdvice:
    return StatisticalAdvice(
        kind=item.kind,
        variant_id=item.variant_id,
        amount_pct=item.amount_pct,
        days=item.days,
        automatic=item.automatic,
        sentence=wording.advice(item, analysis, days_left),
    )
