"""The campaign as the module knows it, and the creation that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from campaign_automation.models.ab_tests import AbTestTerms
from campaign_automation.models.campaigns import AdCopy, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, Context, Level, Objective, Platform, Record
from campaign_automation.utils.clock import at_ms

State = Literal["creating", "planned", "created", "rolled_back", "needs_reconciliation", "deleted"]
FINAL: frozenset[str] = frozenset({"planned", "created", "rolled_back", "needs_reconciliation", "deleted"})
OPEN: frozenset[str] = frozenset({"creating", "needs_reconciliation"})  # a creation that has still to end
Stop = Literal["pause", "delete", "interrupted"]  # by its caller, or because its execution is over
# Children first, so that nothing spends until the whole tree is on.
_START_ORDER = (Level.AD, Level.ADSET, Level.CAMPAIGN)


class ObjectEntry(Record):
    """One platform object in the journal, written before it is sent.

    `sent` is the unknown outcome: the platform may have made it. `gone` was refused or removed.
    `status` and `daily_budget` are what we last saw there; None is as it was created. `scheduled_budget`
    is a budget that the platform takes over at the next midnight. An object that is `held` was paused on its
    own and is not started with its campaign. `parent` is the tag of an ad's ad set, `creative_id` the
    creative of an ad, `planned_budget` the budget that the object was created with, `planned_narrowing` what
    an ad set was narrowed by beside ages and countries, as "genders female, places 3847". `sent_at` is the
    time of the first attempt (epoch milliseconds); after one that was never answered the object is
    `unanswered`: the platform may still make it, and a second one beside it. `name` is that of its creation,
    by which it is found; since it may have been `renamed`. `request_id` is that of the platform for the
    request that made it, where it tells one.
    """

    level: Level
    tag: str
    name: str
    state: Literal["sent", "created", "gone"] = "sent"
    platform_id: str | None = None
    attempts: int = 1
    sent_at: int | None = None
    unanswered: bool = False
    status: str | None = None
    daily_budget: Decimal | None = None
    scheduled_budget: Decimal | None = None
    held: bool = False
    planned_budget: Decimal | None = None
    planned_narrowing: str | None = None
    parent: str | None = None
    creative_id: str | None = None
    renamed: str | None = None
    request_id: str | None = None


class OutboxEntry(Record):
    """One message of a campaign to the Web Platform.

    After too many `refusals` it is quarantined: an operator looks at its `error` and sends it again.
    `doubtful_since` (epoch milliseconds): it was sent then and not answered, so it may still be carried out,
    also after newer ones; at `confirm_at` what was told last is told once more. One that `is_superseded` was
    told, and a later one told the whole state: its arguments are gone, and after a while its row.
    """

    number: int
    tool: str
    arguments: dict[str, Any]
    sent: bool = False
    answer: dict[str, Any] = {}
    refusals: int = 0
    error: str | None = None
    is_quarantined: bool = False
    doubtful_since: int | None = None
    confirm_at: int | None = None
    is_superseded: bool = False

    @property
    def is_waiting(self) -> bool:
        return not self.sent and not self.is_quarantined

    def is_due(self, now: int) -> bool:
        """Return whether there is something to send at `now`: the message, or what confirms the state."""
        is_to_confirm = self.sent and self.confirm_at is not None and self.confirm_at <= now
        return self.is_waiting or is_to_confirm


class Resume(Record):
    """The end of a pause: at `at_ms` its objects are started again, unless somebody touched them since."""

    at_ms: int
    paused_ms: int
    run_id: str
    actor: str
    tags: list[str]


class Targets(Record):
    """The targets that somebody set after the creation or the import, in the place of those of then."""

    target_roas: Decimal | None = None
    target_cpa: Decimal | None = None


class _Stored(Record):
    """The fields that a creation and its campaign have in common. Times are epoch milliseconds."""

    tenant: str
    campaign_id: str
    state: State
    test: AbTestTerms | None = None
    revision: int = 0  # grows with every change of ours, so that a cached answer shows its age
    row_version: int | None = None  # of the row when all of the campaign was read; None of a part of it
    run_id: str | None = None  # the change that is being made, or whose process died
    due: int | None = None  # at which the reconciler visits it
    resume: Resume | None = None
    targets: Targets | None = None
    stop_requested: Stop | None = None  # nothing begun before is sent any more, but what lowers spend
    objects: dict[str, ObjectEntry] = {}
    outbox: list[OutboxEntry] = []

    def platform_id(self, tag: str) -> str | None:
        """Return the platform's id of an object that it is known to have."""
        entry = self.objects.get(tag)
        return entry.platform_id if entry and entry.state == "created" else None

    def made(self, level: Level) -> list[ObjectEntry]:
        """Return the objects of a level that the platform is known to have."""
        return [item for item in self.objects.values() if item.level is level and item.state == "created"]


