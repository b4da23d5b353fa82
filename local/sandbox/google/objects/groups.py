"""Ad groups with their keywords and ages: Google's refusals."""

from __future__ import annotations

from collections.abc import Iterator

from local.sandbox.google.errors import AdsError, not_found, required, too_long
from local.sandbox.google.messages import Message, enum_name, set_enum
from local.sandbox.google.objects.keywords import check_keyword
from local.sandbox.google.store import Draft, is_removed

MAX_NAME = 254
GROUP_TYPES = {"SEARCH": "SEARCH_STANDARD", "DEMAND_GEN": "UNSPECIFIED", "MULTI_CHANNEL": "UNSPECIFIED"}


def channel_of(draft: Draft, group: Message) -> str:
    return enum_name(draft.store.resources[group.campaign], "advertising_channel_type")


def check_new_group(draft: Draft, group: Message) -> Iterator[AdsError]:
    if not group.status:
        set_enum(group, "status", "ENABLED")
    campaign = draft.get(group.campaign, "campaign")
    if campaign is None:
        yield not_found("campaign")
        return
    if is_removed(campaign):
        code = "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE"
        yield AdsError(code, "The campaign is removed.", "campaign")
    channel, kind = channel_of(draft, group), enum_name(group, "type_")
    if kind not in ("UNSPECIFIED", GROUP_TYPES[channel]):
        code = "ad_group_error.AD_GROUP_TYPE_NOT_VALID_FOR_ADVERTISING_CHANNEL_TYPE"
        yield AdsError(code, f"{kind} does not fit {channel} campaigns.", "type")
    elif channel == "SEARCH":
        set_enum(group, "type_", "SEARCH_STANDARD")
    yield from check_group(draft, group, ["name"])


def check_group(draft: Draft, group: Message, paths: list[str]) -> Iterator[AdsError]:
    if "name" not in paths:
        return
    if not group.name.strip():
        yield required("name")
    if len(group.name) > MAX_NAME:
        yield too_long(MAX_NAME, "name")
    for other in draft.living_below(group.campaign, "ad_group"):
        if other.resource_name != group.resource_name and other.name == group.name:
            code = "ad_group_error.DUPLICATE_ADGROUP_NAME"
            yield AdsError(code, "AdGroup with the same name already exists for the campaign.", "name")
            return


def check_new_criterion(draft: Draft, criterion: Message) -> Iterator[AdsError]:
    if not criterion.status:
        set_enum(criterion, "status", "ENABLED")
    group = draft.get(criterion.ad_group, "ad_group")
    if group is None or is_removed(group):
        yield not_found("ad_group")
        return
    kind = criterion.WhichOneof("criterion")
    if kind not in ("keyword", "age_range", "gender", "user_list"):
        code = "ad_group_criterion_error.CONCRETE_TYPE_REQUIRED"
        yield AdsError(code, "Concrete type of criterion is required.")
        return
    yield from _check_kind(channel_of(draft, group), kind, criterion.negative)
    if kind == "user_list":
        yield from _check_user_list(draft, criterion)
    else:
        yield from check_keyword(criterion) if kind == "keyword" else _check_people(criterion, kind)
    set_enum(criterion, "type_", kind.upper())
    beside = draft.living_below(criterion.ad_group, "ad_group_criterion")
    if any(_is_same(other, criterion) for other in beside):
        code = "mutate_error.RESOURCE_ALREADY_EXISTS"
        yield AdsError(code, "The resource already exists.")


def check_criterion(draft: Draft, criterion: Message, paths: list[str]) -> Iterator[AdsError]:
    if criterion.negative:
        code = "ad_group_criterion_error.CANT_UPDATE_NEGATIVE"
        yield AdsError(code, "Negative ad group criteria are not updateable.")


def _check_kind(channel: str, kind: str, is_negative: bool) -> Iterator[AdsError]:
    is_fine = channel == "SEARCH" or (channel == "DEMAND_GEN" and kind in ("age_range", "gender"))
    if not is_fine:
        what = "EXCLUDE" if is_negative else "ADD"
        code = f"ad_group_criterion_error.CANNOT_{what}_CRITERIA_TYPE"
        yield AdsError(code, f"{kind} does not fit {channel} campaigns.")


def _check_user_list(draft: Draft, criterion: Message) -> Iterator[AdsError]:
    known = [f"customers/{draft.account.id}/userLists/{item}" for item in draft.account.user_lists]
    if criterion.user_list.user_list not in known:
        code = "criterion_error.INVALID_USER_LIST"
        yield AdsError(code, "The user list cannot be targeted.", "user_list", "user_list")


def _check_people(criterion: Message, kind: str) -> Iterator[AdsError]:
    if not getattr(criterion, kind).type_:
        yield required(kind, "type")


def _is_same(one: Message, other: Message) -> bool:
    kind = other.WhichOneof("criterion")
    return one.WhichOneof("criterion") == kind and bool(getattr(one, kind) == getattr(other, kind))
