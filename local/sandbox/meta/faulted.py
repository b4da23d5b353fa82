"""Injected failures in the platform's own words."""

from local.sandbox.core.faults import Kind
from local.sandbox.meta import errors
from local.sandbox.meta.graph import Graph, GraphReply
from local.sandbox.meta.limits import code_for, usage_headers

LIMIT_MINUTES = 5


def faulted_reply(graph: Graph, kind: Kind, operation: str) -> GraphReply:
    """The documented body of an injected failure; garbage and lost answers are the transport's."""
    if kind in ("rate_limit", "rate_limit_bare"):
        business = next(iter(graph.store.accounts.values())).business_id
        headers = usage_headers(business, 100, LIMIT_MINUTES, operation)
        if kind == "rate_limit_bare":
            headers.pop("X-Business-Use-Case-Usage")
        return graph.refusal(errors.too_many_calls(code_for(operation), headers))
    makers = {
        "auth_expired": errors.expired_token,
        "policy": errors.blocked_by_policy,
    }
    return graph.refusal(makers.get(kind, errors.server_error)())