class Campaign(_Stored):
    """A campaign on its platform: account, objects by tag, targets, state.

    `tag` is that of the campaign object itself; `ends_at` is the time at which the platform stops it. One
    that `is_adopted` was made elsewhere: its objects are those that its platform shows, their tags the
    platform's ids, and the tag of the campaign is our id. Google Ads does not tell when that was: its
    `created_at` is None.
    """

    platform: Platform
    account: AdAccount
    tag: str
    name: str
    objective: Objective
    target_roas: Decimal | None = None
    target_cpa: Decimal | None = None
    ends_at: datetime | None = None
    lacks_declaration: bool = False  # of special ad categories; until somebody declares, nothing is started
    is_adopted: bool = False
    created_at: int | None  # None where it is not known
    created_by: str  # the actor of the creation, as the audit trail names it

    @property
    def root(self) -> ObjectEntry:
        """The journal entry of the campaign object itself."""
        return self.objects[self.tag]

    @property
    def root_id(self) -> str:
        """The platform's id of the campaign."""
        return self.root.platform_id or ""

    def first_day(self, zone: ZoneInfo) -> date | None:
        """Return the day in `zone` on which the campaign was created, or None where it is not known.

        Earlier days have no figures.
        """
        return None if self.created_at is None else at_ms(self.created_at).astimezone(zone).date()

    def ads(self, adset_tag: str | None = None) -> list[ObjectEntry]:
        """Return the ads, of one ad set or of all."""
        return [
            entry
            for entry in self.objects.values()
            if entry.level is Level.AD and adset_tag in (None, entry.parent)
        ]

    def has_ad(self, tag: str, adset_tag: str | None = None) -> bool:
        """Return whether an object is an ad, of one ad set or of any."""
        entry = self.objects.get(tag)
        return entry is not None and entry.level is Level.AD and adset_tag in (None, entry.parent)

    def adset_of(self, tag: str) -> str | None:
        """Return the tag of the ad set that an object is or belongs to; None for the campaign itself."""
        entry = self.objects[tag]
        return tag if entry.level is Level.ADSET else entry.parent

    def with_parents(self, tag: str) -> list[str]:
        """Return the tags of an object and of its parents."""
        return list(dict.fromkeys(item for item in (tag, self.adset_of(tag), self.tag) if item))

    def start_order(self) -> Iterator[ObjectEntry]:
        """Yield the objects that start with the campaign, children first, without those paused alone."""
        for level in _START_ORDER:
            yield from (entry for entry in self.made(level) if not entry.held or level is Level.CAMPAIGN)


