"""One interim analysis of a running test, with each of its days marked as closed or still growing."""

from __future__ import annotations

from campaign_automation.models.ab_analysis import (
    AbTestProblem,
    AbTestReading,
    AnalysisRequest,
    VariantCounts,
)
from campaign_automation.optimizers.ab_test_manager import analyze_test
from campaign_automation.optimizers.budgets.guard import Maturity, measure_maturity

CLOSED_SHARE = 0.98  # of a day's conversions known: it may be used where counts must not be restated later


def read_test(problem: AbTestProblem) -> AbTestReading:
    """Analyse a test, with its days closed by the measured delay of this campaign's conversions."""
    maturity = measure_maturity(problem.snapshots, problem.attribution_window_days)
    request = _matured(problem, maturity)
    closed = {day.day for variant in request.variants for day in variant.days if day.matured}
    return AbTestReading(
        analysis=analyze_test(request),
        closed_days=len(closed),
        closed_through=max(closed, default=None),
        maturity_assumed=maturity.assumed,
    )


def _matured(problem: AbTestProblem, maturity: Maturity) -> AnalysisRequest:
    def variant(counts: VariantCounts) -> VariantCounts:
        days = [
            day.model_copy(
                update={"matured": maturity.at((problem.today - day.day).days - 1) >= CLOSED_SHARE}
            )
            for day in counts.days
        ]
        return counts.model_copy(update={"days": days})

    return problem.request.model_copy(update={"variants": list(map(variant, problem.request.variants))})
