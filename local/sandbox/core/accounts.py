"""Which user owns which ad account on which platform, and with which token."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

TOKEN_LIFETIME = timedelta(days=60)


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
            if not binding.expired(before):
                binding.token_expires_at = now + TOKEN_LIFETIME

    def next_number(self) -> int:
        return max((binding.number for binding in self.bindings), default=1000) + 1

    def active(self, user_id: int, platform: str) -> Binding | None:
        owned = [b for b in self.bindings if b.user_id == user_id and b.platform == platform]
        return owned[-1] if owned else None

    def numbered(self, user_id: int, number: int) -> Binding | None:
        return next((b for b in self.bindings if b.number == number and b.user_id == user_id), None)

    def by_token(self, platform: str, token: str) -> list[Binding]:
        return [b for b in self.bindings if b.platform == platform and b.access_token == token]
