"""Google Ads in the sandbox: who calls, what is asked, what happens."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from local.sandbox.core.accounts import TOKEN_LIFETIME
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.records import DayRecord, Level
from local.sandbox.core.world import World
from local.sandbox.google import gaql
from local.sandbox.google.delivery import deliver
from local.sandbox.google.errors import AdsError, Refusal, day_used_up, expired_token, required
from local.sandbox.google.messages import KINDS, Message, set_enum
from local.sandbox.google.mutate import mutate
from local.sandbox.google.search import Search
from local.sandbox.google.store import Account, Json, Review, Store, seeded_account
from local.sandbox.seeds import GOOGLE_SEEDS, GoogleSeed, bind_google_account

PAGE_ROWS = 10_000
_PATCHED = {"currency", "name", "operations_per_day", "operations_used", "status", "time_zone"}
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
    """What the metadata of a call says."""

    token: str
    login_customer_id: str | None = None


class GoogleAds:
    """All state of the Google sandbox, and the calls that read and change it."""

    name = "google"

    def __init__(self, world: World) -> None:
        self.world = world
        self._requests = 0
        self.reset()

    def reset(self) -> None:
        self.store = Store()
        now = self.world.clock.now()
        self._delivered_until = whole_hour(now)
        for seed in GOOGLE_SEEDS:
            self._add_account(seed, now)

    def state(self) -> Json:
        return self.store.state()

    def advance(self, now: datetime) -> None:
        until = whole_hour(now)
        deliver(self.store, self.world.seed, self._delivered_until, until)
        self._delivered_until = until

    def records(self, user_id: int, level: Level, object_id: str) -> list[DayRecord]:
        now = self.world.clock.now()
        return [
            record.known(now.astimezone(account.zone).date())
            for record in self.store.records.values()
            if record.id_at(level) == object_id
            and (account := self.store.accounts[record.account_id]).binding.user_id == user_id
        ]

    def patch_account(self, account_id: str, changes: Json) -> Json:
        """Changes a customer, or creates it when `user_id` is given; `undeclared_campaign` adds a campaign
        without its declaration on EU political advertising. Raises LookupError, ValueError."""
        unknown = changes.keys() - _PATCHED - {"user_id", "token_expired", "undeclared_campaign"}
        if unknown:
            raise ValueError(f"unknown account fields: {sorted(unknown)}")
        now = self.world.clock.now()
        account = self.store.accounts.get(account_id) or self._new_account(account_id, changes, now)
        for name in _PATCHED & changes.keys():
            setattr(account, name, changes[name])
        if "token_expired" in changes:
            left = timedelta(days=-1) if changes["token_expired"] else TOKEN_LIFETIME
            account.binding.token_expires_at = now + left
        if changes.get("undeclared_campaign"):
            self._add_undeclared_campaign(account)
        return {"id": account_id, "ad_account_id": account.binding.number}

    def set_review(self, ad_id: str, changes: Json) -> Json:
        """{"outcome": "approved" or "disapproved", "topic"?}: ends the review of ad "<group>~<ad>" at once.
        Raises LookupError, ValueError."""
        names = [name for name in self.store.reviews if name.endswith(f"/{ad_id}")]
        if not names:
            raise LookupError(f"no ad {ad_id}")
        if changes.get("outcome") not in ("approved", "disapproved"):
            raise ValueError("outcome must be approved or disapproved")
        is_refused = changes["outcome"] == "disapproved"
        topic = str(changes.get("topic", "UNRELIABLE_CLAIMS")) if is_refused else None
        long_ago = self.world.clock.now() - timedelta(days=1)
        self.store.reviews[names[0]] = Review(long_ago, topic)
        return {"id": ad_id, "outcome": changes["outcome"]}

    def _new_account(self, account_id: str, changes: Json, now: datetime) -> Account:
        if "user_id" not in changes:
            raise LookupError(f"no account {account_id}; give user_id to create it")
        user_id, number = int(changes["user_id"]), self.world.accounts.next_number()
        token = f"sandbox-google-token-{user_id}"
        seed = GoogleSeed(number, user_id, account_id, f"Account {number}", "USD", "UTC", token)
        return self._add_account(seed, now)

    def _add_account(self, seed: GoogleSeed, now: datetime) -> Account:
        binding = bind_google_account(self.world.accounts, seed, now)
        account = seeded_account(seed, binding)
        self.store.accounts[account.id] = account
        return account

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
        self._requests += 1
        return f"sandbox-{self._requests:08d}"

    # Who may call

    def _admitted(self, customer_id: str, caller: Caller) -> Account:
        bindings = self.world.accounts.by_token("google", caller.token)
        if not bindings:
            words = "The OAuth access token in the header is not valid."
            raise Refusal([AdsError("authentication_error.OAUTH_TOKEN_INVALID", words)])
        if any(binding.expired(self.world.clock.now()) for binding in bindings):
            raise Refusal([expired_token()])
        account = self.store.accounts.get(customer_id)
        if not customer_id.isdigit() or len(customer_id) != 10:
            raise Refusal([AdsError("request_error.INVALID_CUSTOMER_ID", "Invalid customer ID.")])
        if account is None or customer_id not in {binding.platform_account_id for binding in bindings}:
            words = (
                "User doesn't have permission to access customer. Note: If you're accessing a client"
                " customer, the manager's customer id must be set in the 'login-customer-id' header."
            )
            raise Refusal([AdsError("authorization_error.USER_PERMISSION_DENIED", words)])
        return account

    def _count(self, account: Account, operations: int) -> None:
        account.operations_used += operations
        if account.operations_per_day is not None and account.operations_used > account.operations_per_day:
            raise Refusal([day_used_up()])

    # What is asked

    def mutate(self, request: Message, caller: Caller) -> Message:
        """Raises Refusal."""
        account = self._admitted(request.customer_id, caller)
        if account.status in _REASONS:
            words = f"The customer account is {account.status.lower()}."
            raise Refusal([AdsError(f"authorization_error.{_REASONS[account.status]}", words)])
        self._count(account, len(request.mutate_operations))
        return mutate(self.store, account, request, self.world.clock.now())

    def search(self, customer_id: str, query: str, caller: Caller) -> list[Message]:
        """Raises Refusal."""
        account = self._admitted(customer_id, caller)
        if account.status in ("CANCELED", "CLOSED"):
            words = "The customer account can't be accessed because it is not yet enabled or deactivated."
            raise Refusal([AdsError("authorization_error.CUSTOMER_NOT_ENABLED", words)])
        self._count(account, 1)
        if not query.strip():
            raise Refusal([required("query")])
        return Search(self.store, account, self.world.clock.now()).rows(gaql.parse(query))


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


def page_of(rows: list[Message], request: Message) -> tuple[list[Message], str]:
    """One page and the token of the next; pages are of a fixed size. Raises Refusal."""
    if request.page_size:
        words = "Setting the page size is not supported: pages have a fixed size of 10000 rows."
        raise Refusal([AdsError("request_error.PAGE_SIZE_NOT_SUPPORTED", words)])
    if request.page_token and not request.page_token.isdigit():
        raise Refusal([AdsError("request_error.INVALID_PAGE_TOKEN", "Page token is invalid.")])
    start = int(request.page_token or 0)
    end = start + PAGE_ROWS
    return rows[start:end], str(end) if end < len(rows) else ""
