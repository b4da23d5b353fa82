"""Injected failures in the platform's own words."""

from local.sandbox.core.faults import Kind
from local.sandbox.tiktok import errors


def faulted(kind: Kind) -> errors.TikTokError:
    """The documented error of an injected failure; garbage and lost answers are the transport's."""
    makers = {
        "auth_expired": errors.expired_token,
        "policy": errors.blocked_by_policy,
        "rate_limit": errors.too_many_calls,
    }
    return makers.get(kind, errors.server_error)()
