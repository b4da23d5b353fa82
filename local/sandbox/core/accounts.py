"""Ad accounts with their owners and tokens, on all platforms."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from local.sandbox.seeds import Seed

TOKEN_LIFETIME = timedelta(days=60)
Refuse = Callable[[], Exception]


@dataclass
class Binding:
    """One ad account as the Web Platform knows it; `number` is the Web Platform's own id."""

    number: int
    platform: str
    platform_account_id: str
    user_id: int
    account_name: str
    access_token: str
    token_expires_at: datetime
    status: str = "active"
    is_issued: bool = False  # one more token of an account, from Google's token endpoint
    # The Web Platform's words in place of these facts: its owner typed the id, or it has no token.
    told: dict[str, Any] = field(default_factory=dict)

    def expired(self, now: datetime) -> bool:
        return self.token_expires_at <= now


@dataclass
class Accounts:
    """All bindings; a user's active account on a platform is the one bound last."""

    bindings: list[Binding] = field(default_factory=list)

    def clear(self) -> None:
        self.bindings.clear()

    def bind(self, binding: Binding) -> Binding:
        self.bindings.append(binding)
        return binding

    def renew(self, before: datetime, now: datetime) -> None:
        """Tokens alive `before` are renewed in time, as the Web Platform does; dead ones stay dead."""
        for binding in self.bindings:
            if not binding.expired(before) and not binding.is_issued:
                binding.token_expires_at = now + TOKEN_LIFETIME

    def issue(self, binding: Binding, seconds: int, now: datetime) -> str:
        """Return one more token of the account, which lasts for `seconds`."""
        token = f"{binding.access_token}-{len(self.bindings)}"
        expires = now + timedelta(seconds=seconds)
        self.bindings.append(replace(binding, access_token=token, token_expires_at=expires, is_issued=True))
        return token

    def next_number(self) -> int:
        return max((binding.number for binding in self.bindings), default=1000) + 1

    def active(self, user_id: int, platform: str) -> Binding | None:
        owned = [
            b for b in self.bindings if b.user_id == user_id and b.platform == platform and not b.is_issued
        ]
        return owned[-1] if owned else None

    def numbered(self, user_id: int, number: int) -> Binding | None:
        return next((b for b in self.bindings if b.number == number and b.user_id == user_id), None)

    def by_token(self, platform: str, token: str) -> list[Binding]:
        return [b for b in self.bindings if b.platform == platform and b.access_token == token]

    def visible(self, platform: str, token: str, now: datetime, unknown: Refuse, expired: Refuse) -> set[str]:
        """The platform's ids of the accounts that the token may see. Raises the platform's own refusals."""
        bindings = self.by_token(platform, token)
        if not bindings:
            raise unknown()
        if any(binding.expired(now) for binding in bindings):
            raise expired()
        return {binding.platform_account_id for binding in bindings}


def bind(accounts: Accounts, platform: str, seed: Seed, now: datetime) -> Binding:
    """Give the seed's account to its user."""
    expires = now - timedelta(days=1) if seed.expired else now + TOKEN_LIFETIME
    return accounts.bind(
        Binding(seed.number, platform, seed.account_id, seed.user_id, seed.name, seed.token, expires)
    )


def patch(account: Any, changes: Mapping[str, Any], plain: Set[str], extras: Set[str], now: datetime) -> None:
    """Set fields of an account; `token_expired` moves its token's expiry, `told` is what the Web Platform
    answers of it in other words. Raises ValueError.

    `plain` are the fields that may be set; `extras` are keys that the platform itself carries out.
    """
    unknown = changes.keys() - plain - extras - {"user_id", "token_expired", "told"}
    if unknown:
        raise ValueError(f"unknown account fields: {sorted(unknown)}")
    for name in plain & changes.keys():
        setattr(account, name, changes[name])
    account.binding.told |= changes.get("told", {})
    if "token_expired" in changes:
        left = timedelta(days=-1) if changes["token_expired"] else TOKEN_LIFETIME
        account.binding.token_expires_at = now + left
