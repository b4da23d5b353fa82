"""The sentences of A/B tests that people read: advice, verdicts, sample sizes, warnings, messages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaign_automation.models.ab_analysis import (
    Analysis,
    Recommendation,
    TestPlan,
)
from campaign_automation.models.ab_tests import MIN_CONVERSIONS, RequiredSample
from campaign_automation.models.ab_values import (
    SLOW_DRIFT_DAYS,
    StopReason,
    Verdict,
)
from campaign_automation.stores.ab_test_store import AbTest
from campaign_automation.utils import clock

NOT_DRIVEN = (
    "nothing has carried out what is due within the last hour: a test is checked and ended while a process"
    " calls run_due() or is in background()"
)
NOT_ANALYSED = (
    "scipy is not installed: the test ends in time, but nothing analyses it before;"
    " `pip install campaign-automation[statistics]` brings it"
)
NOT_SPLIT = (
    "not randomised: the platform has no split test for these ad sets, so its auctions decide who sees which"
    " variant, and one person may see several"
)
NOT_RANDOMISED = (
    "not randomised: auctions decided who saw which variant, so differences between the audiences may"
    " confound the comparison"
)
PAUSED_FROM_THE_START = "the test's days count from now on, but its campaign is paused: start it"
ROUNDED = "conversions come in parts of one; their running totals were rounded for the tests"
DELAY_UNKNOWN = "the delay of conversions is not measured yet: a day closes when its attribution window does"
BUDGET_OF_CAMPAIGN = "budget_of_campaign: with the others paused its whole budget is the winner's already"
CREATING = "the test is being created"
TITLE_MAY_STOP = "An A/B test may stop"
TITLE_ENDED = "An A/B test has ended"
DAYS_OVER = "Its days are over; its campaign is paused."
CAMPAIGN_DELETED = "Its campaign was deleted."
END_REASONS = {"finished": "the test's days are over", "cancelled": "the test's campaign was deleted"}
_CAUTIONS: dict[StopReason, str] = {
    "slow_drift": f"Fewer than {SLOW_DRIFT_DAYS} full days cannot rule out that the ad sets drift apart"
    " slowly. Decide yourself.",
    "within_noise": "The lead is no larger than the noise of the ad sets' delivery. Decide yourself.",
}
_EARLY = "This may still change with more days. Decide yourself."
_VERDICTS: dict[Verdict, str] = {
    "winner": "{leader} converts better than every other (p = {p:.3g})",
    "no_difference": "no difference was found (p = {p:.3g})",
    "inconclusive": "the variants differ (p = {p:.3g}), but no single one is best",
    "insufficient_data": "there are too few conversions to compare",
    "invalid": "the test cannot be evaluated: {reason}",
}


# --- advice -----------------------------------------------------------------------------------------------


def advice(item: Recommendation, analysis: Analysis, days_left: int | None = None) -> str:
    """Return a recommendation as a sentence; `days_left` are the full days until the test's end."""
    match item.kind:
        case "fix_data":
            return f"The counts cannot be right ({analysis.reason}); read them again."
        case "pause":
            return _pause(item, analysis)
        case "raise_budget":
            return f"Raise the budget of {item.variant_id} by {item.amount_pct:.0f} %.{_caution(analysis)}"
        case "stop":
            return _stop(analysis)
        case "run_longer":
            return _run_longer(item, analysis, days_left)


def _caution(analysis: Analysis) -> str:
    if not analysis.winner or analysis.winner.holds_under_looks:
        return ""
    return f" {_CAUTIONS.get(analysis.stop_reason, _EARLY)}"


def _pause(item: Recommendation, analysis: Analysis) -> str:
    best = analysis.winner.variant_id if analysis.winner else analysis.not_distinguishable[0]
    # With two variants the control family holds the one comparison there is.
    pairs = [pair for pair in analysis.pairs if pair.family == "leader"] or analysis.pairs
    p = next(pair.p_adjusted for pair in pairs if item.variant_id in (pair.variant_id, pair.against_id))
    return f"Pause {item.variant_id}. {best} converts better (p = {p:.3g}).{_caution(analysis)}"


def _stop(analysis: Analysis) -> str:
    if analysis.winner:
        winner = analysis.winner
        return f"End the test. {winner.variant_id} won (p = {winner.p_value:.3g})."
    if analysis.status == "collecting":
        few = _counts_so_far(analysis)
        return f"End the test. It has too few conversions ({few}). Plan a longer one or a larger budget."
    if analysis.status == "no_single_winner":
        best = _listed(analysis.not_distinguishable)
        return f"End the test. {best} cannot be told apart. Keep the cheaper one."
    names = _listed([row.variant_id for row in analysis.variants])
    return f"End the test. No difference between {names} was found. Keep the cheaper one."


