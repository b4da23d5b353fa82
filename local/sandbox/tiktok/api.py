"""The Business API itself: who calls, what is asked, what happens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from local.sandbox.core.clock import whole_hour
from local.sandbox.core.records import DayRecord, Level
from local.sandbox.core.world import World
from local.sandbox.seeds import TIKTOK_SEEDS, TikTokSeed, bind_tiktok_account
from local.sandbox.tiktok import errors, media
from local.sandbox.tiktok.adgroups import changed_adgroup, new_adgroup
from local.sandbox.tiktok.admin import default_seed, patch, set_review
from local.sandbox.tiktok.ads import new_ads, new_smart_plus_ad, review_verdict
from local.sandbox.tiktok.campaigns import (
    BIRTH_STATUSES,
    TOTAL,
    changed_campaign,
    new_campaign,
    refuse_under_spend,
)
from local.sandbox.tiktok.delivery import apply_due_budget, deliver
from local.sandbox.tiktok.errors import Json
from local.sandbox.tiktok.limits import RateMeter
from local.sandbox.tiktok.listing import listing, paged
from local.sandbox.tiktok.money import read_budget
from local.sandbox.tiktok.names import read_name, read_text
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.render import shown
from local.sandbox.tiktok.reports import report
from local.sandbox.tiktok.splits import end_split, new_split, own_split
from local.sandbox.tiktok.status import CLOSED
from local.sandbox.tiktok.store import Account, Family, Kind, Node, TikTokStore, seeded_account

REPLAY_WINDOW = timedelta(seconds=10)
MAX_STATUS_IDS, MAX_BUDGETS, MAX_REVIEWS = 20, 20, 100
STATUSES = ("ENABLE", "DISABLE", "DELETE")
OURS = {"campaign": "campaign", "adgroup": "adset", "ad": "ad"}


@dataclass
class Call:
    """One call; `path` has no version and no outer slashes."""

    method: str
    path: str
    token: str
    params: Params
    files: media.Files
    problem: errors.TikTokError | None = None

    @property
    def family(self) -> Family:
        return "smart_plus" if self.path.startswith("smart_plus/") else "manual"

    @property
    def plain_path(self) -> str:
        return self.path.removeprefix("smart_plus/")


class Context(NamedTuple):
    """A call that was let in."""

    account: Account
    params: Params
    family: Family
    files: media.Files
    now: datetime


class TikTok:
    """All state of the TikTok sandbox, and the calls that read and change it."""

    name = "tiktok"

    def __init__(self, world: World) -> None:
        self.world = world
        self._traces = 0
        self.reset()

    def reset(self) -> None:
        self.store = TikTokStore()
        self.rate = RateMeter()
        self._replays: dict[tuple[str, str, str], tuple[Node, datetime]] = {}
        now = self.world.clock.now()
        self._delivered_until = whole_hour(now)
        for seed in TIKTOK_SEEDS:
            self.add_account(seed, now)

    def state(self) -> Json:
        return self.store.state()

    def advance(self, now: datetime) -> None:
        until = whole_hour(now)
        deliver(self.store, self.world.seed, self._delivered_until, until)
        self._delivered_until = until
        self._apply_due_budgets(now)

    def records(self, user_id: int, level: Level, object_id: str) -> list[DayRecord]:
        now = self.world.clock.now()
        return [
            record.known(now.astimezone(account.zone).date())
            for record in self.store.records.values()
            if record.id_at(level) == object_id
            and (account := self.store.accounts[record.account_id]).binding.user_id == user_id
        ]

    def patch_account(self, account_id: str, changes: Json) -> Json:
        """Changes an account, or creates it when `user_id` is given. Raises LookupError, ValueError."""
        now = self.world.clock.now()
        account = self.store.accounts.get(account_id)
        if account is None:
            if "user_id" not in changes:
                raise LookupError(f"no account {account_id}; give user_id to create it")
            seed = default_seed(self.world.accounts.next_number(), account_id, int(changes["user_id"]))
            account = self.add_account(seed, now)
        patch(account, changes, now)
        return {"id": account_id, "ad_account_id": account.binding.number}

    def set_review(self, ad_id: str, changes: Json) -> Json:
        """Ends the review of one ad. Raises LookupError, ValueError."""
        return set_review(self.store, ad_id, changes)

    def add_account(self, seed: TikTokSeed, now: datetime) -> Account:
        binding = bind_tiktok_account(self.world.accounts, seed, now)
        account = seeded_account(seed, binding, now)
        self.store.accounts[account.id] = account
        return account

    def next_trace(self) -> int:
        self._traces += 1
        return self._traces

    def operation(self, call: Call) -> str:
        """The name faults and the call log use for this call."""
        if call.plain_path in _OPERATIONS:
            return _OPERATIONS[call.plain_path]
        noun, _, verb = call.plain_path.partition("/")
        ours = OURS.get(noun, noun)
        if verb == "get":
            has_ids = f"{noun}_ids" in str(call.params.values.get("filtering"))
            return f"read_{ours}" if noun == "campaign" and has_ids else f"list_{ours}s"
        is_delete = call.params.values.get("operation_status") == "DELETE" and verb == "status/update"
        return f"{'delete' if is_delete else 'create' if verb == 'create' else 'update'}_{ours}"

    def execute(self, call: Call) -> Any:
        """The `data` of the answer. Raises TikTokError."""
        if call.problem:
            raise call.problem
        account = self._admitted(call)
        self.rate.count(account, self.world.clock.now())
        handler = _ROUTES.get((call.method, call.path)) or _LEVEL_ROUTES.get((call.method, _verb_of(call)))
        if handler is None:
            raise errors.unknown_path(call.path)
        if call.method == "POST" and account.status in CLOSED:
            raise errors.closed_account()
        if call.family == "smart_plus" and not account.smart_plus_allowed:
            raise errors.not_allowlisted()
        context = Context(account, call.params, call.family, call.files, self.world.clock.now())
        return handler(self, context, call.plain_path.partition("/")[0])

    # Who may call

    def _admitted(self, call: Call) -> Account:
        if not call.token:
            raise errors.empty_token()
        bindings = self.world.accounts.by_token(self.name, call.token)
        if not bindings:
            raise errors.bad_token()
        if any(binding.expired(self.world.clock.now()) for binding in bindings):
            raise errors.expired_token()
        asked = call.params.text("advertiser_id")
        if not asked and call.plain_path == "advertiser/info":
            asked = str((call.params.listed("advertiser_ids") or [""])[0])
        if not asked:
            raise errors.missing("advertiser_id")
        if asked not in {binding.platform_account_id for binding in bindings}:
            raise errors.no_permission(asked)
        return self.store.accounts[asked]

    def _own(self, context: Context, kind: Kind, object_id: str, *, alive: bool = True) -> Node:
        """The node, of the family that this endpoint serves. Raises TikTokError."""
        node = self.store.own(context.account, kind, object_id)
        if node is None or (node.family != context.family and context.family == "smart_plus"):
            raise errors.not_found(kind, object_id)
        if node.family != context.family:
            raise errors.wrong("This endpoint does not support Upgraded Smart Plus ads.")
        if alive and node.gone:
            raise errors.deleted(node.noun, object_id)
        return node

    # What is asked

    def _advertiser(self, context: Context, _: str) -> Json:
        account = context.account
        whole = {
            "advertiser_id": account.id,
            "name": account.binding.account_name,
            "currency": account.currency,
            "display_timezone": account.display_timezone,
            "timezone": account.display_timezone,
            "status": account.status,
            "balance": account.balance,
        }
        asked = context.params.listed("fields") or list(whole)
        return {"list": [{name: whole[name] for name in whole if name in asked}]}

    def _identities(self, context: Context, _: str) -> Json:
        page = paged(context.account.identities, context.params)
        return {"identity_list": page["list"], "page_info": page["page_info"]}

    def _pixels(self, context: Context, _: str) -> Json:
        page = paged(context.account.pixels, context.params)
        return {"pixels": page["list"], "page_info": page["page_info"]}

    def _list(self, context: Context, noun: str) -> Json:
        self._apply_due_budgets(context.now)
        listed = Params({k: v for k, v in context.params.values.items() if k != "advertiser_id"})
        return listing(self.store, context.account, _kind(noun), context.family, listed, context.now)

    def _report(self, context: Context, _: str) -> Json:
        today = context.now.astimezone(context.account.zone).date()
        return report(self.store, context.account, context.params, today)

    def _reviews(self, context: Context, _: str) -> Json:
        found = [self._own(context, "ad", ad_id) for ad_id in context.params.ids("ad_ids", MAX_REVIEWS)]
        return {"ad_review_map": {ad.id: self._review(ad, context.now) for ad in found}}

    def _review(self, ad: Node, now: datetime) -> Json:
        if now < ad.review_ends():
            return {"is_approved": False, "review_status": "PENDING", "reject_info": []}
        refused = [{**ad.refusal, "content_info": {"content_type": "AD_TEXT"}}] if ad.refusal else []
        status = "UNAVAILABLE" if refused else "ALL_AVAILABLE"
        return {"is_approved": not refused, "review_status": status, "reject_info": refused}

    def _video_info(self, context: Context, _: str) -> Json:
        return media.video_info(self.store, context.account, context.params)

    # What happens

    def _upload_image(self, context: Context, _: str) -> Json:
        return media.upload_image(self.store, context.account, context.params, context.files, context.now)

    def _upload_video(self, context: Context, _: str) -> list[Json]:
        return media.upload_video(self.store, context.account, context.params, context.files, context.now)

    def _create(self, context: Context, noun: str) -> Json:
        makers: dict[str, Callable[[Context], Json]] = {
            "campaign": self._new_campaign,
            "adgroup": self._new_adgroup,
            "ad": self._new_ads,
        }
        return makers[noun](context)

    def _new_campaign(self, context: Context) -> Json:
        def make() -> Json:
            return new_campaign(context.account, context.params, context.family, context.now)

        return self._made_once(context, "campaign", make, [])

    def _new_adgroup(self, context: Context) -> Json:
        campaign = self._own(context, "campaign", context.params.required("campaign_id"))

        def make() -> Json:
            return new_adgroup(
                self.store, context.account, campaign, context.params, context.family, context.now
            )

        return self._made_once(context, "adgroup", make, self.store.children(campaign, "adgroup"))

    def _made_once(
        self, context: Context, kind: Kind, make: Callable[[], Json], siblings: list[Node]
    ) -> Json:
        """A request id that comes again within the window answers the object it made. Without one, a name
        may not come again."""
        request_id = _request_id(context.params)
        key = (context.account.id, kind, request_id)
        before = self._replays.get(key)
        if request_id and before and context.now - before[1] < REPLAY_WINDOW:
            return shown(self.store, before[0], context.now)
        data = make()
        if not request_id:
            self._refuse_same_name(context, kind, data, siblings)
        node = self._born(context, kind, data, context.params)
        self._replays[key] = (node, context.now)
        return shown(self.store, node, context.now)

    def _refuse_same_name(self, context: Context, kind: Kind, data: Json, siblings: list[Node]) -> None:
        others = siblings if kind == "adgroup" else self.store.of_kind(context.account.id, kind)
        field = f"{kind}_name"
        if any(not node.gone and node.data[field] == data[field] for node in others):
            raise errors.duplicate_name("ad group" if kind == "adgroup" else kind)

    def _new_ads(self, context: Context) -> Json:
        adgroup = self._own(context, "adgroup", context.params.required("adgroup_id"))
        if context.family == "smart_plus":
            data = new_smart_plus_ad(self.store, context.account, adgroup, context.params)
            return shown(self.store, self._born(context, "ad", data, context.params), context.now)
        checked = new_ads(self.store, context.account, adgroup, context.params)
        sent = context.params.entries("creatives", 1, len(checked))
        ads = [self._born(context, "ad", data, one) for data, one in zip(checked, sent, strict=True)]
        shown_ads = [shown(self.store, ad, context.now) for ad in ads]
        return {"ad_ids": [ad.id for ad in ads], "need_audit": True, "creatives": shown_ads}

    def _born(self, context: Context, kind: Kind, data: Json, params: Params) -> Node:
        status = params.choice("operation_status", BIRTH_STATUSES, "ENABLE")
        node = self.store.add(kind, context.account, data, context.now, status, context.family)
        self._submit(node, context.now)
        return node

    def _submit(self, node: Node, now: datetime) -> None:
        """Sends an ad into review; the verdict is known to the platform, not yet to the advertiser."""
        if node.kind == "ad":
            node.submitted = now
            node.refusal = review_verdict(node)

    def _update(self, context: Context, noun: str) -> Json:
        kind = _kind(noun)
        node = self._own(context, kind, context.params.required(f"{noun}_id"))
        spent = self._spent(node, context)
        if kind == "campaign":
            changes = changed_campaign(context.account, node, context.params, spent)
        else:
            campaign = self.store.nodes[node.data["campaign_id"]]
            changes = changed_adgroup(context.account, campaign, node, context.params, spent)
        if not changes:
            raise errors.nothing_to_update()
        self._apply(node, changes, context.now)
        return shown(self.store, node, context.now)

    def _spent(self, node: Node, context: Context) -> float:
        """Of the budget's period: the day for a daily one, else all of it."""
        level: Level = "campaign" if node.kind == "campaign" else "adset"
        today = context.now.astimezone(context.account.zone).date()
        is_total = node.data["budget_mode"] == TOTAL
        records = [record for record in self.store.records.values() if record.id_at(level) == node.id]
        return float(sum(record.spend for record in records if is_total or record.day == today))

    def _update_ads(self, context: Context, _: str) -> Json:
        """Name and text of ads; new text goes into review again."""
        context.params.only({"adgroup_id", "patch_update", "creatives"})
        if not context.params.boolean("patch_update", False):
            raise errors.wrong("patch_update: The sandbox changes single fields only.")
        ads = []
        for entry in context.params.entries("creatives", 1, MAX_STATUS_IDS):
            entry.only({"ad_id", "ad_name", "ad_text"})
            ad = self._own(context, "ad", entry.required("ad_id"))
            changes: Json = {"ad_name": read_name(entry, "ad_name")} if "ad_name" in entry else {}
            if "ad_text" in entry:
                changes |= {"ad_text": read_text(entry, "ad_text"), "edited": True}
            self._apply(ad, changes, context.now)
            if "edited" in changes:
                self._submit(ad, context.now)
            ads.append(ad)
        return {"ad_ids": [ad.id for ad in ads], "need_audit": True}

    def _apply(self, node: Node, changes: Json, now: datetime) -> None:
        node.data |= changes
        node.updated = now

    def _set_status(self, context: Context, noun: str) -> Json:
        kind = _kind(noun)
        field = f"{'smart_plus_ad' if (noun, context.family) == ('ad', 'smart_plus') else noun}_ids"
        context.params.only({field, "operation_status"})
        status = context.params.choice("operation_status", STATUSES)
        ids = context.params.ids(field, MAX_STATUS_IDS)
        nodes = [self._own(context, kind, object_id) for object_id in ids]
        for node in nodes:
            self._change_status(node, status, context.now)
        return {field: ids, "status": status}

    def _change_status(self, node: Node, status: str, now: datetime) -> None:
        """A deleted object takes everything below it along."""
        for member in self.store.tree(node) if status == "DELETE" else [node]:
            if not member.gone:
                member.operation_status = status
                member.updated = now

    def _set_budgets(self, context: Context, _: str) -> Json:
        """Lifetime budgets and those of Smart+ at once, daily ones from the next account day on."""
        context.params.only({"budget", "scheduled_budget"})
        wishes: list[tuple[Node, str, Decimal]] = []
        today = context.now.astimezone(context.account.zone).date()
        for name in ("budget", "scheduled_budget"):
            for entry in context.params.entries(name, 0, MAX_BUDGETS):
                node = self._own(context, "adgroup", entry.required("adgroup_id"))
                self._refuse_for_list(node, name)
                amount = read_budget(entry, context.account, "adgroup", name)
                wishes.append((node, name, amount))
                if name == "budget":
                    refuse_under_spend(float(amount), self._spent(node, context))
        for node, name, amount in wishes:
            if name == "scheduled_budget":
                node.next_budget = (today + timedelta(days=1), amount)
            else:
                self._apply(node, {"budget": float(amount)}, context.now)
        return {}

    def _refuse_for_list(self, node: Node, name: str) -> None:
        if self.store.nodes[node.data["campaign_id"]].data["budget_optimize_on"]:
            raise errors.wrong(f"{name}: The campaign's budget is optimized.")
        is_daily = node.data["budget_mode"] != TOTAL
        if name == "budget" and node.family == "manual" and is_daily:
            raise errors.wrong("budget: A daily budget is changed by scheduled_budget.")
        if name == "scheduled_budget" and not is_daily:
            raise errors.wrong("scheduled_budget: A lifetime budget is changed by budget.")

    def _new_split(self, context: Context, _: str) -> Json:
        split = new_split(self.store, context.account, context.params, context.now)
        return {"split_test_group_id": split.id}

    def _end_split(self, context: Context, _: str) -> Json:
        end_split(self.store, context.account, context.params, context.now)
        return {}

    def _split_result(self, context: Context, _: str) -> Json:
        split = own_split(self.store, context.account, context.params)
        return {"split_test_status": split.status(context.now), "object_ids": split.adgroup_ids}

    def _apply_due_budgets(self, now: datetime) -> None:
        for node in self.store.nodes.values():
            if node.next_budget is not None:
                zone = self.store.accounts[node.account_id].zone
                apply_due_budget(node, now.astimezone(zone).date())


