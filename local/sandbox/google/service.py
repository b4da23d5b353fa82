"""Google Ads in the sandbox: callers, mutates and searches."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from local.sandbox.core.accounts import Binding
from local.sandbox.core.platform import SandboxPlatform
from local.sandbox.core.reviews import LONG_AGO, is_refused
from local.sandbox.elsewhere.google import build
from local.sandbox.elsewhere.plan import MadeElsewhere
from local.sandbox.google import by_hand, gaql
from local.sandbox.google.delivery import audience_key, deliver
from local.sandbox.google.errors import AdsError, Refusal, day_used_up, expired_token, not_found, required
from local.sandbox.google.foreign import foreign_rows, without_optional
from local.sandbox.google.messages import KINDS, Message, enum_name, set_enum
from local.sandbox.google.mutate import mutate, target_of
from local.sandbox.google.search import Search
from local.sandbox.google.store import Account, Json, Review, Store, is_removed, seeded_account
from local.sandbox.seeds import GOOGLE_SEEDS, GoogleSeed

PAGE_ROWS = 10_000
_LEVEL_OF_KIND = {
    "campaign_budget": "campaign",
    "campaign": "campaign",
    "campaign_criterion": "campaign",
    "ad_group": "adset",
    "ad_group_criterion": "adset",
    "ad_group_ad": "ad",
}
_LISTS = {"campaign": "list_campaigns", "ad_group": "list_adsets", "ad_group_ad": "list_ads"}
_REASONS = {
    "CANCELED": "CUSTOMER_NOT_ENABLED",
    "CLOSED": "CUSTOMER_NOT_ENABLED",
    "SUSPENDED": "ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT",
}


@dataclass(frozen=True)
class Caller:
    """The caller of a call by its metadata."""

    token: str
    login_customer_id: str | None = None


class GoogleAds(SandboxPlatform[Store, Account, GoogleSeed]):
    """All state of the Google sandbox, and the calls that read and change it."""

    name = "google"
    seeds = GOOGLE_SEEDS
    patched = frozenset(
        {
            "currency",
            "name",
            "operations_per_day",
            "operations_used",
            "spend_bursts",
            "user_lists",
            "status",
            "time_zone",
        }
    )
    extras = frozenset({"ai_max", "criteria", "observed", "undeclared_campaign"})

    def new_store(self) -> Store:
        return Store()

    def seeded_account(self, seed: GoogleSeed, binding: Binding, now: datetime) -> Account:
        return seeded_account(seed, binding)

    def default_seed(self, number: int, account_id: str, user_id: int) -> GoogleSeed:
        token = f"sandbox-google-token-{user_id}"
        return GoogleSeed(number, user_id, account_id, f"Account {number}", "USD", "UTC", token)

    def deliver(self, start: datetime, end: datetime) -> None:
        deliver(self.store, self.world.seed, start, end)

    def audiences(self) -> Iterator[tuple[str, str]]:
        for account_id in self.store.accounts:
            for campaign in self.store.of_kind(account_id, "campaign"):
                for group in self.store.children(campaign, "ad_group"):
                    if not is_removed(group):
                        yield (
                            group.resource_name.rpartition("/")[2],
                            audience_key(self.store, campaign, group),
                        )

    def build_elsewhere(self, account: Account, plan: MadeElsewhere, made_at: datetime) -> str:
        return build(self.store, account, plan, made_at)

    def patch_extras(self, account: Account, changes: Json) -> None:
        """`undeclared_campaign` adds a campaign without its declaration on EU political advertising; `ai_max`
        moves the account's search campaigns to AI Max, as Google does by itself from February 2027 on;
        `criteria` and `observed` are what people set by hand (by_hand.py)."""
        for wish in changes.get("criteria", ()):
            by_hand.add_criterion(self.store, account, wish)
        for wish in changes.get("observed", ()):
            by_hand.observe(self.store, account, wish)
        if changes.get("undeclared_campaign"):
            self._add_undeclared_campaign(account)
        if changes.get("ai_max"):
            for campaign in self.store.of_kind(account.id, "campaign"):
                if enum_name(campaign, "advertising_channel_type") == "SEARCH":
                    campaign.ClearField("dynamic_search_ads_setting")
                    campaign.ai_max_setting.enable_ai_max = True

    def set_review(self, ad_id: str, changes: Json) -> Json:
        """{"outcome": "approved" or "disapproved", "topic"?}: ends the review of ad "<group>~<ad>" at once.

        Raises LookupError, ValueError.
        """
        names = [name for name in self.store.reviews if name.endswith(f"/{ad_id}")]
        if not names:
            raise LookupError(f"no ad {ad_id}")
        topic = str(changes.get("topic", "UNRELIABLE_CLAIMS")) if is_refused(changes) else None
        self.store.reviews[names[0]] = Review(LONG_AGO, topic)
        return {"id": ad_id, "outcome": changes["outcome"]}

    def _add_undeclared_campaign(self, account: Account) -> None:
        """A campaign from before the declaration existed."""
        budget = KINDS["campaign_budget"].message(id=self.store.next_id(), amount_micros=10_000_000)
        budget.resource_name = f"customers/{account.id}/campaignBudgets/{budget.id}"
        budget.explicitly_shared = False
        campaign = KINDS["campaign"].message(id=self.store.next_id(), name="Old campaign")
        campaign.resource_name = f"customers/{account.id}/campaigns/{campaign.id}"
        campaign.campaign_budget = budget.resource_name
        campaign.missing_eu_political_advertising_declaration = True
        set_enum(campaign, "status", "PAUSED")
        set_enum(campaign, "advertising_channel_type", "SEARCH")
        for message in (budget, campaign):
            self.store.resources[message.resource_name] = message

    def request_id(self) -> str:
        return f"sandbox-{self.next_answer():08d}"

    # --- callers ---------------------------------------------------------------------------------------

    def _admitted(self, customer_id: str, caller: Caller) -> Account:
        visible = self.world.accounts.visible(
            self.name, caller.token, self.now(), _invalid_token, lambda: Refusal([expired_token()])
        )
        account = self.store.accounts.get(customer_id)
        if not customer_id.isdigit() or len(customer_id) != 10:
            raise Refusal([AdsError("request_error.INVALID_CUSTOMER_ID", "Invalid customer ID.")])
        if account is None or customer_id not in visible:
            words = (
                "User doesn't have permission to access customer. Note: If you're accessing a client"
                " customer, the manager's customer id must be set in the 'login-customer-id' header."
            )
            raise Refusal([AdsError("authorization_error.USER_PERMISSION_DENIED", words)])
        return account

    def _count(self, account: Account, operations: int) -> None:
        account.operations_used += operations
        is_over = (
            account.operations_per_day is not None and account.operations_used > account.operations_per_day
        )
        if is_over or not self.world.quotas.takes(self.name, "app", self.now(), operations):
            raise Refusal([day_used_up()])

    # --- calls -----------------------------------------------------------------------------------------

    def mutate(self, request: Message, caller: Caller) -> Message:
        """Raises Refusal."""
        account = self._admitted(request.customer_id, caller)
        if account.status in _REASONS:
            words = f"The customer account is {account.status.lower()}."
            raise Refusal([AdsError(f"authorization_error.{_REASONS[account.status]}", words)])
        self._count(account, len(request.mutate_operations))
        for index, operation in enumerate(request.mutate_operations):
            if self._campaign_of(target_of(operation)) in self.world.hidden.closed:
                raise Refusal([not_found().at(index)])
        return mutate(self.store, account, request, self.now())

    def _campaign_of(self, name: str) -> str:
        """The id of the campaign that a resource is or belongs to, by its name."""
        message = self.store.resources.get(name)
        parent = getattr(message, "campaign", "") or getattr(message, "ad_group", "")
        return self._campaign_of(parent) if parent else name.rpartition("/")[2]

    def search(self, customer_id: str, query: str, caller: Caller) -> list[Message]:
        """Raises Refusal."""
        account = self._admitted(customer_id, caller)
        if account.status in ("CANCELED", "CLOSED"):
            words = "The customer account can't be accessed because it is not yet enabled or deactivated."
            raise Refusal([AdsError("authorization_error.CUSTOMER_NOT_ENABLED", words)])
        self._count(account, 1)
        if not query.strip():
            raise Refusal([required("query")])
        parsed = gaql.parse(query)
        is_unkind, hidden = self.world.unkind.is_on, self.world.hidden.campaigns
        rows = Search(self.store, account, self.now(), hidden, lists_devices=is_unkind).rows(parsed)
        if not is_unkind:
            return rows
        return [*without_optional(parsed, rows, self.world.unkind), *foreign_rows(parsed, rows)]


def _invalid_token() -> Refusal:
    words = "The OAuth access token in the header is not valid."
    return Refusal([AdsError("authentication_error.OAUTH_TOKEN_INVALID", words)])


def mutate_operation(request: Message) -> str:
    """The name that faults and the call log use: what the first operation does."""
    if not request.mutate_operations:
        return "mutate"
    name = request.mutate_operations[0].WhichOneof("operation") or ""
    kind = name.removesuffix("_operation")
    if kind == "asset":
        return "upload_image"
    verb = getattr(request.mutate_operations[0], name).WhichOneof("operation") if name else "mutate"
    return f"{'delete' if verb == 'remove' else verb}_{_LEVEL_OF_KIND.get(kind, kind or 'object')}"


def search_operation(text: str) -> str:
    """The name that faults and the call log use: what the query is for."""
    try:
        query = gaql.parse(text)
    except Refusal:
        return "search"
    if query.resource == "customer":
        return "read_account"
    if query.selects("metrics."):
        return "insights"
    if any(path.endswith("primary_status") for path in query.fields):
        return "read_campaign"
    return _LISTS.get(query.resource, "read_campaign")


def page_of(
    rows: list[Message], request: Message, size: int = PAGE_ROWS, overlap: int = 0
) -> tuple[list[Message], str]:
    """One page and the token of the next; pages are of a fixed size. Raises Refusal."""
    if request.page_size:
        words = "Setting the page size is not supported: pages have a fixed size of 10000 rows."
        raise Refusal([AdsError("request_error.PAGE_SIZE_NOT_SUPPORTED", words)])
    if request.page_token and not request.page_token.isdigit():
        raise Refusal([AdsError("request_error.INVALID_PAGE_TOKEN", "Page token is invalid.")])
    start = int(request.page_token or 0)
    end = start + size
    return rows[max(start - overlap, 0) : end], str(end) if end < len(rows) else ""