def _run_longer(item: Recommendation, analysis: Analysis, days_left: int | None) -> str:
    name, days = item.variant_id, item.days
    if analysis.status == "no_data":
        return f"{name} has no {analysis.unit} yet. Check that it delivers."
    if analysis.status == "collecting":
        span = _more(days) if days is not None else "until every variant has enough conversions"
        late = days is not None and days_left is not None and days > days_left
        verb = "is" if days_left == 1 else "are"
        extend = f"; only {days_left} {verb} left, so extend it" if late else ""
        return f"Run the test {span}{extend}. So far {_counts_so_far(analysis)}."
    if analysis.status == "no_single_winner":
        best = _listed(analysis.not_distinguishable)
        return f"Run {name} {_more(days) if days else 'longer'}. {best} cannot be told apart yet."
    return f"Run the test {_more(days) if days else 'to its planned end'}. No difference shows yet."


def _counts_so_far(analysis: Analysis) -> str:
    return ", ".join(
        f"{need.variant_id} has {need.conversions} of {need.required_conversions} conversions"
        for need in analysis.samples
        if need.missing_conversions
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _more(days: int) -> str:
    return f"{days} more {'day' if days == 1 else 'days'}"


# --- verdicts ---------------------------------------------------------------------------------------------


def summary(analysis: Analysis, days_left: int | None) -> str:
    """Return the finding of an interim analysis and the first advice, in one or two sentences."""
    verdict = _VERDICTS[analysis.verdict].format(
        leader=analysis.winner.variant_id if analysis.winner else "",
        p=analysis.p_value or 0.0,
        reason=analysis.reason,
    )
    first = analysis.recommendations[:1]
    advised = "".join(f" {advice(item, analysis, days_left)}" for item in first)
    return f"By {analysis.unit}, {verdict}.{advised}"


def analysis_message(test: AbTest, analysis: Analysis, days_left: int | None) -> str:
    found = summary(analysis, days_left)
    if test.state != "running":
        return f"The test is {test.state}: {test.end_reason}. {found}"
    stop = "It is safe to stop." if analysis.safe_to_stop else "It is not safe to stop on this alone."
    return f"{found} {stop}"


def end_reason(analysis: Analysis) -> str:
    """Return the reason that is stored with a test that ends by its recommendations."""
    winner = analysis.winner
    return f"creative {winner.variant_id} won" if winner else f"ended with {analysis.verdict}"


# --- sample sizes -----------------------------------------------------------------------------------------


def planned(plan: TestPlan) -> str:
    """Return the sample that a test needs and whether its days carry it."""
    needs = (
        f"The test needs {plan.visitors_per_arm} impressions and {MIN_CONVERSIONS} conversions per variant"
    )
    if plan.days is None:
        return f"{needs}; a variant without traffic never has them."
    if plan.can_finish:
        return f"{needs}: {plan.days} of its {_days(plan.planned_days)}."
    return f"{needs}: {_days(plan.days)}, but it runs only {plan.planned_days}."


def without_traffic(plan: TestPlan) -> str:
    """Return the sample that a test needs where nobody knows its traffic."""
    needs = f"The test needs {plan.visitors_per_arm} impressions and {MIN_CONVERSIONS} conversions per"
    return f"{needs} variant; how many days that takes is unknown."


def without_rate() -> str:
    return (
        "The rate before the test is unknown, so only this can be said: every variant needs"
        f" {MIN_CONVERSIONS} conversions before a winner is named."
    )


def too_short(sample: RequiredSample) -> str:
    return (
        f"test_duration_days: {sample.message} Give the test more days or money, look for a larger effect, or"
        " send force: true"
    )


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


# --- creating and cancelling ------------------------------------------------------------------------------


def shared_budget(platform: str) -> str:
    """Return the warning for a platform on which ad sets have no budgets of their own."""
    return f"{platform}: the budget belongs to the campaign; its ad sets' equal shares are not enforced"


def forced(sample: RequiredSample) -> str:
    return f"forced: {sample.message}"


def without_scheduler(ends_at: datetime | None) -> str:
    end = clock.iso(ends_at) if ends_at else "its end time"
    return f"no scheduler here ends the test: the platform stops it at {end}, or somebody cancels it before"


def created(test: AbTest, creatives: int, *, is_dry: bool) -> str:
    done = "would create" if is_dry else "created"
    return f"{done} a test of {creatives} creatives until {clock.iso(test.ends_at)}. {test.sample.message}"


def cancelled(*, is_dry: bool) -> str:
    return "would cancel the test" if is_dry else "the test is cancelled and its campaign paused"


def over_already(test: AbTest) -> str:
    return f"the test is {test.state} already: {test.end_reason}"