class Creation(_Stored):
    """The creation of a campaign from its request to its end state.

    `account` and `plan` are known once it is planned, creatives and copies once they are fetched and written.
    `audited`: the creates of all objects are in the trail. `recorded`: the tree is whole, read back and
    stored. `look_at` is when the platform is searched again for
    objects that were made late, after `looks` such searches; `undo_at` is when a throttling platform takes
    an undo again; at `due` the reconciler visits the campaign. It was asked for, or its proposal approved, at
    `asked_ms`, and opened at `created_at`.
    """

    spec: CreateCampaign
    context: Context
    claim: str | None = None
    duplicated_from: str | None = None  # our id of the campaign that it is a copy of
    account: AdAccount | None = None
    plan: CampaignPlan | None = None
    failure: dict[str, Any] | None = None
    warnings: list[str] = []
    drift: list[str] = []
    # Platform ids of second copies that a person was told of; with a ? of those that are yet to be paused.
    held_copies: list[str] = []
    activated: bool = False
    audited: bool = False
    recorded: bool = False
    looks: int = 0
    look_at: int | None = None
    undo_at: int | None = None
    asked_ms: int | None = None
    created_at: int
    updated_at: int
    creatives: dict[str, Creative] = {}
    copies: dict[str, AdCopy] = {}

    @property
    def began_ms(self) -> int:
        return self.created_at if self.asked_ms is None else self.asked_ms

    @property
    def is_open(self) -> bool:
        """Return whether the creation still has to end: as created, or with nothing left behind."""
        return self.state in OPEN

    @property
    def is_kept(self) -> bool:
        """Return whether the creation, stopped as it is, leaves a whole campaign that stays, paused."""
        # A refused split test is no part of it, and an undo that was begun left it no longer whole.
        parts = (entry for entry in self.objects.values() if entry.level is not Level.SPLIT)
        is_whole = self.recorded and all(entry.state == "created" for entry in parts)
        return is_whole and self.stop_requested in ("pause", "interrupted")

    def unanswered(self, level: Level) -> list[str]:
        """Return the names of the objects of a level that the platform may have made late or twice."""
        entries = (entry for entry in self.objects.values() if entry.level is level)
        return [entry.name for entry in entries if entry.unanswered or entry.state == "sent"]

    def planned(self) -> tuple[CampaignPlan, AdAccount]:
        """Return plan and account of a creation past its first step; RuntimeError before that."""
        if self.plan is None or self.account is None:
            raise RuntimeError(f"{self.campaign_id} is not planned yet")
        return self.plan, self.account

    def campaign(self) -> Campaign | None:
        """Return the campaign that it made; None while the platform is not known to have it."""
        if self.plan is None or self.account is None or self.platform_id(self.plan.tag) is None:
            return None
        plan, shared = self.plan, self.model_dump(include=set(_Stored.model_fields) - {"objects", "outbox"})
        return Campaign(
            **shared,
            created_at=self.created_at,
            objects=_with_plan(self.objects, plan),
            outbox=self.outbox,
            platform=self.spec.platform,
            account=self.account,
            tag=plan.tag,
            name=self.objects[plan.tag].renamed or plan.name,
            objective=self.spec.objective,
            target_roas=(self.targets or self.spec).target_roas,
            target_cpa=(self.targets or self.spec).target_cpa,
            ends_at=plan.ends_at,
            lacks_declaration=plan.lacks_declaration,
            created_by=self.context.actor,
        )


def _with_plan(objects: dict[str, ObjectEntry], plan: CampaignPlan) -> dict[str, ObjectEntry]:
    """Return the entries with the budgets, parents and creatives that only the plan holds, in its order."""
    budgets = {adset.tag: adset.daily_budget for adset in plan.adsets}
    # Where the campaign has the budget, it is the sum of its ad sets' shares.
    budgets[plan.tag] = sum(budgets.values(), Decimal(0))
    narrowings = {adset.tag: ", ".join(plan.narrowing(adset)) or None for adset in plan.adsets}
    ads = {ad.tag: ad for ad in plan.ads}
    # A stored creation has its objects by tag, which is a hash; the request's first creative is the control.
    order = {tag: place for place, tag in enumerate([*(item.tag for item in plan.adsets), *ads])}
    return {
        tag: entry.model_copy(
            update={
                "planned_budget": budgets.get(tag, entry.planned_budget),
                "planned_narrowing": narrowings.get(tag, entry.planned_narrowing),
                "parent": ads[tag].adset_tag if tag in ads else entry.parent,
                "creative_id": ads[tag].creative_id if tag in ads else entry.creative_id,
            }
        )
        for tag, entry in sorted(objects.items(), key=lambda item: order.get(item[0], len(order)))
    }