Handler = Callable[[TikTok, Context, str], Any]

_ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "advertiser/info"): TikTok._advertiser,
    ("GET", "identity/get"): TikTok._identities,
    ("GET", "pixel/list"): TikTok._pixels,
    ("GET", "report/integrated/get"): TikTok._report,
    ("GET", "ad/review_info"): TikTok._reviews,
    ("GET", "file/video/ad/info"): TikTok._video_info,
    ("POST", "file/image/ad/upload"): TikTok._upload_image,
    ("POST", "file/video/ad/upload"): TikTok._upload_video,
    ("POST", "campaign/update"): TikTok._update,
    ("POST", "smart_plus/campaign/update"): TikTok._update,
    ("POST", "adgroup/update"): TikTok._update,
    ("POST", "smart_plus/adgroup/update"): TikTok._update,
    ("POST", "ad/update"): TikTok._update_ads,
    ("POST", "adgroup/budget/update"): TikTok._set_budgets,
    ("POST", "split_test/create"): TikTok._new_split,
    ("POST", "split_test/end"): TikTok._end_split,
    ("GET", "split_test/result/get"): TikTok._split_result,
    ("POST", "smart_plus/adgroup/budget/update"): TikTok._set_budgets,
}
# The same for campaigns, ad groups and ads of both families.
_LEVEL_ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "get"): TikTok._list,
    ("POST", "create"): TikTok._create,
    ("POST", "status/update"): TikTok._set_status,
}
_OPERATIONS = {
    "advertiser/info": "read_account",
    "identity/get": "read_identity",
    "pixel/list": "read_pixels",
    "report/integrated/get": "insights",
    "ad/review_info": "read_review",
    "split_test/create": "create_split",
    "split_test/end": "end_split",
    "split_test/result/get": "read_split",
    "file/video/ad/info": "read_video",
    "file/image/ad/upload": "upload_image",
    "file/video/ad/upload": "upload_video",
}


def _verb_of(call: Call) -> str:
    noun, _, verb = call.plain_path.partition("/")
    return verb if noun in OURS else ""


def _kind(noun: str) -> Kind:
    kinds: dict[str, Kind] = {"campaign": "campaign", "adgroup": "adgroup", "ad": "ad"}
    return kinds[noun]


def _request_id(params: Params) -> str:
    """A positive 64-bit integer as text; empty when absent."""
    text = params.text("request_id")
    if text and not (text.isdigit() and 0 < int(text) < 2**63):
        raise errors.wrong("request_id: Must be a 64-bit integer as a string.")
    return text
