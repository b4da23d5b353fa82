"""Injected failures in the platform's own words, and odd answers of calls that work."""

from typing import Any

from local.sandbox.core.faults import Kind
from local.sandbox.tiktok import errors
from local.sandbox.tiktok.api import TikTok
from local.sandbox.tiktok.context import Call

PARTLY_DONE = 20001
Odd = tuple[int, str, Any]  # code, message and data of the envelope


def faulted(kind: Kind) -> errors.TikTokError:
    """The documented error of an injected failure; garbage and lost answers are the transport's."""
    makers = {
        "auth_expired": errors.expired_token,
        "policy": errors.blocked_by_policy,
        "rate_limit": errors.too_many_calls,
        "rate_limit_second": errors.too_many_calls_a_second,
    }
    return makers.get(kind, errors.server_error)()


def odd_answer(tiktok: TikTok, call: Call, kind: Kind) -> Odd:
    """Do the call, wholly or in part, and answer it oddly. Raises TikTokError."""
    if kind == "partial_unnamed":
        return _partly_done(tiktok, call)
    if kind == "lost_id":
        return _without_id(tiktok, call)
    page = call.params.integer("page", 1, 1, 10_000_000)
    # An empty page comes before all others; a list that does not end shows its first page again and again.
    call.params.values["page"] = str(max(page - 1, 1) if kind == "empty_page" else 1)
    data = tiktok.execute(call)
    if kind != "empty_page":
        data["page_info"]["total_page"] = page + 1
    else:
        data["page_info"]["total_page"] += 1
        data["list"] = data["list"] if page > 1 else []
    return 0, "OK", data


def _partly_done(tiktok: TikTok, call: Call) -> Odd:
    """Leave out the last object of a list, or the only one, and do not say which was left out."""
    lists = [value for value in call.params.values.values() if isinstance(value, list)]
    if lists and len(lists[0]) > 1:
        del lists[0][-1]
        tiktok.execute(call)
    return PARTLY_DONE, "Part of the request was not carried out.", {}


def _without_id(tiktok: TikTok, call: Call) -> Odd:
    """Answer a list whose last row has no id of its own."""
    data = tiktok.execute(call)
    for row in data["list"][-1:]:
        own = f"{call.path.split('/')[-2]}_id"
        row[f"smart_plus_{own}" if f"smart_plus_{own}" in row else own] = None
    return 0, "OK", data
