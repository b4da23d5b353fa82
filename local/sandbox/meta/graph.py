"""The Graph API itself: callers, reads and writes."""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.sandbox.core.accounts import Binding
from local.sandbox.core.platform import SandboxPlatform
from local.sandbox.elsewhere.meta import build
from local.sandbox.elsewhere.plan import MadeElsewhere
from local.sandbox.meta import errors
from local.sandbox.meta.admin import PATCHED, default_seed, patch_token, refusal
from local.sandbox.meta.answers import additions
from local.sandbox.meta.answers.fields import parse_fields
from local.sandbox.meta.answers.insights import Query, insights
from local.sandbox.meta.answers.listing import page_size
from local.sandbox.meta.answers.render import ACCOUNT_EDGES, ACCOUNT_LISTS, NODE_EDGES, Reader, static_edge
from local.sandbox.meta.answers.status import CLOSED
from local.sandbox.meta.delivery import audience_key, deliver
from local.sandbox.meta.limits import UsageMeter
from local.sandbox.meta.objects import ads, adsets, campaigns, creatives, media, studies
from local.sandbox.meta.objects.adsets import starts_learning
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, Kind, MetaStore, Node, seeded_account
from local.sandbox.meta.tokens import PATH, debugged
from local.sandbox.seeds import META_APP_SECRET, META_SEEDS, MetaSeed

Files = Mapping[str, tuple[str, bytes]]


@dataclass
class GraphCall:
    """One call, alone or inside a batch; `path` has no version and no outer slashes."""

    method: str
    path: str
    params: Params
    files: Files = field(default_factory=dict)
    version: str | None = None

    @property
    def target(self) -> str:
        return self.path.split("/")[0]

    @property
    def edge(self) -> str:
        return self.path.partition("/")[2]


@dataclass
class GraphReply:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


