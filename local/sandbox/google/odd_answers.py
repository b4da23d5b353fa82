"""Answers of Google that a client must survive: pages and partial failures of an unusual form."""

from collections.abc import Callable

from local.sandbox.core.faults import Kind
from local.sandbox.google.errors import AdsError
from local.sandbox.google.messages import Message, MutateResponse
from local.sandbox.google.mutate import tell_partial

Act = Callable[[], Message]


def partly_done(request: Message, act: Act) -> Message:
    """Do all but the last operation; the error names a field of it, and no operation."""
    if not request.partial_failure or not request.mutate_operations:
        return act()
    del request.mutate_operations[-1]
    response = act() if request.mutate_operations else MutateResponse()
    response.mutate_operation_responses.add()
    words = "The operation is not allowed for the resource."
    code = "operation_access_denied_error.ACTION_NOT_PERMITTED"
    tell_partial(response, [AdsError(code, words, "resource_name")])
    return response


def odd_page(kind: Kind, request: Message, act: Act) -> Message:
    """The first page with the same token as ever, an empty one before it, or one of endlessly many; a page
    whose last row shows nothing."""
    if kind == "lost_id":
        page = act()
        for row in page.results[-1:]:
            row.Clear()
        return page
    asked = request.page_token
    request.page_token = ""
    page = act()
    if kind == "empty_page":
        del page.results[:]
        page.next_page_token = "0"
    elif kind == "same_page":
        page.next_page_token = "7"
    else:
        page.next_page_token = str(int(asked or 0) + 1)
    return page
