"""The Business API itself: its routes, its callers and its state."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from local.sandbox.core.accounts import Binding
from local.sandbox.core.platform import SandboxPlatform
from local.sandbox.core.store import Json
from local.sandbox.elsewhere.plan import MadeElsewhere
from local.sandbox.elsewhere.tiktok import build
from local.sandbox.seeds import TIKTOK_SEEDS, TikTokSeed
from local.sandbox.tiktok import creates, errors, reads, updates
from local.sandbox.tiktok.admin import PATCHED, default_seed, refusal
from local.sandbox.tiktok.answers.status import CLOSED
from local.sandbox.tiktok.context import Call, Context
from local.sandbox.tiktok.delivery import apply_due_budgets, audience_key, deliver
from local.sandbox.tiktok.limits import RateMeter
from local.sandbox.tiktok.store import Account, TikTokStore, seeded_account

OURS = {"campaign": "campaign", "adgroup": "adset", "ad": "ad"}


class TikTok(SandboxPlatform[TikTokStore, Account, TikTokSeed]):
    """All state of the TikTok sandbox, and the calls that read and change it."""

    name = "tiktok"
    seeds = TIKTOK_SEEDS
    patched = PATCHED

    def new_store(self) -> TikTokStore:
        self.rate = RateMeter()
        return TikTokStore()

    def seeded_account(self, seed: TikTokSeed, binding: Binding, now: datetime) -> Account:
        return seeded_account(seed, binding, now)

    def default_seed(self, number: int, account_id: str, user_id: int) -> TikTokSeed:
        return default_seed(number, account_id, user_id)

    def deliver(self, start: datetime, end: datetime) -> None:
        deliver(self.store, self.world.seed, start, end)

    def audiences(self) -> Iterator[tuple[str, str]]:
        for node in self.store.nodes.values():
            if node.kind == "adgroup" and not node.gone:
                yield node.id, audience_key(node)

    def build_elsewhere(self, account: Account, plan: MadeElsewhere, made_at: datetime) -> str:
        return build(self.store, account, plan, made_at)

    def advance(self, now: datetime) -> None:
        super().advance(now)
        apply_due_budgets(self.store, now)

    def set_review(self, ad_id: str, changes: Json) -> Json:
        """{"outcome": "approved" or "disapproved", "text"?}: ends one ad's review at once."""
        return self.store.end_review(ad_id, changes, refusal(changes))

    def operation(self, call: Call) -> str:
        """The name that faults and the call log use for this call."""
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
        now = self.now()
        if not self.world.quotas.takes(self.name, "app", now):
            raise errors.too_many_calls_a_second()
        self.rate.count(account, now)
        handler = _ROUTES.get((call.method, call.path)) or _LEVEL_ROUTES.get((call.method, _verb_of(call)))
        if handler is None:
            raise errors.unknown_path(call.path)
        if call.method == "POST" and account.status in CLOSED:
            raise errors.closed_account()
        if call.family == "smart_plus" and not account.smart_plus_allowed:
            raise errors.not_allowlisted()
        world = self.world
        context = Context(
            self.store, account, call.params, call.family, call.files, now, world.unkind, world.hidden
        )
        return handler(context, call.plain_path.partition("/")[0])

    def _admitted(self, call: Call) -> Account:
        if not call.token:
            raise errors.empty_token()
        now, unknown, expired = self.now(), errors.bad_token, errors.expired_token
        visible = self.world.accounts.visible(self.name, call.token, now, unknown, expired)
        asked = call.params.text("advertiser_id")
        if not asked and call.plain_path == "advertiser/info":
            asked = str((call.params.listed("advertiser_ids") or [""])[0])
        if not asked:
            raise errors.missing("advertiser_id")
        if asked not in visible:
            raise errors.no_permission(asked)
        return self.store.accounts[asked]


Handler = Callable[[Context, str], Any]

_ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "advertiser/info"): reads.advertiser,
    ("GET", "identity/get"): reads.identities,
    ("GET", "pixel/list"): reads.pixels,
    ("GET", "report/integrated/get"): reads.daily_report,
    ("GET", "ad/review_info"): reads.reviews,
    ("GET", "file/video/ad/info"): reads.video_info,
    ("POST", "file/image/ad/upload"): creates.upload_image,
    ("POST", "file/video/ad/upload"): creates.upload_video,
    ("POST", "campaign/update"): updates.update,
    ("POST", "smart_plus/campaign/update"): updates.update,
    ("POST", "adgroup/update"): updates.update,
    ("POST", "smart_plus/adgroup/update"): updates.update,
    ("POST", "ad/update"): updates.update_ads,
    ("POST", "adgroup/budget/update"): updates.set_budgets,
    ("POST", "split_test/create"): updates.create_split,
    ("POST", "split_test/end"): updates.stop_split,
    ("GET", "split_test/result/get"): reads.split_result,
    ("POST", "smart_plus/adgroup/budget/update"): updates.set_budgets,
}
# The same for campaigns, ad groups and ads of both families.
_LEVEL_ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "get"): reads.list_objects,
    ("POST", "create"): creates.create,
    ("POST", "status/update"): updates.set_status,
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