class Graph(SandboxPlatform[MetaStore, Account, MetaSeed]):
    """All state of the Meta sandbox, and the calls that read and change it."""

    name = "meta"
    seeds = META_SEEDS
    patched = PATCHED
    extras = frozenset({"token_days", "token"})

    def new_store(self) -> MetaStore:
        self.usage = UsageMeter()
        return MetaStore()

    def own_id(self, account_id: str) -> str:
        return account_id.removeprefix("act_")

    def seeded_account(self, seed: MetaSeed, binding: Binding, now: datetime) -> Account:
        return seeded_account(seed, binding, now)

    def default_seed(self, number: int, account_id: str, user_id: int) -> MetaSeed:
        return default_seed(number, account_id, user_id)

    def patch_extras(self, account: Account, changes: Json) -> None:
        patch_token(account, changes, self.now())

    def deliver(self, start: datetime, end: datetime) -> None:
        deliver(self.store, self.world.seed, start, end)

    def audiences(self) -> Iterator[tuple[str, str]]:
        for node in self.store.nodes.values():
            if node.kind == "adset" and not node.gone:
                yield node.id, audience_key(node)

    def build_elsewhere(self, account: Account, plan: MadeElsewhere, made_at: datetime) -> str:
        return build(self.store, account, plan, made_at)

    def set_review(self, ad_id: str, changes: Json) -> Json:
        """{"outcome": "approved" or "disapproved", "policy"?, "text"?}: ends one ad's review at once."""
        return self.store.end_review(ad_id, changes, refusal(changes))

    def operation(self, call: GraphCall) -> str:
        """The name faults and the call log use for this call."""
        if not call.path:
            return "batch"
        if call.path == PATH:
            return PATH
        if call.edge == "ad_studies":
            return "create_study" if call.method == "POST" else "list_studies"
        if call.target.startswith("act_"):
            return _ACCOUNT_OPERATIONS.get((call.method, call.edge), "read_account")
        if call.edge == "insights":
            return "insights"
        if call.edge:
            return f"list_{'creatives' if call.edge == 'adcreatives' else call.edge}"
        node = self.store.nodes.get(call.target)
        return f"{_verb(call)}_{node.kind if node else 'object'}"

    def execute(self, call: GraphCall) -> GraphReply:
        """Answers one call; refusals become the documented error bodies."""
        account: Account | None = None
        try:
            if call.path == PATH:
                return GraphReply(200, debugged(self.world.accounts, call.params, self.now()))
            account, node = self._admitted(call)
            operation = self.operation(call)
            if not self.world.quotas.takes(
                self.name, account.id, self.now(), 1 if call.method == "GET" else 3
            ):
                raise errors.score_used_up()
            self.usage.count(account, self.now(), operation)
            body = self._answer(call, account, node)
            headers = self.usage.headers(account, self.now(), operation)
            return GraphReply(200, body, headers)
        except errors.GraphError as error:
            return self.refusal(error, account.locale if account else "en_US")

    def refusal(self, error: errors.GraphError, locale: str = "en_US") -> GraphReply:
        return GraphReply(error.status, error.body(self.trace_id(), locale), error.headers)

    def trace_id(self) -> str:
        return f"A{hashlib.sha256(str(self.next_answer()).encode()).hexdigest()[:22]}"

    # --- callers ---------------------------------------------------------------------------------------

    def authenticate(self, params: Params) -> set[str]:
        """Ids of the accounts that this token may see. Raises GraphError 104 or 190."""
        token = params.text("access_token")
        if not token:
            raise errors.missing_token()
        now, unknown, expired = self.now(), errors.unparsable_token, errors.expired_token
        visible = self.world.accounts.visible(self.name, token, now, unknown, expired)
        if "appsecret_proof" in params and not _proof_fits(token, params.text("appsecret_proof")):
            raise errors.bad_proof()
        return set(map(self.own_id, visible))

    def _admitted(self, call: GraphCall) -> tuple[Account, Node | None]:
        visible = self.authenticate(call.params)
        if call.target.startswith("act_"):
            return self._own_account(call, visible), None
        if call.edge == "ad_studies":
            return self._own_business(call, visible), None
        node = self.store.nodes.get(call.target)
        if node is None or node.account_id not in visible or self._is_hidden(node, call):
            if not call.target.isdigit():
                raise errors.unknown_path(call.path)
            raise errors.unsupported(call.method, call.target)
        return self.store.accounts[node.account_id], node

    def _is_hidden(self, node: Node, call: GraphCall) -> bool:
        hidden = self.world.hidden
        return self.store.root_of(node) in (hidden.campaigns if call.method == "GET" else hidden.closed)

    def _own_account(self, call: GraphCall, visible: set[str]) -> Account:
        account = self.store.accounts.get(call.target.removeprefix("act_"))
        if account is None:
            raise errors.unsupported(call.method, call.target)
        if account.id not in visible:
            raise errors.no_permission()
        if call.method != "GET" and account.account_status in CLOSED:
            raise errors.disabled_account()
        return account

    def _own_business(self, call: GraphCall, visible: set[str]) -> Account:
        """The account of this business that the token may see."""
        for account in self.store.accounts.values():
            if account.id in visible and account.has_business and account.business_id == call.target:
                return account
        raise errors.unsupported(call.method, call.target)

    # --- reads -----------------------------------------------------------------------------------------

    def _answer(self, call: GraphCall, account: Account, node: Node | None) -> Json:
        if call.edge == "ad_studies":
            return self._studies(call, account)
        if call.edge == "insights":
            return self._insights(call, account, node)
        if call.method == "GET":
            return self._read(call, account, node)
        if node is None:
            return self._create(call, account)
        if call.edge:
            raise errors.unsupported(call.method, call.path)
        if call.method == "DELETE":
            return self._delete(node)
        return self._update(call, account, node)

    def _reader(self, call: GraphCall) -> Reader:
        on = additions.are_on(call.version, self.now())
        return Reader(self.store, self.now(), on, self.world.unkind)

    def _read(self, call: GraphCall, account: Account, node: Node | None) -> Json:
        fields = parse_fields(call.params.text("fields"))
        if not call.edge:
            reader = self._reader(call)
            return reader.node(node, fields) if node else reader.account(account, fields)
        if node is None and call.edge in ACCOUNT_LISTS:
            return static_edge(ACCOUNT_LISTS[call.edge](account), fields)
        listed = [item for item in self._listed(call, account, node) if not self._is_hidden(item, call)]
        return self._reader(call).edge(listed, fields, call.params.values, call.path)

    def _listed(self, call: GraphCall, account: Account, node: Node | None) -> list[Node]:
        if node is None and call.edge in ACCOUNT_EDGES:
            return self.store.of_kind(account.id, ACCOUNT_EDGES[call.edge])
        if node and (node.kind, call.edge) in NODE_EDGES:
            return self.store.children(node, NODE_EDGES[node.kind, call.edge])
        if node and node.kind == "ad" and call.edge == "adcreatives":
            return [self.store.nodes[node.data["creative_id"]]]
        raise errors.unknown_path(call.edge)

    def _studies(self, call: GraphCall, account: Account) -> Json:
        """Those of a business; the ad account only shows its own."""
        if call.method == "GET":
            fields, found = parse_fields(call.params.text("fields")), self.store.of_kind(account.id, "study")
            return self._reader(call).edge(found, fields, call.params.values, call.path)
        if call.method != "POST" or call.target.startswith("act_"):
            raise errors.unsupported(call.method, call.path)
        now = self.now()
        data = studies.new_study(self.store, account, call.params, now)
        return {"id": self.store.add("study", account, data, now).id}

    def _insights(self, call: GraphCall, account: Account, node: Node | None) -> Json:
        now, params = self.now(), call.params
        if call.method == "POST":
            data = {"params": dict(params.values), "of": node.id if node else None}
            return {"report_run_id": self.store.add("report", account, data, now).id}
        if node and node.kind == "report":
            params = Params(node.data["params"] | params.values)
            node = self.store.nodes.get(node.data["of"] or "")
        if node and node.kind not in ("campaign", "adset", "ad"):
            raise errors.unknown_path(call.edge)
        if self.world.unkind.is_on:
            size = self.world.unkind.page_size(page_size(params.values), of_figures=True)
            params = Params(params.values | {"limit": str(size)})
        today = now.astimezone(account.zone).date()
        return insights(Query(self.store, account, node, params, today), call.path, self.world.unkind.overlap)

    # --- writes ----------------------------------------------------------------------------------------

    def _create(self, call: GraphCall, account: Account) -> Json:
        if call.edge == "adimages" and call.method == "DELETE":
            return media.remove_image(self.store, account, call.params)
        if call.edge == "adimages":
            now = self.now()
            return media.upload_images(self.store, account, call.params, call.files, now)
        kind = ACCOUNT_EDGES.get(call.edge)
        if call.method != "POST" or kind is None:
            raise errors.unsupported(call.method, call.path)
        if kind == "video":
            return {"id": self._new_video(call, account).id}
        data, status = self._checked(kind, account, call.params)
        if call.params.validate_only:
            return {"success": True}
        return self._born(kind, account, data, status, call.params)

    def _checked(self, kind: Kind, account: Account, params: Params) -> tuple[Json, str]:
        if kind == "campaign":
            return campaigns.new_campaign(account, params)
        if kind == "adset":
            return adsets.new_adset(self.store, account, params)
        if kind == "ad":
            return ads.new_ad(self.store, account, params)
        return creatives.new_creative(self.store, account, params), "ACTIVE"

    def _born(self, kind: Kind, account: Account, data: Json, status: str, params: Params) -> Json:
        node = self.store.add(kind, account, data, self.now(), status)
        self._submit([node])
        fields = parse_fields(params.text("fields"))
        return Reader(self.store, self.now()).node(node, fields)

    def _new_video(self, call: GraphCall, account: Account) -> Node:
        now = self.now()
        return media.upload_video(self.store, account, call.params, call.files, now)

    def _update(self, call: GraphCall, account: Account, node: Node) -> Json:
        params = Params({name: value for name, value in call.params.values.items() if name != "status"})
        if node.gone:
            raise errors.invalid(
                None, "Object Deleted", f"{node.id} is {node.status} and can't be changed.", "status"
            )
        status = call.params.choice("status", _NEXT_STATUSES) if "status" in call.params else node.status
        changes = self._changed(node, account, params)
        if not params.validate_only:
            self._apply(node, changes, status)
        return {"success": True}

    def _changed(self, node: Node, account: Account, params: Params) -> Json:
        changers: dict[str, Callable[[], Json]] = {
            "campaign": lambda: campaigns.changed_campaign(self.store, account, node, params),
            "adset": lambda: adsets.changed_adset(self.store, account, node, params),
            "ad": lambda: ads.changed_ad(self.store, account, params),
            "creative": lambda: creatives.changed_creative(params),
            "study": lambda: studies.changed_study(node, params),
        }
        if node.kind not in changers:
            raise errors.unsupported("post", node.id)
        return changers[node.kind]()

    def _apply(self, node: Node, changes: Json, status: str) -> None:
        is_started = status == "ACTIVE" and node.status != "ACTIVE"
        if is_started or starts_learning(node, changes):
            node.edited = self.now()
        node.data |= changes
        node.updated = self.now()
        if status in ("DELETED", "ARCHIVED"):
            self._bury(node, status)
        else:
            node.status = status
        if "creative_id" in changes:
            self._submit([node])
        if "targeting" in changes:
            self._submit(self.store.children(node, "ad"))

    def _submit(self, nodes: list[Node]) -> None:
        """Sends ads into review; the verdict is known to the platform, not yet to the advertiser."""
        for node in nodes:
            if node.kind == "ad" and not node.gone:
                node.submitted = self.now()
                node.refusal = ads.review_verdict(self.store, node)

    def _delete(self, node: Node) -> Json:
        self._bury(node, "DELETED")
        return {"success": True}

    def _bury(self, node: Node, status: str) -> None:
        """A deleted or archived object takes everything below it along."""
        for member in self.store.tree(node):
            if member.status != "DELETED":
                member.status = status
                member.updated = self.now()


_NEXT_STATUSES = ("ACTIVE", "PAUSED", "DELETED", "ARCHIVED")
_ACCOUNT_OPERATIONS = {
    ("POST", "campaigns"): "create_campaign",
    ("POST", "adsets"): "create_adset",
    ("POST", "ads"): "create_ad",
    ("POST", "adcreatives"): "create_creative",
    ("POST", "adimages"): "upload_image",
    ("POST", "advideos"): "upload_video",
    ("GET", "campaigns"): "list_campaigns",
    ("GET", "adsets"): "list_adsets",
    ("GET", "ads"): "list_ads",
    ("GET", "adcreatives"): "list_creatives",
    ("GET", "adimages"): "list_images",
    ("GET", "advideos"): "list_videos",
    ("GET", "insights"): "insights",
    ("POST", "insights"): "insights",
}


def _verb(call: GraphCall) -> str:
    if call.method == "DELETE" or call.params.text("status") == "DELETED":
        return "delete"
    return "read" if call.method == "GET" else "update"


def _proof_fits(token: str, proof: str) -> bool:
    expected = hmac.new(META_APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, proof)
