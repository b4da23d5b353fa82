"""analyze_ab_test: one interim analysis of a test, recorded as a look, and on request carried out."""

from __future__ import annotations

from decimal import Decimal

from campaign_automation.managers.ab_tests.ab_test_manager import (
    AbTestManager,
    creatives_of,
    made_campaign,
    split_of,
    terms_of,
)
from campaign_automation.managers.ab_tests.applying import AbTestApplier
from campaign_automation.managers.ab_tests.counts import AbTestDays, Records, analysis_request, days_of
from campaign_automation.managers.ab_tests.report import (
    InterimAnalysis,
    attribution_of,
    leader_of,
    report,
)
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.shared.insights import CampaignInsights, Insights
from campaign_automation.managers.shared.statistics import Statistics
from campaign_automation.models.ab_analysis import (
    AbTestProblem,
    AbTestReading,
    AnalysisRequest,
)
from campaign_automation.models.ab_test_answers import AbTestAnalysis
from campaign_automation.models.ab_tests import AbTestTerms, AnalyzeAbTest
from campaign_automation.models.ab_values import (
    Unit,
)
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context, Level
from campaign_automation.stores.ab_test_store import AbTest, AbTestStore, TestLook
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError
from campaign_automation.utils.observability import emit

_LONGEST_DAYS = 90


class AbTestAnalyst:
    def __init__(
        self,
        tests: AbTestManager,
        store: AbTestStore,
        insights: Insights,
        statistics: Statistics,
        applier: AbTestApplier,
        decisions: EarlierDecisions,
    ) -> None:
        self._tests = tests
        self._store = store
        self._insights = insights
        self._statistics = statistics
        self._applier = applier
        self._decisions = decisions

    async def analyze(self, request: AnalyzeAbTest, context: Context) -> AbTestAnalysis:
        """Analyse the test's days so far; with `apply` carry the recommendations out, within the caps.

        Raises NotFoundError for a test that this tenant does not have, ConflictError for one whose campaign
        is not there (yet), and for `apply` on a test that is over.
        """
        test, creation = await self._tests.load(context.user_id, request.test_id)
        if request.apply and test.state != "running":
            raise ConflictError(
                f"apply: the test is {test.state} ({test.end_reason}), so nothing follows from it any more",
                field="apply",
            )
        interim = await self.read(test, made_campaign(creation), request.unit)
        if not request.apply:
            earlier = await self._decisions.judged(test.tenant, test.campaign_id, "test")
            return report(interim, None, test).model_copy(update={"earlier_decisions": earlier})
        applied = await self._applier.apply(interim, request, context.actor)
        if applied.test_ended:
            test, _ = await self._tests.load(context.user_id, request.test_id)
        return report(interim, applied, test)

    async def read(self, test: AbTest, campaign: Campaign, unit: Unit = "impressions") -> InterimAnalysis:
        """Analyse the test and record the look: bounds of a planned test and the anytime p count them all."""
        if campaign.state == "deleted":
            raise ConflictError("the test's campaign is deleted, and its figures with it", field="test_id")
        (seen,) = await self._insights.read([campaign], _LONGEST_DAYS, level=Level.ADSET)
        days = days_of(test, clock.now(), seen.zone)
        records = _records(seen, campaign, days)
        looks = await self._store.looks(test, unit)
        terms = terms_of(campaign)
        earlier = [look for look in looks if look.day < days.until]
        request = analysis_request(records, terms, unit, days, earlier)
        result = await self._evaluate(request, seen, terms)
        look = _look(result, unit, days)
        if look and await self._store.add_look(test, look):
            looks = [*looks, look]
        emit("ab_test_looks_total", verdict=result.analysis.verdict)
        return InterimAnalysis(
            test=test,
            terms=terms,
            campaign=campaign,
            account=seen.account,
            adsets={creative: adset for adset, creative in creatives_of(campaign).items()},
            budgets=_budgets(seen, campaign),
            records=records,
            days=days,
            result=result,
            looks=looks,
            randomised=split_of(campaign) is not None,
            warnings=seen.warnings,
            attribution=attribution_of(terms, seen),
        )

    async def _evaluate(
        self, request: AnalysisRequest, seen: CampaignInsights, terms: AbTestTerms
    ) -> AbTestReading:
        problem = AbTestProblem(
            request=request,
            today=seen.today,
            snapshots=seen.snapshots,
            attribution_window_days=attribution_of(terms, seen).days,
        )
        answer = await self._statistics.compute("analyze_ab_test", problem.model_dump(mode="json"))
        return AbTestReading.model_validate(answer)


def _records(seen: CampaignInsights, campaign: Campaign, days: AbTestDays) -> Records:
    """Return the records of the test's own days; an ad set that was deleted has none."""
    return {
        creative: [row for row in seen.days.get(tag, []) if days.since <= row.day <= days.until]
        for tag, creative in creatives_of(campaign).items()
    }


def _budgets(seen: CampaignInsights, campaign: Campaign) -> dict[str, Decimal | None]:
    """Return the daily budget of each ad set; None where the campaign has the budget."""
    live = {tag: seen.view.live(tag, "daily_budget") for tag in creatives_of(campaign)}
    return {tag: value if isinstance(value, Decimal) else None for tag, value in live.items()}


def _look(result: AbTestReading, unit: Unit, days: AbTestDays) -> TestLook | None:
    """Return the look to record; None before the first full day, when there is nothing to see."""
    if not days.any:
        return None
    analysis = result.analysis
    planned = analysis.group_sequential
    return TestLook(
        day=days.until,
        unit=unit,
        information=planned.look.information if planned else None,
        leader=leader_of(analysis),
        p_fixed=analysis.p_fixed,
        p_anytime=analysis.p_anytime,
        p_robust=analysis.p_anytime_robust,
        z=planned and planned.z,
        bound=planned and planned.bound,
        at=clock.now(),
    )
