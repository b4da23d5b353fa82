"""Injected failures in the platform's own words, and lists whose pages are odd."""

import base64

from local.sandbox.core.faults import Kind
from local.sandbox.meta import errors
from local.sandbox.meta.graph import Graph, GraphCall, GraphReply
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
        "reduce_data": errors.too_much_data,
        "reduce_days": errors.too_many_figures,
    }
    return graph.refusal(makers.get(kind, errors.server_error)())


def odd_pages(graph: Graph, call: GraphCall, kind: Kind) -> GraphReply:
    """The first page of a list, with a link to more of it than there is."""
    asked = call.params.values.pop("after", "")
    reply = graph.execute(call)
    if not isinstance(reply.body, dict) or "data" not in reply.body:
        return reply
    if kind == "lost_id":
        for row in reply.body["data"][-1:]:
            row.pop("id", None)
        return reply
    if kind == "empty_page":
        # Before the first object: positions of reports count from 0, other lists go down by id.
        after = "0" if call.edge == "insights" else base64.urlsafe_b64encode(b"9" * 30).decode()
        reply.body |= {
            "data": [],
            "paging": {"next": f"https://graph.facebook.com/{call.path}?after={after}"},
        }
        return reply
    after = "QVFI" if kind == "same_page" else f"QVFI{len(asked)}{asked}"
    cursors = {"before": asked, "after": after}
    reply.body["paging"] = {
        "cursors": cursors,
        "next": f"https://graph.facebook.com/{call.path}?after={after}",
    }
    return reply
